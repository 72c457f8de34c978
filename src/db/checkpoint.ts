/**
 * Checkpoints of an open database.
 * @module
 */
import { type Capture, captureBytes } from '../copy/capture.ts';
import { type CheckpointReport, writeCapture } from '../copy/checkpoint.ts';
import { type CopyOptions, CopyPace } from '../copy/pace.ts';
import { CHECKPOINT_OPTIONS } from './call-checks.ts';
import { captureWriter } from './capture.ts';
import { captureReader } from './capture-reader.ts';
import type { DbCore } from './core.ts';

/**
 * Captures a database as of now; without a WAL, as of the flush that it begins.
 * @param flush puts all that memory holds into tables
 */
export async function captureDatabase(core: DbCore, flush: () => Promise<void>): Promise<Capture> {
  if (core.manifest === undefined) return captureReader(core);
  core.assertWritable();
  if (core.wal === undefined) await flush();
  return captureWriter(core);
}

/** See `Db.checkpoint`. */
export async function makeCheckpoint(
  core: DbCore,
  flush: () => Promise<void>,
  directory: string,
  options: CopyOptions,
): Promise<CheckpointReport> {
  CHECKPOINT_OPTIONS.check(options);
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError('the directory of a checkpoint must be a string that is not empty');
  }
  core.assertOpen();
  const { fs, hostLoop } = core.location;
  // Before anything is awaited: the working directory may be another then.
  const path = fs.resolve(directory);
  const capture = await captureDatabase(core, flush);
  try {
    const check = () => core.assertOpen();
    const pace = new CopyPace(hostLoop, captureBytes(capture), options, check);
    pace.assertGoesOn();
    const report = await writeCapture(fs, capture, path, pace);
    return { seqno: capture.seqno!, ...report };
  } finally {
    capture.release();
  }
}
