/**
 * Text that is drawn in place on a terminal.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { Output } from '../../src/cli/output.ts';
import { Screen } from '../../src/cli/screen.ts';
import { temporaryDirectory } from './run-varve.ts';

const TO_TOP_AND_CLEAR = '\x1b[1;1H\x1b[0J';

/** Draws texts; returns what was written, and what the terminal was told beside that. */
async function draw(
  t: TestContext,
  size: object,
  texts: readonly string[],
  isPlain = false,
): Promise<{ written: string; codes: string }> {
  const path = join(temporaryDirectory(t), 'output');
  const output = Output.file(path);
  const stream = Object.assign(new PassThrough(), size);
  const screen = new Screen(stream as unknown as NodeJS.WriteStream, output, isPlain);
  for (const text of texts) await screen.draw(text);
  await output.end();
  return { written: readFileSync(path, 'utf8'), codes: stream.read()?.toString() ?? '' };
}

test('a terminal shows one text in place of the other', async (t) => {
  const { written, codes } = await draw(t, { isTTY: true, rows: 24, columns: 80 }, [
    'a\nb\n',
    'c\n',
  ]);
  assert.equal(written, 'a\nb\nc\n');
  assert.equal(codes, TO_TOP_AND_CLEAR.repeat(2));
});

test('a terminal shows as much as it has room for', async (t) => {
  const text = '12345\n2\n3\n4\n5\n';
  const small = await draw(t, { isTTY: true, rows: 4, columns: 3 }, [text]);
  assert.equal(small.written, '123\n2\n  .\n');
  const exact = await draw(t, { isTTY: true, rows: 6, columns: 5 }, [text]);
  assert.equal(exact.written, text);
  const unknown = await draw(t, { isTTY: true, rows: 0, columns: 0 }, [text]);
  assert.equal(unknown.written, text);
});

test('without a terminal, or when it is to be plain, one text follows the other', async (t) => {
  for (const [size, isPlain] of [
    [{}, false],
    [{ isTTY: true, rows: 2, columns: 2 }, true],
  ] as const) {
    const { written, codes } = await draw(t, size, ['long\nb\n', 'c\n'], isPlain);
    assert.equal(written, 'long\nb\n\nc\n');
    assert.equal(codes, '');
  }
});
