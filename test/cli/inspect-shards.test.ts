import assert from 'node:assert/strict';
import test from 'node:test';
import { createEccCodec } from '../../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import { findDamagedShards } from '../../src/inspect/shards.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const CODES: BlockCodeOptions[] = [
  { scheme: 'reed-solomon', data: 4, parity: 2 },
  { scheme: 'reed-solomon', data: 10, parity: 4 },
  { scheme: 'reed-solomon', data: 1, parity: 3 },
  { scheme: 'xor', data: 5 },
];
/** The longest is coded in several parts. */
const LENGTHS = [1, 25, 100, 4103, 70_001, 3_000_001];

/** A block with its section. */
function protect(ecc: BlockCodeOptions, blockLen: number): Uint8Array {
  const codec = createEccCodec(ecc);
  const whole = new Uint8Array(blockLen + codec.parityBytes(blockLen));
  new SeededRandom(blockLen).fill(whole.subarray(0, blockLen));
  codec.append(whole, 0, blockLen);
  return whole;
}

for (const ecc of CODES) {
  const name = JSON.stringify(ecc);
  for (const blockLen of LENGTHS) {
    test(`damaged shards are named, also beyond repair: ${name}, ${blockLen} bytes`, () => {
      const codec = createEccCodec(ecc);
      const sound = protect(ecc, blockLen);
      const none = findDamagedShards(ecc, codec, sound, blockLen, undefined);
      assert.deepEqual(none.data, { count: 0, numbers: [] });
      assert.deepEqual(none.parity, { count: 0, numbers: [] });
      const layout = codec.layout(blockLen);
      const { dataShards, dataShardBytes, parityShards, parityShardBytes } = layout;
      for (let lost = 0; lost < dataShards; lost++) {
        const stored = sound.slice();
        // All data shards up to this one, and the last parity shard if another one is left.
        for (let i = 0; i <= lost; i++) stored[i * dataShardBytes]! ^= 0x40;
        const lastParity = blockLen + (parityShards - 1) * parityShardBytes;
        if (parityShards > 1) stored[lastParity + parityShardBytes - 1]! ^= 1;
        const numbers = Array.from({ length: lost + 1 }, (_, i) => i);
        const parity = parityShards > 1 ? [parityShards - 1] : [];
        for (const good of [undefined, sound.subarray(0, blockLen)]) {
          const found = findDamagedShards(ecc, codec, stored, blockLen, good);
          assert.deepEqual(found.data, { count: numbers.length, numbers });
          assert.deepEqual(found.parity.numbers, parity);
        }
      }
    });
  }

  test(`without a sound parity shard nothing is said of the data: ${name}`, () => {
    const codec = createEccCodec(ecc);
    const stored = protect(ecc, 500);
    for (let at = 500; at < stored.length; at++) stored[at]! ^= 0xff;
    const { data, parity } = findDamagedShards(ecc, codec, stored, 500, undefined);
    assert.equal(data, undefined);
    assert.equal(parity.count, codec.layout(500).parityShards);
  });
}

test('damaged words and check bytes of SEC-DED are named', () => {
  const ecc: BlockCodeOptions = { scheme: 'secded' };
  const codec = createEccCodec(ecc);
  const sound = protect(ecc, 101);
  const stored = sound.slice();
  stored[17]! ^= 8;
  stored[100]! ^= 1;
  stored[101 + 5]! ^= 1;
  const known = findDamagedShards(ecc, codec, stored, 101, sound.subarray(0, 101));
  assert.deepEqual(known.data, { count: 2, numbers: [2, 12] });
  assert.deepEqual(known.parity, { count: 1, numbers: [5] });
  const unknown = findDamagedShards(ecc, codec, stored, 101, undefined);
  assert.deepEqual(unknown.data, { count: 3, numbers: [2, 5, 12] });
});
