/**
 * The jobs of flushes and compactions: entries in order from a memtable or from tables, merged
 * into new tables. A flush runs one for each memtable, a compaction one for each part of its keys.
 * @module
 */
import type { Room } from '../bytes/room.ts';
import { totalBytes } from '../compaction/plan.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { type Job, type JobRun, NORMAL, URGENT } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { Pace } from '../job/pace.ts';
import type { MergeInput } from '../key/cursor.ts';
import { EntryGuard } from '../key/entry-checksum.ts';
import { ImageCursor, type MemtableImage } from '../memtable/memtable-image.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { OUTPUT_BUFFER_BYTES } from '../sstable/table-output.ts';
import type { TableWriterOptions } from '../sstable/table-writer.ts';
import { DirectorySink } from './directory-sink.ts';
import { KeyRangeSweep } from './key-range-sweep.ts';
import { MergeBuffer } from './merge-buffer.ts';
import { MergeRun } from './merge-run.ts';
import { RunStream } from './run-stream.ts';

/** Sorted runs of tables, each disjoint in itself, the newer ones first. */
export type TableRuns = readonly (readonly TableMeta[])[];

/** What is to be merged, and how. */
export interface MergeOrder {
  readonly kind: 'flush' | 'compaction';
  readonly input: { readonly memtable: MemtableImage } | { readonly runs: TableRuns };
  /** How the new tables are written. */
  readonly table: TableWriterOptions;
  readonly targetTableBytes: number;
  /** For the new tables. */
  readonly fileNumbers: Job['fileNumbers'];
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

/** See the module head. */
export interface MergeJob extends Job, MergeOrder {
  readonly kind: 'flush' | 'compaction';
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

/** One file read of a compaction fetches this much, less where there are many runs to read. */
const READ_AHEAD_BYTES_MAX = 0x4_0000;
const READ_AHEAD_BYTES_MIN = 0x1_0000;
/** What all runs of a job read ahead together, as far as the least for each allows. */
const JOB_READ_AHEAD_BYTES = 0x40_0000;
/** Besides its window, a run under way holds a block, and the index of one table. */
const BLOCK_BYTES = 0x1_0000;
const TABLE_METADATA_SHARE = 0.02;
/** The buffer of an output, its index and filter; less where there is little to write. */
const OUTPUT_BYTES = 0x10_0000;
const OUTPUT_BYTES_MIN = 0x4000;
const OUTPUT_SHARE = 2;
const FILTER_KEY_BYTES = 4;
/** Sorting a key of a memtable takes four words. */
const SORTED_KEY_BYTES = 16;

/** The job of an order. */
export function mergeJob(order: MergeOrder): MergeJob {
  const { kind, input, table } = order;
  const inputs = 'runs' in input ? input.runs.flat() : [];
  const sealed = [table.protection, ...inputs.map(({ protection }) => protection)].filter(
    ({ suiteId }) => suiteId !== SUITE_NONE,
  );
  return {
    ...order,
    urgency: kind === 'flush' ? URGENT : NORMAL,
    reads: {
      bytes: inputBytes(input),
      tablesMax: 'runs' in input ? input.runs.length : 0,
      epochs: [...new Set(sealed.map(({ epoch }) => epoch))],
    },
    memoryBytes: memoryBytes(order),
  };
}

function inputBytes(input: MergeOrder['input']): number {
  return 'runs' in input ? totalBytes(input.runs.flat()) : input.memtable.sizeBytes;
}

function memoryBytes({ input, targetTableBytes }: MergeOrder): number {
  const outputBytes = Math.min(OUTPUT_BYTES, OUTPUT_BYTES_MIN + OUTPUT_SHARE * inputBytes(input));
  if ('memtable' in input) {
    const { ordered, waiting } = input.memtable;
    const keys = ordered.length + waiting.length;
    return outputBytes + keys * (SORTED_KEY_BYTES + FILTER_KEY_BYTES);
  }
  const readAhead = readAheadBytes(input.runs);
  let bytes = outputBytes;
  let keysMax = 0;
  for (const run of input.runs) {
    let largest = 0;
    for (const { sizeBytes, entryCount } of run) {
      largest = Math.max(largest, sizeBytes);
      keysMax += entryCount * Math.min(1, targetTableBytes / Math.max(1, sizeBytes));
    }
    bytes += readAhead + BLOCK_BYTES + largest * TABLE_METADATA_SHARE;
  }
  return bytes + (keysMax / Math.max(1, input.runs.flat().length)) * FILTER_KEY_BYTES;
}

/** The run of a job. */
export class MergeJobRun implements JobRun<MergeResult> {
  readonly #job: MergeJob;
  readonly #run: MergeRun;
  readonly #pace: Pace;

  /** Opens nothing yet. */
  constructor(job: MergeJob, context: JobContext) {
    this.#job = job;
    this.#pace = new Pace([context.limiter], context.clock, job.urgency);
    const { deeper, guardedFamily } = job;
    const runs = 'runs' in job.input ? job.input.runs : [];
    const runBytes = readAheadBytes(runs) + BLOCK_BYTES;
    const outBytes = Math.min(OUTPUT_BUFFER_BYTES, OUTPUT_BYTES_MIN + job.reads.bytes);
    const { out, rooms } = new MergeBuffer(outBytes, runs.length, runBytes);
    this.#run = new MergeRun({
      inputs: openInputs(job, context, rooms),
      snapshots: job.snapshots,
      sink: new DirectorySink(context, job.table, job.fileNumbers, out),
      targetTableBytes: job.targetTableBytes,
      syncsNames: job.syncsDirectory,
      deeper: deeper === undefined ? undefined : new KeyRangeSweep(deeper),
      grandparents: deeper === undefined ? undefined : new KeyRangeSweep(deeper.slice(0, 1)),
      isBottommost: deeper?.every((tables) => tables.length === 0) ?? false,
      guard: guardedFamily === undefined ? undefined : new EntryGuard(job.kind, guardedFamily),
    });
  }

  /** Key and value bytes read so far. */
  get bytesRead(): number {
    return this.#run.bytesRead;
  }

  get pauseMs(): number {
    return this.#pace.pauseMs;
  }

  step(budgetBytes: number): MergeResult | undefined {
    try {
      const isDone = this.#run.step(this.#pace.stepBytes(budgetBytes));
      this.#pace.note(this.#bytes);
      if (!isDone) return undefined;
    } catch (error) {
      this.abort();
      throw error;
    }
    const { outputs, entriesDropped } = this.#run;
    return { outputs, entriesDropped };
  }

  abort(): void {
    this.#run.abort();
  }

  /** Of files, read and written. */
  get #bytes(): number {
    const { bytesRead, bytesWritten } = this.#run;
    return 'memtable' in this.#job.input ? bytesWritten : bytesRead + bytesWritten;
  }
}

function openInputs(
  { input, from, to }: MergeJob,
  { tables }: JobContext,
  rooms: readonly Room[],
): MergeInput[] {
  if ('memtable' in input) return [new ImageCursor(input.memtable)];
  const ahead = readAheadBytes(input.runs);
  return input.runs.map((run, i) => new RunStream(run, tables, ahead, rooms[i]!, from, to));
}

/** For each run; never more than the longest of them needs. */
function readAheadBytes(runs: TableRuns): number {
  const even = Math.floor(JOB_READ_AHEAD_BYTES / Math.max(1, runs.length));
  const most = Math.max(READ_AHEAD_BYTES_MIN, Math.min(even, READ_AHEAD_BYTES_MAX));
  const longest = runs.reduce((bytes, run) => Math.max(bytes, totalBytes(run)), 0);
  return Math.min(most, longest);
}
