import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  ENCODINGS,
  fromJson,
  keyArgument,
  toJson,
  toShortText,
  toText,
} from '../../src/cli/encoding.ts';
import { readEntries } from '../../src/cli/json-lines.ts';

/** Bytes in which text, broken text and escapes are frequent. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc
    .array(fc.constantFrom('\\', 'x', 'u', '{', '}', 'f', '\n', '\t', '\u{feff}', 'é', '\u{2028}'))
    .map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
);

test('bytes come back from JSON exactly, in every encoding', () => {
  fc.assert(
    fc.property(bytes, fc.constantFrom(...ENCODINGS), (input, encoding) => {
      const back = fromJson(JSON.parse(JSON.stringify(toJson(input, encoding))));
      assert.deepEqual(new Uint8Array(back!), input);
    }),
  );
});

test('text for people has one line, and no two keys look the same', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [textA, textB] = [toText(a, 'utf8'), toText(b, 'utf8')];
      assert.doesNotMatch(textA, /\p{C}|\p{Zl}|\p{Zp}/u);
      assert.equal(textA === textB, Buffer.compare(a, b) === 0);
    }),
    { numRuns: 1000 },
  );
});

test('escapes are these', () => {
  assert.equal(toText(Buffer.from('a\\b\n\t\r\0é\u{85}'), 'utf8'), 'a\\\\b\\n\\t\\r\\u{0}é\\u{85}');
  assert.equal(toText(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3]), 'utf8'), 'a\\xffé\\xc3');
  assert.equal(toText(Buffer.from([0, 255]), 'hex'), '00ff');
  assert.equal(toText(Buffer.from([0, 255]), 'base64'), 'AP8=');
});

test('short text says how much it leaves out, and does not cut a character', () => {
  assert.equal(toShortText(Buffer.from('abc'), 'utf8', 3), 'abc');
  assert.equal(toShortText(Buffer.from('abcd'), 'utf8', 3), 'abc\\...(1 bytes more)');
  assert.equal(toShortText(Buffer.from('abé'), 'utf8', 3), 'ab\\...(2 bytes more)');
});

test('arguments that are not of their encoding are refused', () => {
  assert.deepEqual([...keyArgument('00fF', 'hex')], [0, 255]);
  assert.deepEqual([...keyArgument('AP8', 'base64')], [0, 255]);
  for (const [text, encoding] of [
    ['0', 'hex'],
    ['0g', 'hex'],
    ['AP8!', 'base64'],
    ['AP9=', 'base64'],
    ['\ud800', 'utf8'],
  ] as const) {
    assert.throws(() => keyArgument(text, encoding), { code: 'USAGE', exitCode: 2 });
  }
});

test('JSON that stands for no bytes is refused', () => {
  const wrong = [1, null, true, [], {}, '\ud800', { base64: 1 }, { base64: '*' }, { hex: 'f' }];
  for (const value of [...wrong, { hex: '00', base64: 'AA==' }, { other: '' }]) {
    assert.equal(fromJson(value), undefined, JSON.stringify(value));
  }
});

test('lines are cut right wherever the input is', async () => {
  const lines = ['{"key":"a","value":"1"}', '', ' ', '{"key":"é\\n","value":{"hex":"00"}}\r'];
  const input = Buffer.from(`${lines.join('\n')}\n{"key":"z","value":"","family":"f"}`);
  for (let size = 1; size <= input.length; size++) {
    const chunks: Buffer[] = [];
    for (let off = 0; off < input.length; off += size) chunks.push(input.subarray(off, off + size));
    const found: [string, string, string | undefined][] = [];
    let bytesRead = 0;
    for await (const piece of readEntries(asyncOf(chunks))) {
      bytesRead = piece.bytesRead;
      for (const { key, value, family } of piece.entries) {
        found.push([Buffer.from(key).toString(), Buffer.from(value).toString('hex'), family]);
      }
    }
    assert.deepEqual(found, [
      ['a', '31', undefined],
      ['é\n', '00', undefined],
      ['z', '', 'f'],
    ]);
    assert.equal(bytesRead, input.length);
  }
});

test('lines that are no entries are refused, with what is wrong with them', async () => {
  const wrong: [line: string | Uint8Array, message: RegExp][] = [
    ['{', /^line 2: not JSON$/],
    ['[]', /^line 2: not an object$/],
    ['{"key":1,"value":""}', /^line 2: key is not a string/],
    ['{"key":"c","value":{"base64":"?"}}', /^line 2: value is not/],
    ['{"key":"c","value":"","ttl":1}', /^line 2: unknown field 'ttl'$/],
    ['{"key":"c","value":"","family":1}', /^line 2: family is not a string$/],
    [Uint8Array.of(0x22, 0xff, 0x22), /^line 2: not UTF-8$/],
  ];
  for (const [line, message] of wrong) {
    const input = Buffer.concat([
      Buffer.from('{"key":"a","value":""}\n'),
      Buffer.from(line as string),
    ]);
    let count = 0;
    const read = async () => {
      for await (const { entries } of readEntries(asyncOf([input]))) count += entries.length;
    };
    await assert.rejects(read, (error: Error) => message.test(error.message));
    assert.equal(count, 1, 'the line before it is given out');
  }
});

async function* asyncOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
