/**
 * LZ4 beside lz4_flex (lz4-wasm-nodejs), another implementation of the block format, and the cases
 * that its format has.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import * as reference from 'lz4-wasm-nodejs';
import { createLz4 } from '../../src/compress/lz4.ts';
import { compressed, decompressed } from './codecs.ts';
import { anyContent, jsonContent, noise } from './contents.ts';

/** The reference puts the content length before a block, in 4 bytes. */
const PREFIX_BYTES = 4;

const codec = createLz4();

function prefixed(stored: Uint8Array, contentLen: number): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES + stored.length);
  new DataView(bytes.buffer).setUint32(0, contentLen, true);
  bytes.set(stored, PREFIX_BYTES);
  return bytes;
}

test('the reference reads what we write', () => {
  fc.assert(
    fc.property(anyContent(), (content) => {
      const stored = compressed(codec, content)!;
      const read = reference.decompress(prefixed(stored, content.length));
      assert.ok(Buffer.from(read).equals(content));
    }),
  );
});

test('we read what the reference writes', () => {
  fc.assert(
    fc.property(anyContent(), (content) => {
      const stored = reference.compress(content).subarray(PREFIX_BYTES);
      const read = decompressed(codec, stored, content.length);
      assert.ok(read !== undefined && Buffer.from(read).equals(content));
    }),
  );
});

test('blocks are as small as those of the reference', () => {
  for (const length of [4096, 16_384, 65_536, 200_000]) {
    const content = jsonContent(length);
    const { length: ours } = compressed(codec, content)!;
    assert.ok(ours <= reference.compress(content).length, `${length}: ${ours}`);
  }
});

test('matches of every distance up to 40 and length up to 100 are copied right', () => {
  for (let distance = 1; distance <= 40; distance++) {
    const period = noise(distance, distance);
    for (let length = 4; length <= 100; length++) {
      const content = Uint8Array.from(
        { length: distance + length },
        (_, i) => period[i % distance]!,
      );
      const stored = sequence(period, distance, length);
      const whole = Uint8Array.of(...content, 1, 2, 3, 4, 5);
      const read = decompressed(codec, Uint8Array.of(...stored, 0x50, 1, 2, 3, 4, 5), whole.length);
      assert.deepEqual(read, whole, `distance ${distance}, length ${length}`);
    }
  }
});

test('a distance of zero, or to before the first byte, is refused', () => {
  const end = [0x50, 1, 2, 3, 4, 5];
  for (const [distance, isRight] of [
    [4, true],
    [0, false],
    [5, false],
    [65_535, false],
  ] as const) {
    const stored = Uint8Array.of(...sequence(noise(4), distance, 4), ...end);
    assert.equal(decompressed(codec, stored, 13) !== undefined, isRight, `${distance}`);
  }
});

test('lengths that go on and on are refused', () => {
  for (const token of [0xf0, 0x1f]) {
    const stored = new Uint8Array(100_000).fill(0xff);
    stored.set([token, 7, 1, 0]);
    assert.equal(decompressed(codec, stored, 100_000), undefined);
  }
});

test('literals and matches that would end far behind the content are refused', () => {
  const length = 2 ** 20;
  const end = [0x50, 1, 2, 3, 4, 5];
  const more = (count: number) => [...new Array(Math.floor(count / 255)).fill(255), count % 255];
  // Beyond any memory that the content needs.
  const far = [1, 0, ...more(2 ** 25)];
  assert.equal(decompressed(codec, Uint8Array.from([0x1f, 7, ...far, ...end]), length), undefined);
  const almost = [0x1f, 7, 1, 0, ...more(length - 5000)];
  const literals = [0xff, ...more(6000), ...noise(6015)];
  const stored = Uint8Array.from([...almost, ...literals, ...far, ...end]);
  assert.equal(decompressed(codec, stored, length), undefined);
});

test('every cut of a block is refused', () => {
  const content = jsonContent(3000);
  const stored = compressed(codec, content)!;
  for (let length = 0; length < stored.length; length++) {
    assert.equal(decompressed(codec, stored.slice(0, length), content.length), undefined);
  }
});

test('a match reaches back to the start of its window of 64 KiB, and no further', () => {
  for (const [gap, shrinks] of [
    [64_000, true],
    [65_536, false],
  ] as const) {
    const repeated = noise(1000, 1);
    const content = Uint8Array.of(...repeated, ...noise(gap, 2), ...repeated);
    const stored = compressed(codec, content)!;
    assert.equal(stored.length < content.length - 500, shrinks, `${gap}`);
    assert.deepEqual(decompressed(codec, stored, content.length), content);
  }
});

test('content of several windows comes back, whatever the windows end in', () => {
  const records = jsonContent(140_000);
  for (let before = 0; before < 100; before++) {
    const content = new Uint8Array(before + records.length);
    content.set(noise(before, 2));
    content.set(records, before);
    const stored = compressed(codec, content)!;
    assert.ok(stored.length < content.length / 2, `${before}`);
    assert.deepEqual(decompressed(codec, stored, content.length), content);
  }
});

test('content beyond the shared memory is compressed as well', () => {
  const content = jsonContent(3_000_000);
  const stored = compressed(codec, content)!;
  assert.ok(stored.length < content.length / 2);
  assert.ok(Buffer.from(decompressed(codec, stored, content.length)!).equals(content));
});

/** One sequence, with counts below 270. */
function sequence(literals: Uint8Array, distance: number, length: number): number[] {
  const rest = (count: number) => (count < 15 ? [] : [count - 15]);
  const token = (Math.min(literals.length, 15) << 4) | Math.min(length - 4, 15);
  return [
    token,
    ...rest(literals.length),
    ...literals,
    distance & 0xff,
    distance >>> 8,
    ...rest(length - 4),
  ];
}
