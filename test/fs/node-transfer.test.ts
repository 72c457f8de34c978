/**
 * A `node:fs` that moves less than it was asked to, or says what cannot be: runtimes have
 * their own.
 * @module
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { NodeFs } from '../../src/fs/node.ts';
import type { FileHandle } from '../../src/fs/port.ts';

type Call = (...args: unknown[]) => unknown;
type Name = 'readSync' | 'writeSync' | 'ftruncateSync' | 'unlink' | 'fdatasync';

const BYTES = Uint8Array.from({ length: 100 }, (_, i) => i);
/** What a call must not return for 100 bytes. */
const WRONG_COUNTS: readonly unknown[] = [undefined, null, Number.NaN, -1, 101, '100'];

function newFile(t: TestContext): FileHandle {
  const directory = fs.mkdtempSync(join(tmpdir(), 'varve-transfer-'));
  const file = new NodeFs().open(join(directory, 'a'), 'create');
  t.after(() => {
    file.close();
    fs.rmSync(directory, { recursive: true });
  });
  return file;
}

/** Puts `spoiled` in the place of a function of node:fs for the test. */
function replace(t: TestContext, name: Name, spoiled: (inner: Call) => Call): void {
  const own = fs as unknown as Record<Name, Call>;
  const inner = own[name];
  own[name] = spoiled(inner);
  syncBuiltinESMExports();
  t.after(() => {
    own[name] = inner;
    syncBuiltinESMExports();
  });
}

/** Moves at most 7 bytes a call. */
const short = (inner: Call): Call => {
  return (fd, buf, off, length, position) =>
    inner(fd, buf, off, Math.min(length as number, 7), position);
};

test('short writes and reads are completed', (t) => {
  const file = newFile(t);
  replace(t, 'writeSync', short);
  replace(t, 'readSync', short);
  file.write(BYTES, 0, 100, 3);
  assert.equal(file.size(), 103);
  const target = new Uint8Array(100);
  assert.equal(file.read(target, 0, 100, 3), 100);
  assert.deepEqual(target, BYTES);
});

for (const wrong of WRONG_COUNTS) {
  test(`a write or read of which the system says ${String(wrong)} is an error`, (t) => {
    const file = newFile(t);
    file.write(BYTES, 0, 100, 0);
    replace(t, 'writeSync', () => () => wrong);
    replace(t, 'readSync', () => () => wrong);
    const isIo = (error: unknown) => isVarveError(error, 'IO');
    assert.throws(() => file.write(BYTES, 0, 100, 0), isIo);
    assert.throws(() => file.read(new Uint8Array(100), 0, 100, 0), isIo);
  });
}

test('a truncation that changes nothing is an error', (t) => {
  const file = newFile(t);
  file.write(BYTES, 0, 100, 0);
  file.truncate(60);
  assert.equal(file.size(), 60);
  replace(t, 'ftruncateSync', () => () => undefined);
  assert.throws(
    () => file.truncate(10),
    (error) => isVarveError(error, 'IO') && error.message.includes('60 instead of 10'),
  );
});

test('a callback that is given nothing tells of a success', async (t) => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'varve-transfer-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const nodeFs = new NodeFs();
  const file = nodeFs.open(join(directory, 'a'), 'create');
  const answers: unknown[] = [undefined, null, new Error('it failed')];
  for (const answer of answers) {
    const callback = () => (_: unknown, done: unknown) => (done as Call)(answer);
    replace(t, 'unlink', callback);
    replace(t, 'fdatasync', callback);
    const calls = [() => nodeFs.removeAsync(file.path), () => file.syncAsync()];
    for (const call of calls) {
      if (answer instanceof Error) await assert.rejects(call(), (e) => isVarveError(e, 'IO'));
      else await call();
    }
  }
  file.close();
});
