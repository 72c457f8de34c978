/**
 * Strings to UTF-8, against TextEncoder.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { utf8LengthMax, writeUtf8 } from '../../src/bytes/utf8.ts';

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii' }),
  fc.constantFrom('', 'é', '😀', 'aaaaaaaa😀', '\u0000', '\u007f\u0080', '\u07ff\u0800\uffff'),
);

suite('writeUtf8', () => {
  test('writes what TextEncoder writes, within the announced room and nowhere else', () => {
    fc.assert(
      fc.property(texts, fc.nat(5), (text, off) => {
        const expected = new TextEncoder().encode(text);
        const room = utf8LengthMax(text);
        const buf = new Uint8Array(off + room + 4).fill(0xf9);
        const length = writeUtf8(text, buf, off);
        assert.deepEqual(buf.slice(off, off + length), expected);
        assert.ok(length <= room);
        assert.ok(buf.subarray(0, off).every((byte) => byte === 0xf9));
        assert.ok(buf.subarray(off + room).every((byte) => byte === 0xf9));
      }),
      { numRuns: 500 },
    );
  });

  test('refuses what UTF-8 cannot express', () => {
    for (const text of ['\ud800', 'abc\udc00', '\udc00\ud800', '\ud83d😀']) {
      const buf = new Uint8Array(utf8LengthMax(text));
      assert.throws(() => writeUtf8(text, buf, 0), TypeError);
    }
  });
});
