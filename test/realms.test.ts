/**
 * Objects of another realm: jest and node:vm give code globals of its own, and the modules of Node
 * and callers bring theirs. Nothing may depend on which `Error` or `Uint8Array` made an object.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { isBytes } from '../src/bytes/is-bytes.ts';
import * as own from '../src/errors.ts';
import { platformError, systemCode } from '../src/fs/node-error.ts';
import { type DbOptions, MemoryFs, open } from '../src/index.ts';

const root = mkdtempSync(join(tmpdir(), 'varve-realms-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** The value of an expression in a realm of its own. */
function foreign<T>(expression: string): T {
  return runInNewContext(expression) as T;
}

test('byte arrays of any realm are byte arrays, and nothing else is', () => {
  for (const bytes of [new Uint8Array(2), Buffer.alloc(2), foreign('new Uint8Array(2)')]) {
    assert.equal(isBytes(bytes), true);
  }
  const others = ['new Int8Array(2)', 'new Uint8ClampedArray(2)', 'new ArrayBuffer(2)', '[1, 2]'];
  for (const value of [
    ...others.map(foreign),
    'ab',
    2,
    null,
    undefined,
    new DataView(new ArrayBuffer(1)),
  ]) {
    assert.equal(isBytes(value), false, String(value));
  }
  assert.equal(isBytes({ [Symbol.toStringTag]: 'Uint8Array' }), false);
});

test('errors of any realm are errors, and caller mistakes', () => {
  for (const made of [
    new RangeError('r'),
    foreign('new RangeError("r")'),
    foreign('new TypeError("t")'),
  ]) {
    assert.equal(own.isError(made), true);
    assert.equal(own.isCallerMistake(made), true);
    assert.equal(platformError('write', 'file', made), made);
  }
  assert.equal(own.isCallerMistake(foreign('new Error("e")')), false);
  assert.equal(own.isError({ name: 'TypeError', message: 'not one' }), false);
});

test('a system error of another realm keeps its code, and its reason', () => {
  const full = foreign<Error>('Object.assign(new Error("disk is full"), { code: "ENOSPC" })');
  assert.equal(systemCode(full), 'ENOSPC');
  const error = platformError('write', 'file', full);
  assert.equal(own.isVarveError(error, 'NOSPACE'), true);
  assert.equal(error.message, 'cannot write file: disk is full');
});

test('an error of another copy of the package is known by its code', async () => {
  const url = new URL('../src/errors.js?copy', import.meta.url).href;
  const copy: typeof own = await import(url);
  assert.notEqual(copy.VarveError, own.VarveError);
  const error = new copy.VarveError('LOCKED', 'it is open');
  assert.equal(own.isVarveError(error, 'LOCKED'), true);
  assert.equal(own.isVarveError(error, 'IO'), false);
  assert.equal(own.isVarveError({ name: 'VarveError', code: 'LOCKED' }), false);
});

test('a database takes keys, values, secrets and dictionaries of another realm', async () => {
  const fs = new MemoryFs();
  const bytes = (n: number, length: number) =>
    foreign<Uint8Array>(`new Uint8Array(${length}).fill(${n})`);
  const options: DbOptions = {
    fs,
    encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: bytes(7, 32) } },
    compression: { codec: 'zstd', dictionary: bytes(3, 100) },
  };
  const db = await open('db', options);
  db.put(bytes(1, 5), bytes(2, 1000));
  await db.flush();
  await db.close();
  const again = await open('db', options);
  assert.deepEqual(again.get(bytes(1, 5)), new Uint8Array(1000).fill(2));
  await again.close();
});

/** As a test of a user under jest: opens, fills workers, and meets errors of the file system. */
const PROGRAM = `
  import { isVarveError, open } from './index.js';
  const path = args[0];
  const key = new Uint8Array(32).fill(1);
  const encryption = { suite: 'aes-256-gcm', epoch: 1, keys: { 1: key } };
  const db = await open(path, { writeBufferBytes: 65536, workers: 1, encryption });
  const second = await open(path, { encryption }).catch((error) => error);
  if (!isVarveError(second, 'LOCKED')) throw second;
  for (let i = 0; i < 3000; i++) db.put('key ' + i, new Uint8Array(100).fill(i));
  await db.compact();
  if (db.stats().counters.compactionCount === 0) throw new Error('nothing was compacted');
  await db.close();
  const again = await open(path, { encryption, errorIfExists: false });
  for (let i = 0; i < 3000; i++) {
    if (again.get('key ' + i)[0] !== (i & 255)) throw new Error('key ' + i);
  }
  await again.close();
  const missing = await open(path + '/file/db', { readOnly: true }).catch((error) => error);
  if (!isVarveError(missing, 'INVALID')) throw missing;
  console.log('done');
`;

test('the engine runs in a realm that is not the one of the modules of Node', async () => {
  const program = fileURLToPath(new URL('./realm-program.js', import.meta.url));
  const flags = ['--experimental-vm-modules', '--no-warnings'];
  const args = [...flags, program, PROGRAM, join(root, 'db')];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  assert.equal(stdout, 'done\n');
});
