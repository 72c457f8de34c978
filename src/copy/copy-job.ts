/**
 * The job of copying tables into a directory that is being made: what it needs, and its run. Tables
 * alone are copied so: they never change, and any thread can open them by their names, as long as
 * somebody holds them.
 * @module
 */
import { HeldFs } from '../fs/held.ts';
import { closeFile, type FileHandle, joinPath, type ReadableFile } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { type Job, type JobRun, PATIENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import type { RateShare } from '../job/rate-limiter.ts';
import { CopyRate } from './copy-rate.ts';
import { PIECE_BYTES, readPiece } from './file-bytes.ts';

/** A sync of more than this blocks the thread for long. */
const SYNC_BYTES = 0x80_0000;

/** A table to copy. */
export interface NamedTable {
  /** In the directory of the database, and in the new one. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** The directory that is being made; whoever starts the job holds its lock. */
export interface CopyPlace {
  readonly directory: string;
  readonly lockPath: string;
  readonly lockToken: string;
}

/** See the module head. */
export interface CopyJob extends Job {
  readonly kind: 'copy';
  readonly tables: readonly NamedTable[];
  readonly to: CopyPlace;
  /** A limit of its own, beside that of all jobs; undefined for none. */
  readonly rate: RateShare | undefined;
}

/** What a job has done: all its tables are there, and on stable storage but for their names. */
export interface CopyResult {
  readonly bytesCopied: number;
}

/** The job that copies these tables. */
export function copyJob(
  tables: readonly NamedTable[],
  to: CopyPlace,
  rate: RateShare | undefined,
): CopyJob {
  return {
    ...{ kind: 'copy', urgency: PATIENT, tables, to, rate },
    reads: {
      bytes: tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      tablesMax: 0,
      epochs: [],
    },
    memoryBytes: PIECE_BYTES,
    fileNumbers: { first: 0, count: 0 },
  };
}

/** A table that is being copied. */
interface OpenCopy {
  readonly from: ReadableFile;
  readonly to: FileHandle;
  readonly sizeBytes: number;
  /** Written so far, and of that what was synced. */
  bytes: number;
  syncedBytes: number;
}

/** The run of a job: one table after the other. */
export class CopyJobRun implements JobRun<CopyResult> {
  readonly #job: CopyJob;
  readonly #context: JobContext;
  readonly #to: HeldFs;
  readonly #rate: CopyRate;
  #room: Uint8Array;
  /** The next table. */
  #next: number;
  #current: OpenCopy | undefined;
  #bytesRead: number;

  /** Opens nothing yet. */
  constructor(job: CopyJob, context: JobContext) {
    const { lockPath, lockToken } = job.to;
    this.#job = job;
    this.#context = context;
    this.#to = new HeldFs(context.fs, lockPath, lockToken);
    this.#rate = new CopyRate(context.limiter, job.rate, context.clock);
    this.#room = new Uint8Array(0);
    this.#next = 0;
    this.#current = undefined;
    this.#bytesRead = 0;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get pauseMs(): number {
    return this.#rate.pauseMs;
  }

  step(budgetBytes: number): CopyResult | undefined {
    try {
      const end = this.#bytesRead + this.#rate.stepBytes(budgetBytes);
      while (this.#bytesRead < end) {
        this.#current ??= this.#begin();
        if (this.#current === undefined) return { bytesCopied: this.#bytesRead };
        this.#copyPiece(this.#current, end - this.#bytesRead);
      }
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#rate.note(this.#bytesRead);
    return undefined;
  }

  /** Removes the table that is not complete; those before it are whoever's the directory is. */
  abort(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    closeBoth(current);
    removeIfPossible(this.#to, current.to.path);
  }

  /** Undefined if there is no further table. */
  #begin(): OpenCopy | undefined {
    const table = this.#job.tables[this.#next];
    if (table === undefined) return undefined;
    if (this.#room.length === 0) this.#room = new Uint8Array(PIECE_BYTES);
    this.#next++;
    const { fs, directory } = this.#context;
    const { name, sizeBytes } = table;
    const path = joinPath(this.#job.to.directory, name);
    // What a run has left whose thread is gone.
    if (this.#to.exists(path)) this.#to.remove(path);
    fs.handles?.makeRoom();
    const from = fs.open(joinPath(directory, name), 'read');
    try {
      fs.handles?.makeRoom();
      const to = this.#to.open(path, 'create');
      return { from, to, sizeBytes, bytes: 0, syncedBytes: 0 };
    } catch (error) {
      closeFile(from);
      throw error;
    }
  }

  #copyPiece(current: OpenCopy, bytesMax: number): void {
    const { from, to, sizeBytes, bytes } = current;
    const length = Math.min(this.#room.length, bytesMax, sizeBytes - bytes);
    const piece = readPiece(from, this.#room, length, bytes);
    to.write(piece, 0, length, bytes);
    current.bytes += length;
    this.#bytesRead += length;
    const isWhole = current.bytes === sizeBytes;
    if (!isWhole && current.bytes - current.syncedBytes < SYNC_BYTES) return;
    to.sync();
    current.syncedBytes = current.bytes;
    if (!isWhole) return;
    this.#current = undefined;
    closeBoth(current);
  }
}

/** What was only read, and what was synced or counts for nothing. */
function closeBoth({ from, to }: OpenCopy): void {
  closeFile(from);
  closeFile(to);
}
