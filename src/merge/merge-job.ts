/**
 * The job of a flush or of a part of a compaction: entries in order from a memtable or from tables,
 * merged into new tables. A job is plain data, and the one function that begins it runs it
 * everywhere: in the caller's time, or on another thread.
 * @module
 */
import type { Room } from '../bytes/room.ts';
import type { RateLimiter } from '../job/rate-limiter.ts';
import type { MergeInput } from '../key/cursor.ts';
import { EntryGuard } from '../key/entry-checksum.ts';
import { ImageCursor, type MemtableImage } from '../memtable/memtable-image.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { OUTPUT_BUFFER_BYTES } from '../sstable/table-output.ts';
import type { TableWriterOptions } from '../sstable/table-writer.ts';
import type { TableCache } from '../tables/table-cache.ts';
import { DirectorySink, type FileNumbers, type SinkContext } from './directory-sink.ts';
import { KeyRangeSweep } from './key-range-sweep.ts';
import { MergeBuffer } from './merge-buffer.ts';
import { MergeRun } from './merge-run.ts';
import { RunStream } from './run-stream.ts';

/** Sorted runs of tables, each disjoint in itself, the newer ones first. */
export type TableRuns = readonly (readonly TableMeta[])[];

/** See the module head. */
export interface MergeJob {
  /** Flushes go first: memory waits for them. */
  readonly work: 'flush' | 'compaction';
  readonly input: { readonly memtable: MemtableImage } | { readonly runs: TableRuns };
  /** How the new tables are written. */
  readonly table: TableWriterOptions;
  readonly targetTableBytes: number;
  /** For the new tables. */
  readonly fileNumbers: FileNumbers;
  /** Seqnos of the live snapshots, ascending. */
  readonly snapshots: readonly number[];
  /**
   * The levels below the output, as far as they meet the inputs, which decide about tombstones;
   * undefined keeps every tombstone.
   */
  readonly deeper: TableRuns | undefined;
  /** The column family's name if its entries have checksums. */
  readonly guardedFamily: string | undefined;
  /** Only entries of user keys from here on, and before there; undefined for no bound. */
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
  /**
   * Whether it makes the names of its tables durable, with those of all tables that were written
   * before it began. False where a later job of the same group does.
   */
  readonly syncsDirectory: boolean;
}

/**
 * What a job has brought about: its tables are on stable storage, and so are their names if it was
 * to see to that.
 */
export interface MergeResult {
  /** In key order. */
  readonly outputs: readonly TableMeta[];
  readonly entriesDropped: number;
}

/** Where a job runs. */
export interface MergeContext extends SinkContext {
  /** Opens the inputs. */
  readonly tables: TableCache;
  /** Undefined without a limit. */
  readonly limiter: RateLimiter | undefined;
}

/** One file read of a compaction fetches this much, less where there are many runs to read. */
const READ_AHEAD_BYTES_MAX = 0x4_0000;
const READ_AHEAD_BYTES_MIN = 0x1_0000;
/** What all runs of a job read ahead together, as far as the least for each allows. */
const JOB_READ_AHEAD_BYTES = 0x40_0000;
/** Besides its window, a run under way holds a block, and the index of one table. */
const BLOCK_BYTES = 0x1_0000;
const TABLE_METADATA_SHARE = 0.02;
/** The buffer of an output, its index and filter. */
const OUTPUT_BYTES = 0x10_0000;
const FILTER_KEY_BYTES = 4;
/** Sorting a key of a memtable takes four words. */
const SORTED_KEY_BYTES = 16;

/** What a job takes in memory, about, beside the memtable that it reads. */
export function jobMemoryBytes({ input, targetTableBytes }: MergeJob): number {
  if ('memtable' in input) {
    const { ordered, waiting } = input.memtable;
    const keys = ordered.length + waiting.length;
    return OUTPUT_BYTES + keys * (SORTED_KEY_BYTES + FILTER_KEY_BYTES);
  }
  let bytes = OUTPUT_BYTES;
  let keysMax = 0;
  for (const run of input.runs) {
    let largest = 0;
    for (const { sizeBytes, entryCount } of run) {
      largest = Math.max(largest, sizeBytes);
      keysMax += entryCount * Math.min(1, targetTableBytes / Math.max(1, sizeBytes));
    }
    bytes += readAheadBytes(input.runs.length) + BLOCK_BYTES + largest * TABLE_METADATA_SHARE;
  }
  return bytes + (keysMax / Math.max(1, input.runs.flat().length)) * FILTER_KEY_BYTES;
}

/** A job under way. */
export class Merge {
  readonly job: MergeJob;
  readonly #context: MergeContext;
  readonly #run: MergeRun;
  /** When the next step is due, on the monotonic clock. */
  #dueMs: number;
  /** What the limiter knows of. */
  #chargedBytes: number;

  /** Opens nothing yet. */
  constructor(job: MergeJob, context: MergeContext) {
    this.job = job;
    this.#context = context;
    this.#dueMs = 0;
    this.#chargedBytes = 0;
    const { deeper, guardedFamily } = job;
    const runCount = 'runs' in job.input ? job.input.runs.length : 0;
    const runBytes = readAheadBytes(runCount) + BLOCK_BYTES;
    const { out, rooms } = new MergeBuffer(OUTPUT_BUFFER_BYTES, runCount, runBytes);
    this.#run = new MergeRun({
      inputs: openInputs(job, context, rooms),
      snapshots: job.snapshots,
      sink: new DirectorySink(context, job.table, job.fileNumbers, out),
      targetTableBytes: job.targetTableBytes,
      deeper: deeper === undefined ? undefined : new KeyRangeSweep(deeper),
      grandparents: deeper === undefined ? undefined : new KeyRangeSweep(deeper.slice(0, 1)),
      isBottommost: deeper?.every((tables) => tables.length === 0) ?? false,
      guard: guardedFamily === undefined ? undefined : new EntryGuard(job.work, guardedFamily),
    });
  }

  /** Key and value bytes read so far. */
  get bytesRead(): number {
    return this.#run.bytesRead;
  }

  /** How long the next step should wait for the rate limit; 0 without one. */
  get pauseMs(): number {
    if (this.#context.limiter === undefined) return 0;
    return Math.max(0, this.#dueMs - this.#context.clock.monotonic());
  }

  /**
   * Merges about `budgetBytes` of input, less where a rate limit wants smaller steps.
   * @returns the result when there is nothing left
   * @throws VarveError from reading or writing; nothing of the job is left behind then
   */
  step(budgetBytes: number): MergeResult | undefined {
    const { limiter } = this.#context;
    try {
      const isDone = this.#run.step(limiter?.stepBytes(budgetBytes) ?? budgetBytes);
      if (limiter !== undefined) this.#charge(limiter);
      if (!isDone) return undefined;
      const { fs, directory } = this.#context;
      // An edit will name the new tables: they must be found after a power cut.
      if (this.job.syncsDirectory) fs.syncDirectory(directory);
    } catch (error) {
      this.abort();
      throw error;
    }
    const { outputs, entriesDropped } = this.#run;
    return { outputs, entriesDropped };
  }

  /** Gives up and removes what was written; the inputs stay. */
  abort(): void {
    this.#run.abort();
  }

  #charge(limiter: RateLimiter): void {
    const { bytesRead, bytesWritten } = this.#run;
    const { work } = this.job;
    // What a flush reads is memory.
    const bytes = work === 'flush' ? bytesWritten : bytesRead + bytesWritten;
    const waitMs = limiter.charge(work, bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
    this.#dueMs = this.#context.clock.monotonic() + waitMs;
  }
}

function openInputs(
  { input, from, to }: MergeJob,
  { tables }: MergeContext,
  rooms: readonly Room[],
): MergeInput[] {
  if ('memtable' in input) return [new ImageCursor(input.memtable)];
  const ahead = readAheadBytes(input.runs.length);
  return input.runs.map((run, i) => new RunStream(run, tables, ahead, rooms[i]!, from, to));
}

function readAheadBytes(runCount: number): number {
  const even = Math.floor(JOB_READ_AHEAD_BYTES / runCount);
  return Math.max(READ_AHEAD_BYTES_MIN, Math.min(even, READ_AHEAD_BYTES_MAX));
}
