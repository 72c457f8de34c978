/**
 * Checkpoints of an open database.
 * @module
 */
import { type Capture, type CapturedFile, captureBytes } from '../copy/capture.ts';
import { type CheckpointReport, type CopyNamed, writeCapture } from '../copy/checkpoint.ts';
import { type CopyPlace, copyJob } from '../copy/copy-job.ts';
import { type CopyOptions, CopyPace } from '../copy/pace.ts';
import { inParts, type PatientJobs } from './background/patient-jobs.ts';
import type { Scheduler } from './background/scheduler.ts';
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
  { patientJobs: jobs }: Scheduler,
  flush: () => Promise<void>,
  directory: string,
  options: CopyOptions,
): Promise<CheckpointReport> {
  CHECKPOINT_OPTIONS.check(options);
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError('the directory of a checkpoint must be a string that is not empty');
  }
  core.assertOpen();
  const { fs, hostLoop, clock } = core.location;
  // Before anything is awaited: the working directory may be another then.
  const path = fs.resolve(directory);
  const capture = await captureDatabase(core, flush);
  try {
    const { isParallel: isShared, limiter } = jobs;
    const ports = { hostLoop, clock, limiter, isShared, check: () => core.assertOpen() };
    const pace = new CopyPace(ports, captureBytes(capture), options);
    pace.assertGoesOn();
    const copyNamed: CopyNamed = (files, to) => copyOnJobs(jobs, files, to, pace);
    const report = await jobs.attend(() => writeCapture(fs, capture, path, pace, copyNamed));
    return { seqno: capture.seqno!, ...report };
  } finally {
    capture.release();
  }
}

/** On all workers; what is told of a job that is done again is not told twice. */
async function copyOnJobs(
  jobs: PatientJobs,
  files: readonly CapturedFile[],
  to: CopyPlace,
  pace: CopyPace,
): Promise<void> {
  await jobs.runParts(inParts(files), async (part) => {
    // Plain data: a captured file has functions.
    const tables = part.map(({ name, sizeBytes }) => ({ name, sizeBytes }));
    let told = 0;
    const onProgress = (bytes: number): void => {
      if (bytes > told) pace.tell(bytes - told);
      told = Math.max(told, bytes);
    };
    const held = { memtables: [], tables: [] };
    const { signal } = pace;
    const job = copyJob(tables, to, pace.rate);
    const { bytesCopied } = await jobs.run(job, held, { signal, onProgress });
    onProgress(bytesCopied);
  });
}
