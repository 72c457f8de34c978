/**
 * Protection by shards: the section's layout, every way to damage as many shards as it can restore,
 * and refusal beyond.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { createEccCodec } from '../../src/ecc/codec.ts';
import type { EccCodec } from '../../src/ecc/port.ts';
import { DAMAGES, ProtectedBlock, randomBytes, subsets } from './damage.ts';
import { RonomonCode } from './ronomon.ts';

const { h32Raw } = await xxhash();

/** Codes with the parity shards that each has. */
const CODES: readonly [string, number, () => EccCodec][] = [
  ['xor(4)', 1, () => createEccCodec({ scheme: 'xor', data: 4 })],
  ['xor(1)', 1, () => createEccCodec({ scheme: 'xor', data: 1 })],
  ['rs(4, 2)', 2, () => rs(4, 2)],
  ['rs(1, 2)', 2, () => rs(1, 2)],
  ['rs(2, 3)', 3, () => rs(2, 3)],
  ['rs(5, 3)', 3, () => rs(5, 3)],
];

function rs(data: number, parity: number): EccCodec {
  return createEccCodec({ scheme: 'reed-solomon', data, parity });
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Applies every mix of damages to the shards named, one kind a shard. */
function forEachMix(names: readonly string[], count: number, visit: (mix: string[]) => void): void {
  for (let code = 0; code < names.length ** count; code++) {
    visit(
      Array.from(
        { length: count },
        (_, i) => names[Math.floor(code / names.length ** i) % names.length]!,
      ),
    );
  }
}

suite('the section of a block that is protected by shards', () => {
  test('is parity, checksums of the data shards and a checksum of itself, as documented', () => {
    const block = randomBytes(50, 1);
    const { written, off, end } = new ProtectedBlock(
      createEccCodec({ scheme: 'xor', data: 3 }),
      block,
    );
    const shards = Buffer.alloc(60);
    shards.set(block);
    const parity = Buffer.from({ length: 20 });
    for (let at = 0; at < 20; at++) parity[at] = shards[at]! ^ shards[20 + at]! ^ shards[40 + at]!;
    const sums = [0, 20, 40].map((at) => u32(h32Raw(shards.subarray(at, at + 20), 0)));
    const own = u32(h32Raw(Buffer.concat(sums), h32Raw(parity, 0)));
    const expected = Buffer.concat([parity, ...sums, own]);
    assert.deepEqual(Buffer.from(written.subarray(off + 50, end)), expected);
  });

  test('lists only the shards in which the block has bytes', () => {
    const codec = rs(10, 4);
    assert.deepEqual(codec.layout(100), {
      dataShardBytes: 16,
      dataShards: 7,
      parityShardBytes: 16 + 4 * 7 + 4,
      parityShards: 4,
    });
    assert.equal(codec.parityBytes(100), 4 * 48);
  });

  test('seeds the checksum of each parity shard with its number', () => {
    const { written, off, end } = new ProtectedBlock(rs(1, 3), randomBytes(8, 1));
    const section = Buffer.from(written.subarray(off + 8, end));
    const shards = [0, 1, 2].map((j) => section.subarray(j * 16, j * 16 + 16));
    for (const [j, shard] of shards.entries()) {
      const own = h32Raw(shard.subarray(8, 12), h32Raw(shard.subarray(0, 8), j));
      assert.equal(shard.readUInt32LE(12), own);
      assert.deepEqual(shard.subarray(0, 12), shards[0]!.subarray(0, 12));
    }
  });

  test('is empty for an empty block', () => {
    for (const [name, , make] of CODES) {
      const protectedBlock = new ProtectedBlock(make(), new Uint8Array(0));
      assert.equal(protectedBlock.codec.parityBytes(0), 0, name);
      assert.deepEqual(protectedBlock.shards(), [], name);
      assert.ok(protectedBlock.isAsWritten());
      protectedBlock.expectRefused(name);
    }
  });

  test('holds the parity of @ronomon/reed-solomon, in parts as there', async () => {
    for (const [k, m, length] of [
      [4, 2, 4096],
      [10, 4, 65_537],
      [4, 2, 2 ** 20],
      [4, 2, 5_000_001],
      [3, 2, 3_000_000],
      [12, 6, 3_000_000],
      [1, 3, 700_001],
      [24, 1, 2 ** 21],
    ] as const) {
      const protectedBlock = new ProtectedBlock(rs(k, m), randomBytes(length, k));
      const { dataShardBytes } = protectedBlock.codec.layout(length);
      const data = Buffer.alloc(k * dataShardBytes);
      data.set(protectedBlock.block);
      const expected = Buffer.alloc(m * dataShardBytes);
      await new RonomonCode(k, m).encode(data, expected);
      const parity = protectedBlock.shards().slice(-m);
      for (const [j, [from]] of parity.entries()) {
        const stored = protectedBlock.written.subarray(from, from + dataShardBytes);
        const wanted = expected.subarray(j * dataShardBytes, (j + 1) * dataShardBytes);
        assert.equal(Buffer.compare(stored, wanted), 0, `(${k}, ${m}) of ${length}, shard ${j}`);
      }
    }
  });

  test('never makes a shard longer than rounding demands', () => {
    const codec = rs(4, 2);
    for (let length = 1; length < 3_000_000; length += 7919) {
      const { dataShardBytes } = codec.layout(length);
      const least = Math.ceil(length / 4);
      assert.ok(dataShardBytes >= least && dataShardBytes < least * 1.01 + 16, `${length}`);
    }
    // Coded in 8 parts, 512 times a whole number of bytes; in 2048 parts.
    assert.equal(codec.layout(5_000_001).dataShardBytes, 512 * 2442);
    assert.equal(codec.layout(2 ** 30 - 1).dataShardBytes, 2 ** 28);
  });
});

suite('a block that is protected by shards', () => {
  for (const [name, m, make] of CODES) {
    test(`reads back right after every way to damage up to ${m} shards of ${name}`, () => {
      for (const length of [1, 24, 61, 200]) {
        const protectedBlock = new ProtectedBlock(make(), randomBytes(length, length));
        const shards = protectedBlock.shards();
        const dataShards = shards.length - m;
        for (let count = 1; count <= m; count++) {
          for (const set of subsets(shards.length, count)) {
            forEachMix(Object.keys(DAMAGES), count, (mix) => {
              protectedBlock.reset();
              for (const [i, kind] of mix.entries()) {
                DAMAGES[kind]!(protectedBlock.buf, ...shards[set[i]!]!);
              }
              const what = `${length} bytes, ${mix} at ${set}`;
              const lost = set.filter((shard) => shard < dataShards).length;
              if (lost === 0) return;
              const repair = protectedBlock.expectRepaired(what);
              assert.deepEqual(repair, { correctedShards: lost, correctedBits: 0 }, what);
            });
          }
        }
      }
    });
  }

  test('reads back right after any one or two wrong bits', () => {
    const protectedBlock = new ProtectedBlock(rs(4, 2), randomBytes(40, 1));
    const { buf, off, end, block } = protectedBlock;
    const blockBits = block.length * 8;
    for (let first = 0; first < blockBits; first++) {
      for (let second = first + 1; second < (end - off) * 8; second += 3) {
        protectedBlock.reset();
        for (const bit of [first, second]) buf[off + (bit >> 3)]! ^= 1 << (bit & 7);
        protectedBlock.expectRepaired(`bits ${first} and ${second}`);
      }
    }
  });

  test('is refused, and left alone, when one shard more is damaged', () => {
    for (const [name, m, make] of CODES) {
      const protectedBlock = new ProtectedBlock(make(), randomBytes(200, 3));
      const shards = protectedBlock.shards();
      for (const set of subsets(shards.length, m + 1)) {
        forEachMix(['first bit', 'last bit', 'noise'], m + 1, (mix) => {
          protectedBlock.reset();
          for (const [i, kind] of mix.entries()) {
            DAMAGES[kind]!(protectedBlock.buf, ...shards[set[i]!]!);
          }
          protectedBlock.expectRefused(`${name}: ${mix} at ${set}`);
        });
      }
    }
  });

  test('is not restored to another block whose shards stand among its own', () => {
    for (const [k, m] of [
      [1, 3],
      [2, 4],
      [4, 4],
      [3, 5],
    ] as const) {
      const protectedBlock = new ProtectedBlock(rs(k, m), randomBytes(150, 1));
      const stale = new ProtectedBlock(rs(k, m), randomBytes(150, 2)).written;
      const shards = protectedBlock.shards();
      for (let count = 1; count <= m; count++) {
        for (const set of subsets(k + m, count)) {
          if (set[0]! >= k) continue;
          protectedBlock.reset();
          for (const shard of set) {
            const [from, to] = shards[shard]!;
            protectedBlock.buf.set(stale.subarray(from, to), from);
          }
          protectedBlock.expectRepaired(`(${k}, ${m}), stale ${set}`);
          assert.ok(protectedBlock.questions <= m);
        }
      }
    }
  });

  test('is not misled by parity shards in each other’s places', () => {
    const protectedBlock = new ProtectedBlock(rs(4, 3), randomBytes(99, 1));
    const { buf, written } = protectedBlock;
    const shards = protectedBlock.shards();
    for (const [a, b] of [
      [4, 5],
      [4, 6],
      [5, 6],
    ] as const) {
      for (let data = 0; data < 4; data++) {
        protectedBlock.reset();
        buf.set(written.subarray(...shards[a]!), shards[b]![0]);
        buf.set(written.subarray(...shards[b]!), shards[a]![0]);
        DAMAGES['first bit']!(buf, ...shards[data]!);
        protectedBlock.expectRepaired(`parity ${a} and ${b} swapped, data ${data} damaged`);
      }
    }
  });

  test('of every length up to 600 bytes reads back right', () => {
    for (const make of [
      () => rs(4, 2),
      () => rs(10, 4),
      () => createEccCodec({ scheme: 'xor', data: 3 }),
    ]) {
      const codec = make();
      for (let length = 1; length <= 600; length++) {
        const protectedBlock = new ProtectedBlock(codec, randomBytes(length, length));
        const layout = codec.layout(length);
        const shards = protectedBlock.shards();
        assert.equal(shards[layout.dataShards - 1]![1], protectedBlock.off + length);
        assert.equal(shards.at(-1)![1], protectedBlock.end);
        for (let i = 0; i < layout.parityShards && i < layout.dataShards; i++) {
          DAMAGES['every bit']!(protectedBlock.buf, ...shards[layout.dataShards - 1 - i]!);
        }
        protectedBlock.expectRepaired(`${length} bytes`);
      }
    }
  });

  test('of a megabyte and more reads back right, coded in parts', () => {
    for (const [k, m, length] of [
      [4, 2, 2 ** 20],
      [4, 2, 3_333_333],
      [1, 2, 1_500_000],
    ] as const) {
      const protectedBlock = new ProtectedBlock(rs(k, m), randomBytes(length, 9));
      const shards = protectedBlock.shards();
      DAMAGES['zeros']!(protectedBlock.buf, ...shards[k - 1]!);
      DAMAGES['last bit']!(protectedBlock.buf, ...shards[Math.max(0, k - 3)]!);
      protectedBlock.expectRepaired(`(${k}, ${m}) of ${length}`);
      DAMAGES['noise']!(protectedBlock.buf, ...shards[0]!);
      DAMAGES['noise']!(protectedBlock.buf, ...shards[k]!);
      protectedBlock.expectRepaired(`(${k}, ${m}) of ${length}`);
    }
  });

  test('is not given back wrong, whatever stands in it and in its section', () => {
    const noise = fc.record({
      length: fc.integer({ min: 1, max: 300 }),
      k: fc.integer({ min: 1, max: 24 }),
      m: fc.integer({ min: 1, max: 6 }),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(noise, ({ length, k, m, from, seed }) => {
        const protectedBlock = new ProtectedBlock(rs(k, m), randomBytes(length, seed));
        const { buf, off, end } = protectedBlock;
        const at = off + Math.floor(from * (end - off));
        buf.set(randomBytes(end - at, seed + 1), at);
        const damaged = buf.slice();
        const repair = protectedBlock.repair();
        assert.ok(protectedBlock.questions <= m);
        const expected = repair === undefined ? damaged : protectedBlock.written;
        assert.equal(Buffer.compare(buf, expected), 0);
      }),
      { numRuns: 300 },
    );
  });

  test('leaves the codec fit for blocks of other lengths', () => {
    const codec = rs(4, 2);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 6 }), (lengths) => {
        for (const length of lengths) {
          const protectedBlock = new ProtectedBlock(codec, randomBytes(length, length));
          const fresh = new ProtectedBlock(rs(4, 2), protectedBlock.block);
          assert.equal(Buffer.compare(protectedBlock.written, fresh.written), 0);
          DAMAGES['noise']!(protectedBlock.buf, ...protectedBlock.shards()[0]!);
          protectedBlock.expectRepaired(`${length} bytes`);
        }
      }),
      { numRuns: 60, examples: [[[26]]] },
    );
  });
});
