/**
 * Files of a tree in a database with two column families: `content` and `metadata`, both by path.
 * A file's two entries are always written in one batch.
 * @module
 */
import { createHash } from 'node:crypto';
import { readTreeFile, type TreeFile, type TreeSkip } from '../src/cli/tree.ts';
import { type Db, type DbOptions, open, type Snapshot, WriteBatch } from '../src/index.ts';

/** A batch is written when it holds this much. */
const BATCH_BYTES = 1_048_576;
const BATCH_FILES = 64;
/** Every one of so many batches waits for stable storage. */
const SYNC_EVERY = 4;

export const CONTENT = 'content';
export const METADATA = 'metadata';

/** What is kept about a file. */
export interface FileMetadata {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly mode: number;
  /** Hexadecimal; of the content that was stored. */
  readonly sha256: string;
}

/** A batch that the database has taken. */
export interface WrittenBatch {
  readonly seqno: number;
  readonly isSynced: boolean;
  readonly files: readonly WrittenFile[];
}

/** A file in such a batch. */
export interface WrittenFile {
  readonly key: Buffer;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Opens the database of a demo, making it if need be. */
export function openStore(directory: string, options: DbOptions = {}): Promise<Db> {
  return open(directory, { ...options, columnFamilies: [CONTENT, METADATA] });
}

/**
 * Imports files in batches; gives each batch out when the write has returned.
 * @param skipped gets the files that cannot be read
 * @param batchBytes the size of a batch; less makes sense for small trees
 */
export function* importFiles(
  db: Db,
  files: readonly TreeFile[],
  skipped: TreeSkip[],
  batchBytes: number = BATCH_BYTES,
): Generator<WrittenBatch, void, undefined> {
  const content = db.columnFamily(CONTENT);
  const metadata = db.columnFamily(METADATA);
  const batch = new WriteBatch();
  let batchCount = 0;
  let written: WrittenFile[] = [];
  const write = (): WrittenBatch => {
    const isSynced = ++batchCount % SYNC_EVERY === 0;
    const seqno = db.write(batch, { sync: isSynced });
    batch.clear();
    const taken = written;
    written = [];
    return { seqno, isSynced, files: taken };
  };
  for (const file of files) {
    const read = readTreeFile(file);
    if (read.skip !== undefined) {
      skipped.push(read.skip);
      continue;
    }
    const { bytes, modifiedMs } = read;
    if (written.length > 0 && batch.sizeBytes + bytes.length > batchBytes) yield write();
    const sha256 = sha256Of(bytes);
    const about: FileMetadata = { sizeBytes: bytes.length, modifiedMs, mode: file.mode, sha256 };
    batch.put(file.key, bytes, content).put(file.key, JSON.stringify(about), metadata);
    written.push({ key: file.key, sizeBytes: bytes.length, sha256 });
    if (written.length >= BATCH_FILES || batch.sizeBytes >= batchBytes) yield write();
  }
  if (written.length > 0) yield write();
}

/** The size of batches with which a tree takes several, so that there is a half way. */
export function batchBytesFor(totalBytes: number): number {
  return Math.max(16_384, Math.min(BATCH_BYTES, Math.floor(totalBytes / 32)));
}

/** What the database keeps about a file; undefined when it does not know it. */
export function metadataOf(db: Db, key: Uint8Array, snapshot?: Snapshot): FileMetadata | undefined {
  const at = snapshot === undefined ? {} : { snapshot };
  const bytes = db.get(key, { columnFamily: METADATA, ...at });
  return bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString());
}

/** The stored content of a file: a view that stands until the next call to the database. */
export function contentOf(db: Db, key: Uint8Array, snapshot?: Snapshot): Uint8Array | undefined {
  const at = snapshot === undefined ? {} : { snapshot };
  return db.get(key, { columnFamily: CONTENT, borrow: true, ...at });
}

/** Hexadecimal SHA-256. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
