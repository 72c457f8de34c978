/**
 * Capturing CURRENT, the manifest and the logs of a directory that somebody else may be writing to.
 *
 * Sizes are taken in the order in which nothing can be missing: first CURRENT, then the manifest,
 * then the logs from the newest to the oldest. What a log says of those before it was there when
 * its size was taken, and so it is in theirs, which are taken later. The newest one may come to
 * name a log that is begun meanwhile: who recovers what was captured misses that, and looks again.
 * @module
 */
import { BLOCK_WAL_RECORD } from '../block/block-format.ts';
import { FILE_CLASS_WAL } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { RecordLogReader } from '../block/record-log-reader.ts';
import { corruption, VarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { readCurrent } from '../manifest/current.ts';
import { CURRENT_NAME, manifestName, parseFileName, walName } from '../manifest/file-names.ts';
import { Manifest } from '../manifest/manifest.ts';
import { type LogDirectory, replayOptionsOf } from '../wal/replay-options.ts';
import { replayWithTurns, type WalRecoveryMode } from '../wal/wal-replay.ts';
import { CaptureBuilder } from './capture.ts';
import { CaptureFs } from './capture-fs.ts';

/** How often the end of a log is looked at while it looks torn. */
const READS_MAX = 3;

/** What was captured. */
export interface CapturedLogs {
  /** The caller adds tables, and releases it if there is to be no capture. */
  readonly builder: CaptureBuilder;
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
}

/**
 * See the module head. Tables are still to be added.
 * @throws VarveError `INVALID` without a database, `CORRUPTION` when CURRENT is damaged; any error
 * of the `Fs`, as for a file that was removed meanwhile
 */
export function captureLogs(fs: Fs, directory: string): CapturedLogs {
  const currentPath = joinPath(directory, CURRENT_NAME);
  const current = readCurrent(fs, directory);
  if (current === undefined) {
    if (fs.exists(currentPath)) throw corruption('both slots are damaged', currentPath, 0);
    throw new VarveError('INVALID', `there is no database at ${directory}`, { file: directory });
  }
  const builder = new CaptureBuilder(fs);
  try {
    builder.addBytes('current', CURRENT_NAME, currentPath, current.file);
    const name = manifestName(current.slot.manifestNumber);
    builder.hold('manifest', name, joinPath(directory, name));
    for (const number of logNumbersIn(fs, directory)) {
      builder.hold('wal', walName(number), joinPath(directory, walName(number)));
    }
  } catch (error) {
    builder.release();
    throw error;
  }
  return { builder, databaseId: current.slot.databaseId };
}

/** From the newest to the oldest. */
function logNumbersIn(fs: Fs, directory: string): number[] {
  const numbers = fs.list(directory).flatMap((name) => {
    const parsed = parseFileName(name);
    return parsed?.kind === 'wal' ? [parsed.number] : [];
  });
  return numbers.sort((a, b) => b - a);
}

/**
 * Ends the newest log where its records end. Zeros stand behind them where a writer has made room
 * for more, which is filled without the file growing: that is of a later moment.
 */
export function endNewestLog(
  { builder }: CapturedLogs,
  { fs, directory, pipeline }: LogDirectory,
): void {
  const captured = new CaptureFs(builder.files, directory, fs.capabilities);
  const number = logNumbersIn(captured, directory)[0];
  if (number === undefined) return;
  const name = walName(number);
  for (let i = 0; i < READS_MAX; i++) {
    const end = endOfRecords(captured, joinPath(directory, name), number, pipeline);
    // A record that is being written looks torn; so does one that a dead process has left.
    if (end === undefined) continue;
    builder.limit(name, end);
    return;
  }
}

/** Undefined where something else than zeros follows. */
function endOfRecords(
  fs: Fs,
  path: string,
  number: number,
  pipeline: Pipeline,
): number | undefined {
  const type = BLOCK_WAL_RECORD;
  const reader = RecordLogReader.openBlind(fs, path, FILE_CLASS_WAL, number, type, pipeline);
  try {
    if (reader.headerState !== 'sound') return reader.sizeBytes;
    let step = reader.next();
    while (step === 'record') step = reader.next();
    if (step === 'end') return reader.sizeBytes;
    return reader.isBlankFrom(reader.position) ? reader.position : undefined;
  } finally {
    reader.close();
  }
}

/** What a capture holds, as far as its manifest can be read. */
export interface CapturedState {
  readonly manifest: Manifest;
  /**
   * Finds the newest write, by reading the logs.
   * @param turn called now and then
   * @throws VarveError `CORRUPTION` as for who opens the copy
   */
  readonly findSeqno: (turn: () => Promise<void>) => Promise<number>;
}

/**
 * Recovers what the captured files say.
 * @param place `fs` and `directory` that were captured; the pipeline has the keys, and learns what
 * it has to know of the database
 * @param mode what to do where logs are damaged
 * @throws VarveError `CORRUPTION` as for who opens the copy, `KEY`, `UNSUPPORTED`
 */
export function recoverCaptured(
  { builder }: CapturedLogs,
  { fs, directory, pipeline }: LogDirectory,
  mode: WalRecoveryMode,
): CapturedState {
  const captured = new CaptureFs(builder.files, directory, fs.capabilities);
  const manifest = Manifest.recover(captured, directory, pipeline);
  const place = { fs: captured, directory, pipeline };
  const findSeqno = async (turn: () => Promise<void>) => {
    const numbers = logNumbersIn(captured, directory).reverse();
    const options = replayOptionsOf(place, manifest, numbers, mode);
    const { lastSeqno } = await replayWithTurns(options, () => {}, turn);
    return Math.max(manifest.lastSeqno, lastSeqno);
  };
  return { manifest, findSeqno };
}
