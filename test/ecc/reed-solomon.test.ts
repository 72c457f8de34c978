/**
 * The code itself: parity against @ronomon/reed-solomon, and every pattern of lost shards.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ReedSolomon } from '../../src/ecc/reed-solomon.ts';
import { randomBytes, subsets } from './damage.ts';
import { RonomonCode } from './ronomon.ts';

const DATA_SHARDS_MAX = 24;
const PARITY_SHARDS_MAX = 6;

/**
 * Spreads the shards over words: a packet whose length is no multiple of 4 bytes is filled up.
 * Shards here are small enough to be coded in one part.
 */
function toWords(code: ReedSolomon, shards: Uint8Array, shardBytes: number): Int32Array {
  const packetBytes = shardBytes / code.shardPackets;
  const strideBytes = Math.ceil(packetBytes / 4) * 4;
  const packets = (code.dataShards + code.parityShards) * code.shardPackets;
  const bytes = new Uint8Array(packets * strideBytes);
  for (let p = 0; p * packetBytes < shards.length; p++) {
    bytes.set(shards.subarray(p * packetBytes, (p + 1) * packetBytes), p * strideBytes);
  }
  return new Int32Array(bytes.buffer);
}

/** The bytes of shards `first` on, without the filling. */
function fromWords(
  code: ReedSolomon,
  words: Int32Array,
  shardBytes: number,
  first: number,
): Buffer {
  const packetBytes = shardBytes / code.shardPackets;
  const strideBytes = Math.ceil(packetBytes / 4) * 4;
  const all = new Uint8Array(words.buffer);
  const packets: Uint8Array[] = [];
  for (let at = first * code.shardPackets * strideBytes; at < all.length; at += strideBytes) {
    packets.push(all.subarray(at, at + packetBytes));
  }
  return Buffer.concat(packets);
}

function packetWords(code: ReedSolomon, words: Int32Array): number {
  return words.length / (code.dataShards + code.parityShards) / code.shardPackets;
}

/** Destroys the shards named, decodes, encodes, and expects the words as they were. */
function checkErasures(code: ReedSolomon, encoded: Int32Array, shards: readonly number[]): void {
  const words = encoded.slice();
  const shardWords = words.length / (code.dataShards + code.parityShards);
  let erased = 0;
  for (const shard of shards) {
    words.fill(0x5a5a5a5a, shard * shardWords, (shard + 1) * shardWords);
    erased |= 1 << shard;
  }
  const what = `(${code.dataShards}, ${code.parityShards}) without ${shards}`;
  assert.ok(code.decode(words, packetWords(code, words), erased), what);
  const dataWords = code.dataShards * shardWords;
  assert.deepEqual(words.subarray(0, dataWords), encoded.subarray(0, dataWords), what);
  code.encode(words, packetWords(code, words));
  assert.deepEqual(words, encoded, what);
}

function encodeRandom(code: ReedSolomon, words: number, seed: number): Int32Array {
  const shards = code.dataShards + code.parityShards;
  const all = new Int32Array(randomBytes(shards * code.shardPackets * words * 4, seed).buffer);
  code.encode(all, words);
  return all;
}

suite('Reed-Solomon code', () => {
  for (let m = 1; m <= PARITY_SHARDS_MAX; m++) {
    test(`gives the parity of @ronomon/reed-solomon for ${m} parity shards`, async () => {
      for (let k = 1; k <= DATA_SHARDS_MAX; k++) {
        const code = new ReedSolomon(k, m);
        const oracle = new RonomonCode(k, m);
        for (const shardBytes of [8, 16, 24, 64, 104, 1000, 4096]) {
          const data = randomBytes(k * shardBytes, k * 1000 + shardBytes);
          const expected = Buffer.alloc(m * shardBytes);
          await oracle.encode(data, expected);
          const words = toWords(code, data, shardBytes);
          code.encode(words, packetWords(code, words));
          const parity = fromWords(code, words, shardBytes, k);
          assert.equal(Buffer.compare(parity, expected), 0, `(${k}, ${m}) of ${shardBytes} bytes`);
        }
      }
    });
  }

  test('restores every pattern of lost shards of small codes', () => {
    for (let k = 1; k <= 5; k++) {
      for (let m = 1; m <= 4; m++) {
        const code = new ReedSolomon(k, m);
        const encoded = encodeRandom(code, 3, k * 10 + m);
        for (let lost = 0; lost <= m; lost++) {
          for (const shards of subsets(k + m, lost)) checkErasures(code, encoded, shards);
        }
      }
    }
  });

  test('restores any pattern of lost shards of any code', () => {
    const codes = fc.record({
      k: fc.integer({ min: 1, max: DATA_SHARDS_MAX }),
      m: fc.integer({ min: 1, max: PARITY_SHARDS_MAX }),
      order: fc.infiniteStream(fc.nat()),
      words: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(codes, ({ k, m, order, words }) => {
        const code = new ReedSolomon(k, m);
        const shards = Array.from({ length: k + m }, (_, shard) => shard);
        const lost = Array.from({ length: m }, () => {
          const [index] = order.take(1);
          return shards.splice(index! % shards.length, 1)[0]!;
        });
        checkErasures(code, encodeRandom(code, words, k), lost);
      }),
      { numRuns: 200 },
    );
  });

  test('gives the same result for a pattern that it has met, forgotten and met again', () => {
    const code = new ReedSolomon(8, 2);
    const encoded = encodeRandom(code, 4, 1);
    for (let round = 0; round < 2; round++) {
      for (const shards of subsets(10, 2)) checkErasures(code, encoded, shards);
    }
  });

  test('codes packets that are longer than one tile', () => {
    const code = new ReedSolomon(4, 2);
    const whole = encodeRandom(code, 1300, 7);
    const words = new Int32Array(24);
    for (const at of [0, 511, 512, 1023, 1024, 1299]) {
      for (let packet = 0; packet < 16; packet++) words[packet] = whole[packet * 1300 + at]!;
      code.encode(words, 1);
      for (let packet = 16; packet < 24; packet++) {
        assert.equal(words[packet], whole[packet * 1300 + at], `word ${at} of packet ${packet}`);
      }
    }
    checkErasures(code, whole, [0, 3]);
  });

  test('refuses to decode when more shards are lost than there is parity', () => {
    for (const [k, m] of [
      [1, 1],
      [4, 2],
      [10, 4],
      [24, 6],
    ] as const) {
      const code = new ReedSolomon(k, m);
      const encoded = encodeRandom(code, 2, k);
      for (const first of [0, k - 1]) {
        const words = encoded.slice();
        const erased = (2 ** (m + 1) - 1) << first;
        assert.equal(code.decode(words, 2, erased), false);
        assert.deepEqual(words, encoded);
      }
    }
  });

  test('refuses numbers of shards that it does not know', () => {
    for (const [k, m] of [
      [0, 1],
      [25, 1],
      [4, 0],
      [4, 7],
      [1.5, 1],
      [4, Number.NaN],
    ] as const) {
      assert.throws(() => new ReedSolomon(k, m), RangeError);
    }
  });
});
