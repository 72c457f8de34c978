/**
 * The capture of an open database: for checkpoints and backups. See copy/capture.ts.
 *
 * Memtables are not flushed for it: the logs have what is in them, and are captured as far as they
 * reach. Where there is no WAL nothing else has it, and a flush comes first.
 * @module
 */
import { type Capture, CaptureBuilder } from '../copy/capture.ts';
import { assert, VarveError } from '../errors.ts';
import { joinPath, readAt, sizeOf } from '../fs/port.ts';
import { CURRENT_NAME, manifestName, tableName, walName } from '../manifest/file-names.ts';
import type { Version } from '../manifest/version.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { TableCache } from '../tables/table-cache.ts';
import type { DbCore } from './core.ts';

/**
 * Captures a database that is open for writing, as of now.
 * @throws VarveError `CLOSED`; why writing stopped; `UNSUPPORTED` where a file cannot be opened
 * twice; any error of the `Fs`
 */
export function captureWriter(core: DbCore): Capture {
  core.assertWritable();
  const { fs, location, manifest, wal } = core;
  assertShared(core);
  assert(manifest !== undefined, 'a database that is written has a manifest');
  const { directory } = location;
  const builder = new CaptureBuilder(fs);
  try {
    const currentPath = joinPath(directory, CURRENT_NAME);
    builder.addBytes('current', CURRENT_NAME, currentPath, wholeFile(core, currentPath));
    const name = manifestName(manifest.manifestNumber);
    // Before the first write it is that of an earlier process, all of which counts.
    const manifestBytes = manifest.sizeBytes === 0 ? undefined : manifest.sizeBytes;
    builder.hold('manifest', name, joinPath(directory, name), manifestBytes);
    for (const [number, sizeBytes] of logSizes(core)) {
      builder.hold('wal', walName(number), joinPath(directory, walName(number)), sizeBytes);
    }
  } catch (error) {
    builder.release();
    throw error;
  }
  const tables = tablesOf(core);
  for (const meta of tables) addTable(builder, core, core.tables, meta, true);
  const release = core.holdTables(tables);
  const { databaseId } = manifest;
  const seqno = wal === undefined ? core.persistedSeqno : core.lastSeqno;
  return builder.build({ databaseId, seqno }, release);
}

/** @throws VarveError `UNSUPPORTED` where a file cannot be opened twice */
export function assertShared({ fs }: DbCore): void {
  if (fs.capabilities.sharedHandles) return;
  const text = 'a copy of an open database takes a file system that opens a file more than once';
  throw new VarveError('UNSUPPORTED', text);
}

/** Number and size of every log that the manifest names, or that follows one of those. */
function logSizes({ manifest, wal }: DbCore): Map<number, number | undefined> {
  const sizes = new Map<number, number | undefined>();
  // Without a WAL they are empty.
  for (const number of manifest!.logIdentities.keys()) sizes.set(number, undefined);
  for (const { logNumber, sizeBytes } of wal?.ends() ?? []) sizes.set(logNumber, sizeBytes);
  return sizes;
}

/** Every table of the version. */
export function tablesOf({ version }: { readonly version: Version }): TableMeta[] {
  return [...version.families.values()].flatMap(({ levels }) => levels.flat());
}

/**
 * Adds a table, which is opened when it is read.
 * @param tables where it is held for as long as the capture is
 * @param isNamed whether its file stays in the directory until then
 */
export function addTable(
  builder: CaptureBuilder,
  core: DbCore,
  tables: TableCache,
  meta: TableMeta,
  isNamed: boolean,
): void {
  const slot = tables.slot(meta);
  builder.add({
    name: tableName(meta.fileNumber),
    kind: 'table',
    sizeBytes: meta.sizeBytes,
    digest: meta,
    linkPath: tables.pathOf(slot),
    isNamed,
    open: () => {
      core.assertOpen();
      return tables.openFile(slot);
    },
  });
}

function wholeFile({ fs }: DbCore, path: string): Uint8Array {
  const file = fs.open(path, 'read');
  try {
    const bytes = new Uint8Array(sizeOf(file));
    const count = readAt(file, bytes, 0, bytes.length, 0);
    return bytes.subarray(0, count);
  } finally {
    file.close();
  }
}
