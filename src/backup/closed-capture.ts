/**
 * The capture of a database that nobody has open. No key is needed: where the manifest is
 * encrypted, every table in the directory is taken.
 * @module
 */
import { Pipeline } from '../block/pipeline.ts';
import { lz4Compression } from '../compress/lz4-compression.ts';
import type { Capture, CaptureBuilder, FileDigest } from '../copy/capture.ts';
import { type CapturedLogs, captureLogs, recoverCaptured } from '../copy/capture-directory.ts';
import type { Random } from '../env/port.ts';
import { isVarveError } from '../errors.ts';
import { type Fs, joinPath, sizeOf } from '../fs/port.ts';
import { parseFileName, tableName } from '../manifest/file-names.ts';
import { isOwnFile } from '../manifest/foreign.ts';

/**
 * Captures a directory, which the caller has locked.
 * @throws VarveError `INVALID` without a database, `CORRUPTION` when CURRENT is damaged, `IO`
 */
export async function captureClosed(
  fs: Fs,
  directory: string,
  random: Random,
  turn: () => Promise<void>,
): Promise<Capture> {
  const found = captureLogs(fs, directory);
  const { builder, databaseId } = found;
  try {
    const state = await readState(found, fs, directory, random, turn);
    for (const [fileNumber, digest] of state.tables ?? ownTables(fs, directory)) {
      addTable(builder, fs, directory, fileNumber, digest);
    }
    return builder.build({ databaseId, seqno: state.seqno }, () => {});
  } catch (error) {
    builder.release();
    throw error;
  }
}

type Tables = ReadonlyMap<number, FileDigest | undefined>;

/** What an encrypted manifest does not tell is undefined. */
async function readState(
  found: CapturedLogs,
  fs: Fs,
  directory: string,
  random: Random,
  turn: () => Promise<void>,
): Promise<{ readonly tables: Tables | undefined; readonly seqno: number | undefined }> {
  const pipeline = new Pipeline({
    ...{ random, compression: lz4Compression, keys: undefined },
    ...{ logEcc: undefined, logCompression: 'none', onCorrection: () => {} },
  });
  try {
    const place = { fs, directory, pipeline };
    const { manifest, findSeqno } = recoverCaptured(found, place, 'tolerate-tail');
    const tables = new Map<number, FileDigest>();
    for (const { levels } of manifest.version.families.values()) {
      for (const meta of levels.flat()) tables.set(meta.fileNumber, meta);
    }
    return { tables, seqno: await findSeqno(turn) };
  } catch (error) {
    // What is damaged is stored as it is, with all tables there are.
    if (isVarveError(error, 'KEY') || isVarveError(error, 'CORRUPTION')) {
      return { tables: undefined, seqno: undefined };
    }
    throw error;
  }
}

function ownTables(fs: Fs, directory: string): Tables {
  const tables = new Map<number, undefined>();
  for (const name of fs.list(directory)) {
    const parsed = parseFileName(name);
    if (parsed?.kind !== 'table' || !isOwnFile(fs, joinPath(directory, name))) continue;
    tables.set(parsed.number, undefined);
  }
  return tables;
}

function addTable(
  builder: CaptureBuilder,
  fs: Fs,
  directory: string,
  fileNumber: number,
  digest: FileDigest | undefined,
): void {
  const name = tableName(fileNumber);
  const path = joinPath(directory, name);
  const open = () => fs.open(path, 'read');
  const file = open();
  try {
    builder.add({
      ...{ name, kind: 'table', digest, open },
      ...{ sizeBytes: sizeOf(file), linkPath: path, isNamed: true },
    });
  } finally {
    file.close();
  }
}
