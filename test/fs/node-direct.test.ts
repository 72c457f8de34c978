/**
 * Reads past the system's cache where a system has none, or does them by half.
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

type Call = (...args: unknown[]) => unknown;
type Name = 'openSync' | 'readSync' | 'closeSync';

const BYTES = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31) & 255);

function newFile(t: TestContext): string {
  const directory = fs.mkdtempSync(join(tmpdir(), 'varve-direct-'));
  const path = join(directory, 'a');
  fs.writeFileSync(path, BYTES);
  t.after(() => fs.rmSync(directory, { recursive: true }));
  return path;
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

function failing(code: string): never {
  throw Object.assign(new Error(code), { code });
}

test('a file system that refuses such files has none', (t) => {
  const path = newFile(t);
  replace(t, 'openSync', (inner) => (at, flags, ...rest) => {
    return typeof flags === 'number' ? failing('EINVAL') : inner(at, flags, ...rest);
  });
  assert.equal(new NodeFs().openPastCache(path), undefined);
});

test('one that refuses the reads has none either, and the file is closed', (t) => {
  const path = newFile(t);
  const closed: unknown[] = [];
  const opened: unknown[] = [];
  replace(t, 'readSync', () => () => failing('EINVAL'));
  replace(t, 'openSync', (inner) => (...args) => {
    const fd = inner(...args);
    opened.push(fd);
    return fd;
  });
  replace(t, 'closeSync', (inner) => (fd) => {
    closed.push(fd);
    return inner(fd);
  });
  assert.equal(new NodeFs().openPastCache(path), undefined);
  assert.deepEqual(closed, opened);
});

test('a device that fails is told, and reads that come in parts are completed', (t) => {
  const path = newFile(t);
  const file = new NodeFs().openPastCache(path);
  if (file === undefined) return;
  let isBroken = false;
  replace(t, 'readSync', (inner) => (fd, buf, off, length, position) => {
    if (isBroken) failing('EIO');
    return inner(fd, buf, off, Math.min(length as number, 4096), position);
  });
  const target = new Uint8Array(BYTES.length);
  assert.equal(file.read(target, 0, target.length, 0), target.length);
  assert.deepEqual(target, BYTES);
  isBroken = true;
  assert.throws(
    () => file.read(target, 0, 1, 0),
    (error) => isVarveError(error, 'IO'),
  );
  file.close();
});

test('a file that ends in the midst of a read that it has bytes for is told', (t) => {
  const path = newFile(t);
  const file = new NodeFs().openPastCache(path);
  if (file === undefined) return;
  replace(t, 'readSync', () => () => 0);
  assert.throws(
    () => file.read(new Uint8Array(10), 0, 10, 100),
    (error) => isVarveError(error, 'IO'),
  );
  file.close();
});
