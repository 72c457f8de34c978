/**
 * The job of looking at a part of one file for damage: what it needs, what it brings about, and its
 * run. It only reads; what is healable is healed by the thread that has the database open.
 * @module
 */
import { BAND_BYTES } from '../block/stripe-band.ts';
import { closeFile, type Fs, joinPath, type ReadableFile } from '../fs/port.ts';
import { type Job, type JobRun, PATIENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { Pace } from '../job/pace.ts';
import { FileCheck, openToCheck } from './file-check.ts';
import type { ExpectedFile, Finding } from './finding.ts';

/** A step looks at so much at a time, so that findings can be counted; of stripes at a band. */
const STEP_BYTES = 0x1_0000;
/** Of one job; where there are more, the rest of its part is left to the next one. */
const FINDINGS_MAX = 256;
/** A window of the file, and a block with its parity section. */
const MEMORY_BYTES = 0x8_0000;
/** A band, and the working memory of the code. */
const STRIPES_MEMORY_BYTES = BAND_BYTES + 0x2_0000;

/** See the module head. */
export interface ScrubJob extends Job {
  readonly kind: 'scrub';
  /** Name of the file in the directory of the database. */
  readonly fileName: string;
  readonly expected: ExpectedFile;
  /** Bytes of the file that were looked at before. */
  readonly resumeAt: number;
  /** About how many to look at. */
  readonly budgetBytes: number;
}

/** What a job has found. */
export interface ScrubResult {
  /** Bytes of the file that were looked at, by this job and those before. */
  readonly position: number;
  /** There is no more of the file. */
  readonly isDone: boolean;
  /** In the order of the file. */
  readonly findings: readonly Finding[];
  /** The device has answered, and not a cache of the system. */
  readonly isPastCache: boolean;
}

/** The job for a part of a file. */
export function scrubJob(
  fileName: string,
  expected: ExpectedFile,
  resumeAt: number,
  budgetBytes: number,
): ScrubJob {
  return {
    ...{ kind: 'scrub', urgency: PATIENT, fileName, expected, resumeAt, budgetBytes },
    reads: { bytes: budgetBytes, tablesMax: 0, epochs: [] },
    memoryBytes: hasStripes(expected) ? MEMORY_BYTES + STRIPES_MEMORY_BYTES : MEMORY_BYTES,
    fileNumbers: { first: 0, count: 0 },
  };
}

/** The run of a job. */
export class ScrubJobRun implements JobRun<ScrubResult> {
  readonly #job: ScrubJob;
  readonly #context: JobContext;
  readonly #pace: Pace;
  readonly #findings: Finding[];
  #file: ReadableFile | undefined;
  #isPastCache: boolean;
  #check: FileCheck | undefined;

  /** Opens nothing yet. */
  constructor(job: ScrubJob, context: JobContext) {
    this.#job = job;
    this.#context = context;
    this.#pace = new Pace([context.limiter], context.clock, job.urgency);
    this.#findings = [];
    this.#file = undefined;
    this.#isPastCache = false;
    this.#check = undefined;
  }

  get bytesRead(): number {
    return Math.max(0, (this.#check?.position ?? 0) - this.#job.resumeAt);
  }

  get pauseMs(): number {
    return this.#pace.pauseMs;
  }

  step(budgetBytes: number): ScrubResult | undefined {
    try {
      const check = this.#check ?? this.#begin();
      if (check === undefined) return this.#result(0, true);
      const end = this.bytesRead + this.#pace.stepBytes(budgetBytes);
      const most = hasStripes(this.#job.expected) ? BAND_BYTES : STEP_BYTES;
      let goesOn = true;
      while (goesOn && this.bytesRead < end && !this.#isEnough) {
        goesOn = check.step(Math.min(most, end - this.bytesRead));
      }
      this.#pace.note(this.bytesRead);
      if (goesOn && !this.#isEnough) return undefined;
      const { position } = check;
      this.abort();
      return this.#result(position, !goesOn);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  abort(): void {
    if (this.#file !== undefined) closeFile(this.#file);
    this.#file = undefined;
  }

  /** A table with stripes cannot be looked at in parts: which are restored is found first. */
  get #isEnough(): boolean {
    if (hasStripes(this.#job.expected)) return false;
    return this.bytesRead >= this.#job.budgetBytes || this.#findings.length >= FINDINGS_MAX;
  }

  /** Undefined for a file that is missing. */
  #begin(): FileCheck | undefined {
    const { fileName, expected, resumeAt } = this.#job;
    const { fs, directory } = this.#context;
    const take = (finding: Finding): void => {
      // The header is looked at each time, for what stands behind it depends on it.
      if (resumeAt === 0 || finding.offset >= resumeAt) this.#findings.push(finding);
    };
    const path = joinPath(directory, fileName);
    const past = openPast(fs, path);
    this.#isPastCache = past !== undefined;
    this.#file = past ?? openToCheck(fs, path, expected, take);
    if (this.#file === undefined) return undefined;
    this.#check = new FileCheck(this.#file, expected, take, resumeAt === 0 ? {} : { resumeAt });
    return this.#check;
  }

  #result(position: number, isDone: boolean): ScrubResult {
    return { position, isDone, findings: this.#findings, isPastCache: this.#isPastCache };
  }
}

function hasStripes({ protection }: ExpectedFile): boolean {
  return protection?.ecc?.stripe !== undefined;
}

function openPast(fs: Fs, path: string): ReadableFile | undefined {
  return fs.openPastCache !== undefined && fs.exists(path) ? fs.openPastCache(path) : undefined;
}
