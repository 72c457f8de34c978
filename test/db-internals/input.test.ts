/**
 * Keys and values as users pass them.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ByteInput, keyInput, valueInput } from '../../src/db/input.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../src/key/kind.ts';

function bytesOf(input: ByteInput): Uint8Array {
  return new Uint8Array(input.buf.subarray(0, input.len));
}

suite('an input', () => {
  test('takes the UTF-8 bytes of a string', () => {
    const input = keyInput();
    for (const text of [
      '',
      'a',
      'key',
      'Schlüssel',
      '鍵',
      '😀',
      'x'.repeat(1000),
      'é'.repeat(500),
    ]) {
      input.set(text);
      assert.deepEqual(bytesOf(input), new TextEncoder().encode(text));
    }
  });

  test('refers to the bytes of a Uint8Array, wherever they are in their buffer', () => {
    const input = keyInput();
    const whole = Uint8Array.of(1, 2, 3, 4, 5);
    input.set(whole.subarray(1, 4));
    assert.deepEqual(bytesOf(input), Uint8Array.of(2, 3, 4));
    assert.equal(input.buf.buffer, whole.buffer);
    input.set(Buffer.from('buffer'));
    assert.deepEqual(bytesOf(input), new TextEncoder().encode('buffer'));
    input.set(new Uint8Array(0));
    assert.equal(input.len, 0);
  });

  test('never writes into bytes that a user passed', () => {
    const input = keyInput();
    const mine = new Uint8Array(100).fill(7);
    input.set(mine);
    input.set('a string that comes later');
    assert.ok(mine.every((byte) => byte === 7));
  });

  test('refuses what is neither, and says what it was', () => {
    const input = valueInput();
    const wrong: [unknown, RegExp][] = [
      [undefined, /undefined/],
      [null, /null/],
      [5, /number/],
      [5n, /bigint/],
      [true, /boolean/],
      [[1, 2], /an array/],
      [{}, /object/],
      [new ArrayBuffer(4), /object/],
      [new Uint16Array(4), /object/],
    ];
    for (const [value, text] of wrong) {
      assert.throws(
        () => input.set(value as string),
        (error) => error instanceof TypeError && text.test(error.message),
      );
    }
  });

  test('refuses strings that have no UTF-8 form', () => {
    assert.throws(() => keyInput().set('lone \ud800'), TypeError);
  });
});

suite('the limits', () => {
  test('count bytes, not characters', () => {
    const input = new ByteInput('key', 6);
    input.set('123456');
    input.set('ééé');
    input.set(new Uint8Array(6));
    assert.throws(() => input.set('1234567'), RangeError);
    assert.throws(() => input.set('éééé'), RangeError);
    assert.throws(() => input.set(new Uint8Array(7)), RangeError);
  });

  test('are 64 KiB for keys and 256 MiB for values', () => {
    keyInput().set('k'.repeat(KEY_BYTES_MAX));
    assert.throws(() => keyInput().set('k'.repeat(KEY_BYTES_MAX + 1)), /key of 65537 bytes/);
    const large = new Uint8Array(VALUE_BYTES_MAX + 1);
    assert.throws(() => valueInput().set(large), RangeError);
    valueInput().set(large.subarray(1));
  });
});
