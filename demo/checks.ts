/**
 * What the demo checks about a database that holds a tree. Each check names what contradicts it.
 * @module
 */
import { toText } from '../src/cli/encoding.ts';
import { Progress } from '../src/cli/progress.ts';
import { readTreeFile, type TreeFile } from '../src/cli/tree.ts';
import { type Db, type Snapshot, WriteBatch } from '../src/index.ts';
import { CONTENT, contentOf, METADATA, metadataOf, sha256Of } from './file-store.ts';

/** Files are read in portions of about this size, with a turn of the event loop between them. */
const PORTION_BYTES = 4_194_304;

/** Result of a comparison with the disk. */
export interface Comparison {
  readonly equalCount: number;
  readonly bytesRead: number;
  /** Files that have changed, or gone, since they were imported. */
  readonly changedCount: number;
  readonly different: readonly string[];
}

/** Compares files with what the database holds. */
export async function compareWithDisk(db: Db, files: readonly TreeFile[]): Promise<Comparison> {
  const different: string[] = [];
  let equalCount = 0;
  let changedCount = 0;
  let bytesRead = 0;
  let portion = 0;
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const progress = new Progress('   reading back', totalBytes, true);
  for (const file of files) {
    const onDisk = readTreeFile(file);
    const about = metadataOf(db, file.key);
    const stored = contentOf(db, file.key);
    bytesRead += stored?.length ?? 0;
    portion += file.sizeBytes;
    if (onDisk.skip !== undefined) changedCount++;
    else if (stored !== undefined && onDisk.bytes.equals(stored)) equalCount++;
    else if (about !== undefined && isChanged(about, onDisk)) changedCount++;
    else different.push(`${toText(file.key, 'utf8')}: ${stored ? 'other bytes' : 'missing'}`);
    progress.update(bytesRead);
    if (portion < PORTION_BYTES) continue;
    portion = 0;
    await turn();
  }
  progress.stop();
  return { equalCount, bytesRead, changedCount, different };
}

/** The folder with the most files among those that hold at most half of them, as a prefix. */
export function prefixToShow(files: readonly TreeFile[]): Buffer {
  const counts = new Map<string, number>();
  for (const { key } of files) {
    for (let end = key.indexOf(0x2f); end >= 0; end = key.indexOf(0x2f, end + 1)) {
      const prefix = key.toString('latin1', 0, end + 1);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  let best = files[0]!.key.toString('latin1');
  let bestCount = 0;
  for (const [prefix, count] of counts) {
    if (count > bestCount && count <= files.length / 2) {
      best = prefix;
      bestCount = count;
    }
  }
  return Buffer.from(best, 'latin1');
}

/** Names where the keys of a prefix scan are not those of the files below it. */
export function wrongKeys(
  files: readonly TreeFile[],
  prefix: Buffer,
  keys: readonly Uint8Array[],
): string[] {
  const expected = files.filter(({ key }) => key.subarray(0, prefix.length).equals(prefix));
  const wrong: string[] = [];
  for (let index = 0; index < Math.max(expected.length, keys.length); index++) {
    const want = expected[index]?.key;
    const have = keys[index];
    if (want !== undefined && have !== undefined && want.equals(have)) continue;
    const show = (key: Uint8Array | undefined) =>
      key === undefined ? 'nothing' : toText(key, 'utf8');
    wrong.push(`at ${index}: ${show(have)} instead of ${show(want)}`);
  }
  return wrong;
}

/** Deletes files from both families in one batch. */
export function deleteFiles(db: Db, keys: readonly Uint8Array[]): void {
  const content = db.columnFamily(CONTENT);
  const metadata = db.columnFamily(METADATA);
  const batch = new WriteBatch();
  for (const key of keys) batch.delete(key, content).delete(key, metadata);
  db.write(batch);
}

/** Names the files that are still there. */
export function presentFiles(db: Db, keys: readonly Uint8Array[]): string[] {
  return keys
    .filter((key) => db.has(key, { columnFamily: CONTENT }) || metadataOf(db, key) !== undefined)
    .map((key) => `${toText(key, 'utf8')} is there`);
}

/** Names the files that a snapshot does not show as they were. */
export function unseenFiles(db: Db, keys: readonly Uint8Array[], snapshot: Snapshot): string[] {
  const unseen: string[] = [];
  for (const key of keys) {
    const about = metadataOf(db, key, snapshot);
    const content = contentOf(db, key, snapshot);
    if (content === undefined || about === undefined) {
      unseen.push(`${toText(key, 'utf8')} is not there`);
    } else if (sha256Of(content) !== about.sha256) {
      unseen.push(`${toText(key, 'utf8')} has other content`);
    }
  }
  return unseen;
}

/** Entries that a family shows, now or in a snapshot. */
export function countFiles(db: Db, snapshot?: Snapshot): number {
  const cursor = db.cursor({
    columnFamily: CONTENT,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  let count = 0;
  for (let isValid = cursor.first(); isValid; isValid = cursor.next()) count++;
  cursor.close();
  return count;
}

/** Lets signals arrive and the screen be drawn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isChanged(
  about: { sizeBytes: number; modifiedMs: number },
  onDisk: { bytes: Buffer; modifiedMs: number },
): boolean {
  return about.sizeBytes !== onDisk.bytes.length || about.modifiedMs !== onDisk.modifiedMs;
}
