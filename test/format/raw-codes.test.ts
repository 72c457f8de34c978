import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEccCodec } from '../../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type RawCode, section } from './raw-codes.ts';

test('the sections of all codes are what docs/FORMAT.md makes of the same blocks', () => {
  const random = new SeededRandom(3);
  compareSections({ scheme: 'secded' }, { scheme: 1, k: 0, m: 0 }, random);
  for (let k = 1; k <= 24; k++) {
    compareSections({ scheme: 'xor', data: k }, { scheme: 2, k, m: 1 }, random);
    for (let m = 1; m <= 6; m++) {
      compareSections({ scheme: 'reed-solomon', data: k, parity: m }, { scheme: 3, k, m }, random);
    }
  }
});

/** For a short block, which does not fill its shards, and a longer one. */
function compareSections(ecc: BlockCodeOptions, code: RawCode, random: SeededRandom): void {
  const codec = createEccCodec(ecc);
  for (const length of [1 + random.below(100), 1000 + random.below(1000)]) {
    const block = new Uint8Array(length);
    random.fill(block);
    const protectedBlock = new Uint8Array(length + codec.parityBytes(length));
    protectedBlock.set(block);
    codec.append(protectedBlock, 0, length);
    const wanted = protectedBlock.subarray(length);
    const isSame = Buffer.compare(section(code, block), wanted) === 0;
    assert.ok(isSame, `${JSON.stringify(code)}, ${length} bytes`);
  }
}
