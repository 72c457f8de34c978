/**
 * Dictionaries of samples: what is taken, and that odd samples do no harm.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { trainDictionary } from '../../src/compress/train-dictionary.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { jsonRecord, noise } from './contents.ts';

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

test('what samples share is taken, once only and last; the rest is not', () => {
  const shared = 'the part that all of them have in common';
  const samples = Array.from({ length: 50 }, (_, i) =>
    Buffer.concat([noise(600, i + 1), Buffer.from(shared), noise(600, i + 100)]),
  );
  const dictionary = text(trainDictionary(samples, 4096));
  assert.equal(dictionary.split(shared).length, 2);
  assert.ok(dictionary.length < 200, `${dictionary.length} bytes of 62000`);
  assert.ok(dictionary.slice(-60).includes(shared), 'the best comes last');
});

test('samples that have nothing in common give an empty dictionary', () => {
  const samples = Array.from({ length: 50 }, (_, i) => noise(100, i + 1));
  assert.ok(trainDictionary(samples, 4096).length < 100);
  assert.equal(trainDictionary([], 4096).length, 0);
  assert.equal(trainDictionary([noise(5000)], 4096).length, 0);
});

test('repeats within one sample alone count for nothing', () => {
  assert.equal(trainDictionary([new Uint8Array(5000)], 4096).length, 0);
});

test('the same samples give the same dictionary', () => {
  const train = () => {
    const random = new SeededRandom(1);
    return trainDictionary(
      Array.from({ length: 500 }, (_, id) => jsonRecord(random, id)),
      4096,
    );
  };
  assert.deepEqual(train(), train());
});

test('samples of far more than is needed are taken from all over', () => {
  const marks = ['at the very beginning', 'and just as well at the end'];
  const samples = Array.from({ length: 4000 }, (_, i) =>
    Buffer.concat([noise(200, i + 1), Buffer.from(marks[i < 2000 ? 0 : 1]!)]),
  );
  const dictionary = text(trainDictionary(samples, 2048));
  for (const mark of marks) assert.ok(dictionary.includes(mark), mark);
});

test('any samples give a dictionary of pieces of them, within the size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ max: 3, maxLength: 200 }), { maxLength: 40 }),
      fc.integer({ min: 8, max: 3000 }),
      (samples, sizeBytes) => {
        const dictionary = trainDictionary(samples, sizeBytes);
        assert.ok(dictionary.length <= sizeBytes);
        const all = text(Buffer.concat(samples));
        for (let at = 0; at + 8 <= dictionary.length; at += 8) {
          const first = text(dictionary.subarray(at, at + 1));
          assert.ok(all.includes(first));
        }
      },
    ),
  );
});
