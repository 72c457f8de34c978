/**
 * What threads tell each other as bytes.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VarveError } from '../../src/errors.ts';
import { decodePlainData, encodePlainData } from '../../src/executor/plain-data.ts';
import { plainError } from '../../src/executor/protocol.ts';

/** The random objects have no names that mean something to JavaScript itself. */
const plain = fc.object({
  key: fc.string().filter((name) => name !== '__proto__'),
  values: [
    fc.constant(undefined),
    fc.boolean(),
    fc.maxSafeNat(),
    fc.double(),
    fc.constantFrom(-0, -1, 2 ** 53, 2 ** 64),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
  ],
  withNullPrototype: false,
});

function roundTrip(value: unknown): unknown {
  return decodePlainData(encodePlainData(value));
}

test('plain data come back as they were', () => {
  fc.assert(fc.property(plain, (value) => assert.deepStrictEqual(roundTrip(value), value)));
  assert.equal(roundTrip(null), null);
});

test('byte arrays come back as copies', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 3);
  shared.set([1, 2, 3]);
  const back = roundTrip({ shared }) as { shared: Uint8Array };
  assert.deepEqual(back.shared, Uint8Array.of(1, 2, 3));
  assert.ok(back.shared.buffer instanceof ArrayBuffer);
});

test('errors keep what they say, and their causes', () => {
  const root = new TypeError('the root');
  const error = new VarveError('IO', 'no luck', { file: 'a', cause: root });
  const back = roundTrip(plainError(error)) as ReturnType<typeof plainError>;
  assert.deepEqual([back.code, back.message, back.file], ['IO', 'no luck', 'a']);
  assert.ok(back.cause instanceof Error);
  const { name, message, stack } = back.cause;
  assert.deepEqual([name, message, stack], [root.name, root.message, root.stack]);
  const odd = roundTrip(new Error('odd', { cause: { toString: () => 'an object' } })) as Error;
  assert.equal(odd.cause, 'an object');
});

test('an error that is its own cause has an end', () => {
  const error = new Error('again');
  error.cause = error;
  let at = roundTrip(error) as Error;
  for (let depth = 0; depth < 8; depth++) at = at.cause as Error;
  assert.equal(at.cause, 'Error: again');
});

test('what is no plain data is refused', () => {
  for (const value of [() => 1, 1n, { deep: [Symbol('s')] }]) {
    assert.throws(() => encodePlainData(value), /plain data/);
  }
});
