/**
 * Export files in memory.
 * @module
 */
import { exportDatabase } from '../../src/backup/index.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { NumberedWriter, openCopied, SMALL } from '../copy/copy-fixture.ts';

export const WRITES = 300;

/** All bytes of a stream. */
export async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  // A slice of a Buffer would be a view.
  return new Uint8Array(Buffer.concat(all));
}

/** Bytes in pieces of a length. */
export async function* inPieces(bytes: Uint8Array, length = 65_536): AsyncGenerator<Uint8Array> {
  for (let off = 0; off < bytes.length; off += length) yield bytes.slice(off, off + length);
}

/** A database with tables, and writes that are only in the log. */
export async function filled(options: DbOptions = SMALL): Promise<Db> {
  const db = await openCopied(new MemoryFs(), options);
  const writer = new NumberedWriter(db);
  writer.write(WRITES - 20);
  await db.flush();
  writer.write(20);
  return db;
}

/** The export file of {@link filled}. */
export async function exported(options: DbOptions = SMALL): Promise<Uint8Array> {
  const db = await filled(options);
  const bytes = await joined(exportDatabase(db));
  await db.close();
  return bytes;
}
