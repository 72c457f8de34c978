/**
 * Zeros in a record log prove that a write was cut off: nothing that is written holds them.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_MASK_OFF } from '../../src/block/block-format.ts';
import { applyMask, hasBlankPart } from '../../src/block/mask.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { contentOf, kinds, Log, type Placed, readAll } from './staged-log.ts';

describe('a mask', () => {
  test('goes as it came, at any place', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.nat(9),
        fc.integer({ min: 1, max: 255 }),
        (bytes, off, mask) => {
          const buf = new Uint8Array(off + bytes.length + 9).fill(7);
          buf.set(bytes, off);
          const before = buf.slice();
          applyMask(buf, off, bytes.length, mask);
          const masked = buf.slice(off, off + bytes.length);
          assert.deepEqual(buf.subarray(0, off), before.subarray(0, off));
          assert.deepEqual(buf.subarray(off + bytes.length), before.subarray(off + bytes.length));
          applyMask(buf, off, bytes.length, mask);
          assert.deepEqual(buf, before);
          // Where it begins does not matter.
          const other = bytes.slice();
          applyMask(other, 0, bytes.length, mask);
          assert.deepEqual(other, masked);
        },
      ),
    );
  });

  test('is the pattern of the format', () => {
    const bytes = new Uint8Array(8);
    applyMask(bytes, 0, 8, 1);
    const words = [1n, 2n].map((i) => {
      const mod = (x: bigint) => x & 0xffff_ffffn;
      let x = mod(i * 0x9e3779b1n + 0x85ebca77n);
      x = mod((x ^ (x >> 15n)) * 0x2c1b3c6dn);
      return Number(x ^ (x >> 13n));
    });
    const view = new DataView(bytes.buffer);
    assert.deepEqual([view.getUint32(0, true), view.getUint32(4, true)], words);
  });
});

/** As the format says it, by every byte. */
function isBlank(bytes: Uint8Array, position: number): boolean {
  const parts = new Map<number, number[]>();
  bytes.forEach((byte, i) => {
    const sector = Math.floor((position + i) / 512);
    parts.set(sector, [...(parts.get(sector) ?? []), byte]);
  });
  const ends = [...parts.values(), [...bytes.slice(-1)]];
  return ends.some((part) => part.every((byte) => byte === 0));
}

test('a blank part is found wherever it is', () => {
  const random = new SeededRandom(3);
  for (let round = 0; round < 4000; round++) {
    const bytes = new Uint8Array(1 + random.below(1700));
    for (let spots = random.below(9); spots > 0; spots--) {
      bytes[random.below(bytes.length)] = 1;
    }
    if (random.chance(0.8)) bytes[bytes.length - 1] = 1;
    const position = random.below(1000) === 0 ? 512 : random.below(100_000);
    const buf = new Uint8Array(bytes.length + 40);
    buf.set(bytes, 20);
    assert.equal(hasBlankPart(buf, 20, bytes.length, position), isBlank(bytes, position));
  }
});

/** Contents of zeros, but for a byte here and there, of which no two have one length. */
function zeroContents(seed: number): Uint8Array[] {
  const random = new SeededRandom(seed);
  return [0, 5, 490, 513, 1100, 3000].map((length) => {
    const content = new Uint8Array(length + random.below(300));
    if (content.length > 0 && random.chance(0.5)) content[random.below(content.length)] = 9;
    return content;
  });
}

/** What the record has of each sector, its frame left out. */
function sectorsOf({ blockAt, end }: Placed): [number, number][] {
  const parts: [number, number][] = [];
  for (let at = blockAt; at < end; at += 512 - (at % 512)) {
    parts.push([at, Math.min(end, at - (at % 512) + 512)]);
  }
  return parts;
}

for (const kind of kinds.filter(({ name }) => /^no code, .*(gcm|1305), none/.test(name))) {
  test(`a record whose end alone is zero in its sector gets one too (${kind.name})`, () => {
    const log = new Log(kind);
    // Each but the first ends with the first byte of a sector, a byte of its checksum.
    const overhead = 40;
    log.append(new Uint8Array(513 - (log.writer.sizeBytes % 512) - overhead));
    const contents = [log.records[0]!.content];
    let masked = 0;
    for (let i = 0; i < 1500 && masked < 2; i++) {
      const content = new Uint8Array(512 - overhead).fill(1 + (i % 255));
      contents.push(content);
      const { blockAt, end } = log.append(content);
      const stored = log.stored();
      assert.equal(end % 512, 1);
      assert.notEqual(stored[end - 1], 0);
      if (stored[blockAt + BLOCK_MASK_OFF] !== 0) masked++;
    }
    assert.equal(masked, 2);
    assert.deepEqual(readAll(log), contents);
  });
}

for (const kind of kinds) {
  test(`a log of zeros has none on disk, and gives them back (${kind.name})`, () => {
    let masked = 0;
    for (let seed = 0; seed < 6; seed++) {
      const log = new Log(kind);
      const contents = zeroContents(seed);
      for (const content of contents) log.append(content);
      const stored = log.stored();
      for (const { blockAt, end } of log.records) {
        assert.ok(!isBlank(stored.subarray(blockAt, end), blockAt));
        if (stored[blockAt + BLOCK_MASK_OFF] !== 0) masked++;
      }
      assert.deepEqual(readAll(log), contents);
    }
    assert.ok(masked > 0 || !kind.name.includes('in the clear'));
  });

  test(`damage to it is none that a cut write leaves, a lost sector is (${kind.name})`, () => {
    const log = new Log(kind);
    for (const content of zeroContents(9)) log.append(content);
    const whole = log.stored();
    const random = new SeededRandom(7);
    for (const [i, record] of log.records.entries()) {
      const isLast = i === log.records.length - 1;
      const next = log.records[i + 1]?.position ?? whole.length;
      for (let round = 0; round < 12; round++) {
        const bytes = whole.slice();
        // More than any code puts right: a burst in each shard, and in its parity.
        const from = record.blockAt + random.below(16);
        for (let at = from; at < record.end; at += 9) bytes[at]! ^= 1 + random.below(255);
        // But no byte of it is made zero, so no sector is.
        for (let at = record.blockAt; at < record.end; at++) bytes[at] ||= whole[at]!;
        log.store(bytes);
        const reader = log.open();
        for (let skip = 0; skip < i; skip++) assert.equal(reader.next(), 'record');
        assert.equal(reader.next(), 'flaw');
        assert.equal(reader.looksUnwritten(record.position, next), false, `record ${i}`);
        // A length that was hit too may claim more than there is.
        if (isLast && from > record.blockAt + 12) assert.ok(!reader.looksTorn(record.position));
        reader.close();
      }
      for (const [from, to] of sectorsOf(record)) {
        const bytes = whole.slice();
        bytes.fill(0, from, to);
        log.store(bytes);
        const reader = log.open();
        for (let skip = 0; skip < i; skip++) assert.equal(reader.next(), 'record');
        // A code may put it right.
        if (reader.next() === 'flaw') {
          assert.ok(reader.looksUnwritten(record.position, next), `record ${i} ${from}`);
          if (isLast) assert.ok(reader.looksTorn(record.position));
        } else {
          assert.deepEqual(contentOf(reader), record.content);
        }
        reader.close();
      }
    }
  });
}
