/**
 * Shared by the tests of the public API.
 * @module
 */
import assert from 'node:assert/strict';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { type ErrorCode, isVarveError } from '../../src/errors.ts';
import { type MemoryFile, MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { open } from '../../src/node.ts';

export const PATH = 'db';

/** Opens a database in memory. */
export function openMemory(options: DbOptions = {}): Promise<Db> {
  return open(PATH, { fs: new MemoryFs(), ...options });
}

/** Names of the tables' files. */
export function tableNames(fs: Fs): string[] {
  return fs.list(PATH).filter((name) => name.endsWith('.sst'));
}

/** The file of the only table. */
export function onlyTable(fs: MemoryFs): MemoryFile {
  const names = tableNames(fs);
  assert.equal(names.length, 1);
  return fs.fileAt(`${PATH}/${names[0]}`)!;
}

/** Matches errors of a code, for `assert.throws` and `assert.rejects`. */
export function code(wanted: ErrorCode): (error: unknown) => boolean {
  return (error) => isVarveError(error, wanted);
}

export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** Keys as text, for comparisons. */
export function texts(parts: Iterable<Uint8Array>): string {
  return [...parts].map(text).join(' ');
}

/** `count` keys `k000`, `k001`, ... with values of a length. */
export function fill(db: Db, count: number, lengthBytes = 10, columnFamily = 'default'): void {
  for (let i = 0; i < count; i++) db.put(keyAt(i), new Uint8Array(lengthBytes), { columnFamily });
}

export function keyAt(i: number): string {
  return `k${i.toString().padStart(3, '0')}`;
}
