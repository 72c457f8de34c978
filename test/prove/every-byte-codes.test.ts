/**
 * A part of the bytes of every-byte.ts, with XOR, SEC-DED, and XOR with stripes.
 * @slow
 * @module
 */
import { suite, test } from 'node:test';
import { CODES, changeBytes, combinations } from './every-byte.ts';

for (const ecc of CODES.slice(2)) {
  const stripes = ecc!.stripe === undefined ? '' : ' and stripes';
  suite(`a changed byte under ${ecc!.scheme}${stripes}`, () => {
    for (const [title, stages] of combinations(ecc)) {
      test(`with ${title} is found and healed`, async (t) => {
        const count = await changeBytes(stages, { stride: 29, readEvery: 11, seed: 6 });
        t.diagnostic(`${count} bytes`);
      });
    }
  });
}
