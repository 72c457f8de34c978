/**
 * A part of the bytes of every-byte.ts, without a code and with Reed-Solomon;
 * `npm run test:long -- --bytes` takes all of them.
 * @slow
 * @module
 */
import { suite, test } from 'node:test';
import { CODES, changeBytes, combinations } from './every-byte.ts';

const [none, reedSolomon] = CODES;

for (const ecc of [none, reedSolomon]) {
  suite(`a changed byte under ${ecc === undefined ? 'no code' : ecc.scheme}`, () => {
    for (const [title, stages] of combinations(ecc)) {
      test(`with ${title} is found, and with a code healed`, async (t) => {
        const count = await changeBytes(stages, { stride: 23, readEvery: 9, seed: 5 });
        t.diagnostic(`${count} bytes`);
      });
    }
  });
}
