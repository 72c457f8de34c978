/**
 * A compaction of one family: the merges of a plan's tables and the edit that installs the result.
 * Where jobs run side by side, the plan is cut into ranges of keys (sub-compactions), which are
 * merged at the same time and installed together. So is a plan that steps around lost tables, and
 * then its parts go to levels of their own.
 * @module
 */
import type { Pipeline } from '../../block/pipeline.ts';
import { type PlanPart, partsOf } from '../../compaction/around.ts';
import {
  type CompactionPlan,
  type KeyRange,
  keyRange,
  type LevelInputs,
  overlapsInLevel,
  planBytes,
  planTables,
  totalBytes,
} from '../../compaction/plan.ts';
import { cutKeys } from '../../compaction/split.ts';
import type { ErrorCode, VarveError } from '../../errors.ts';
import type { Executor } from '../../executor/executor.ts';
import { tableNumberOf } from '../../manifest/file-names.ts';
import { emptyEdit, type RemovedTable } from '../../manifest/version-edit.ts';
import { type MergeJob, type MergeOrder, mergeJob, type TableRuns } from '../../merge/merge-job.ts';
import type { TableMeta } from '../../sstable/table-meta.ts';
import type { DbCore } from '../core.ts';
import type { Family } from '../family.ts';
import { tableOptions } from '../options.ts';
import { L0_TABLE_BYTES_MAX, MergeGroup, originOf, storedBytesMax } from './merge-group.ts';

const FILE_NUMBERS_MIN = 8;
/** Smaller parts are not worth a job of their own. */
const PART_BYTES_MIN = 0x40_0000;
/** Parts for each that runs at a time: workers are not equally fast, nor parts equally dear. */
const PARTS_PER_TASK = 2;
/** Samples of the inputs' sizes for each part: it is off by that share of itself at most. */
const SAMPLES_PER_PART = 32;

/** Of what a file can be that was there, or should be. */
const INPUT_ERRORS: readonly ErrorCode[] = ['CORRUPTION', 'IO', 'UNSUPPORTED'];

/** An input of a compaction that could not be read. */
export interface InputFailure {
  readonly fileNumber: number;
  readonly error: VarveError;
}

/** A compaction under way. */
export class Compaction {
  readonly family: Family;
  readonly plan: CompactionPlan;
  /** Bytes of all inputs. */
  readonly inputBytes: number;
  /** True once what it wrote is part of the database. */
  isInstalled: boolean;
  readonly #core: DbCore;
  /** In key order; none where nothing is merged. */
  readonly #parts: readonly PlanPart[];
  /** One for each part. */
  readonly #tasks: MergeGroup;
  readonly #beginMs: number;

  /** @param taskMax sub-compactions that may run at a time: at least 1 */
  constructor(
    core: DbCore,
    executor: Executor,
    family: Family,
    plan: CompactionPlan,
    taskMax: number,
  ) {
    this.family = family;
    this.plan = plan;
    this.inputBytes = planBytes(plan);
    this.isInstalled = false;
    this.#core = core;
    this.#tasks = new MergeGroup(core, executor);
    this.#beginMs = core.location.clock.monotonic();
    this.#parts = plan.kind === 'merge' ? partsOf(plan, this.#cuts(taskMax)) : [];
    const range = keyRange(planTables(plan));
    // All before the first is started: a job that begins at once may find that it cannot.
    const jobs = this.#parts.map((part) => this.#mergeJob(part, range));
    const lent = { memtables: [], tables: planTables(plan) };
    for (const job of jobs) this.#tasks.start(job, lent);
  }

  /** Sub-compactions that are under way. */
  get openTaskCount(): number {
    return this.#tasks.openCount;
  }

  /** Key and value bytes that are still to be read, about. */
  get remainingBytes(): number {
    return Math.max(0, this.inputBytes - this.#tasks.bytesRead);
  }

  /** True when all that is left to do is {@link install}. */
  get isWritten(): boolean {
    return this.#tasks.isSettled;
  }

  /** Set when a thread that worked on it is gone: the plan is to be made anew. */
  get loss(): VarveError | undefined {
    return this.#tasks.loss;
  }

  /** Set when the disk was too full for it; then {@link abort} it. */
  get spaceError(): VarveError | undefined {
    return this.#tasks.errorOf('NOSPACE');
  }

  /**
   * Set when nothing but an input of it that cannot be read was in its way; then {@link abort} it.
   * The table is left to those who read it.
   */
  get inputFailure(): InputFailure | undefined {
    const failures = this.#tasks.errors.map((error) => inputFailureOf(this.plan, error));
    return failures.includes(undefined) ? undefined : failures[0];
  }

  /**
   * Makes the new tables part of the database in place of the old ones.
   * @throws VarveError when a table could not be written, or the edit
   */
  install(): void {
    const { counters } = this.#core;
    const { kind } = this.plan;
    // Should the edit fail, it may be on disk all the same: the tables must stay where they are.
    const results = this.#tasks.finish();
    const { outputLevel } = this.plan;
    const added: LevelInputs[] =
      kind === 'move'
        ? [{ level: outputLevel, tables: planTables(this.plan) }]
        : results.map(({ outputs }, i) => {
            return { level: this.#parts[i]!.outputLevel, tables: outputs };
          });
    const outputs = added.flatMap(({ tables }) => tables);
    let entriesDropped = 0;
    for (const result of results) entriesDropped += result.entriesDropped;
    this.#install(added);
    this.isInstalled = true;
    counters.entriesDropped += entriesDropped;
    if (kind === 'move') {
      counters.trivialMoveCount++;
    } else if (kind === 'drop') {
      counters.dropCount++;
    } else {
      const bytesWritten = totalBytes(outputs);
      counters.compactionCount++;
      counters.compactionBytesRead += this.inputBytes;
      counters.compactionBytesWritten += bytesWritten;
      for (const { level, tables } of added) {
        this.family.levelBytesWritten[level]! += totalBytes(tables);
      }
    }
    this.#tell(outputs, entriesDropped);
  }

  /** Gives up and removes what was written; the inputs stay. */
  abort(): void {
    this.#tasks.abort();
  }

  #tell(outputs: readonly TableMeta[], entriesDropped: number): void {
    const { events, location } = this.#core;
    const { kind, reason, inputs, outputLevel } = this.plan;
    const isMerge = kind === 'merge';
    events.tell({
      type: 'compaction',
      columnFamily: this.family.handle.name,
      kind,
      reason,
      inputLevels: inputs.map(({ level }) => level),
      outputLevel,
      inputTableCount: planTables(this.plan).length,
      outputTableCount: outputs.length,
      bytesRead: isMerge ? this.inputBytes : 0,
      bytesWritten: isMerge ? totalBytes(outputs) : 0,
      entriesDropped,
      durationMs: location.clock.monotonic() - this.#beginMs,
    });
  }

  /** @param range of all inputs */
  #mergeJob({ from, to, inputs, outputLevel }: PlanPart, range: KeyRange): MergeJob {
    const core = this.#core;
    const { settings, handle } = this.family;
    const levels = core.version.families.get(handle.id)!.levels;
    const deeper = levels.slice(outputLevel + 1).map((tables) => overlapsInLevel(tables, range));
    const isToL0 = outputLevel === 0;
    const all = planTables(this.plan).map(({ fileNumber }) => fileNumber);
    const origin = originOf(core, this.family, outputLevel, all);
    const shared = {
      kind: 'compaction' as const,
      input: { runs: runsOf(inputs) },
      // Every table of the version is of writes up to there.
      table: {
        ...tableOptions(settings, outputLevel, core.pipeline, origin),
        asOfSeqno: core.manifest!.lastSeqno,
      },
      targetTableBytes: isToL0 ? L0_TABLE_BYTES_MAX : settings.targetTableBytes,
      snapshots: core.snapshots.distinct(),
      deeper: isToL0 ? undefined : deeper,
      guardedFamily: settings.entryChecksums ? handle.name : undefined,
      from,
      to,
      syncsDirectory: true,
    };
    const tables = inputs.flatMap((input) => input.tables);
    const outputsMax = outputsMaxOf(tables, deeper[0] ?? [], shared, core.pipeline);
    return mergeJob({ ...shared, fileNumbers: core.newFileNumbers(outputsMax) });
  }

  /**
   * Where the plan is cut into parts: none where one runs at a time, else so many that the last of
   * them is not waited for long, of at most about a table each.
   */
  #cuts(taskMax: number): Uint8Array[] {
    if (taskMax < 2 || this.plan.outputLevel === 0) return [];
    const { targetTableBytes } = this.family.settings;
    const even = this.inputBytes / (taskMax * PARTS_PER_TASK);
    const partBytes = Math.max(PART_BYTES_MIN, Math.min(even, targetTableBytes));
    const partCount = Math.floor(this.inputBytes / partBytes);
    if (partCount < 2) return [];
    const sampleBytes = this.inputBytes / (partCount * SAMPLES_PER_PART);
    const samples = planTables(this.plan).flatMap((meta) => {
      const keys = this.#sampleKeys(meta, Math.ceil(meta.sizeBytes / sampleBytes));
      return keys.map((key) => ({ key, sizeBytes: meta.sizeBytes / keys.length }));
    });
    return cutKeys(samples, partCount);
  }

  #sampleKeys(meta: TableMeta, count: number): Uint8Array[] {
    const { tables } = this.#core;
    return count < 2 ? [meta.smallestKey] : tables.open(tables.slot(meta)).cuts(count);
  }

  #install(added: readonly LevelInputs[]): void {
    const familyId = this.family.handle.id;
    const removedTables: RemovedTable[] = this.plan.inputs.flatMap(({ level, tables }) =>
      tables.map((table) => ({ familyId, level, fileNumber: table.fileNumber })),
    );
    const addedTables = added.flatMap(({ level, tables }) =>
      tables.map((meta) => ({ familyId, level, meta })),
    );
    this.#core.install({ ...emptyEdit(), addedTables, removedTables });
  }
}

/** Enough numbers for tables that end where they are full or overlap too many. */
function outputsMaxOf(
  inputs: readonly TableMeta[],
  grandparents: readonly TableMeta[],
  { table, targetTableBytes }: Pick<MergeOrder, 'table' | 'targetTableBytes'>,
  pipeline: Pipeline,
): number {
  let bytes = totalBytes(grandparents);
  for (const { rawBytes, entryCount } of inputs) {
    bytes += storedBytesMax(rawBytes, entryCount, table, pipeline);
  }
  return FILE_NUMBERS_MIN + Math.ceil(bytes / targetTableBytes);
}

/**
 * The input that an error is about; undefined when it is about something else. What cannot be done
 * and is of no file is due to what the inputs hold: the largest stands for them.
 */
export function inputFailureOf(plan: CompactionPlan, error: VarveError): InputFailure | undefined {
  if (error.code === 'UNSUPPORTED' && error.file === undefined) {
    const [largest] = planTables(plan).sort((a, b) => b.sizeBytes - a.sizeBytes);
    return { fileNumber: largest!.fileNumber, error };
  }
  if (!INPUT_ERRORS.includes(error.code) || error.file === undefined) return undefined;
  const fileNumber = tableNumberOf(error.file);
  const isInput = planTables(plan).some((table) => table.fileNumber === fileNumber);
  return fileNumber !== undefined && isInput ? { fileNumber, error } : undefined;
}

/** L0 tables are runs of their own; those of a deeper level are one. */
function runsOf(inputs: readonly LevelInputs[]): TableRuns {
  return inputs.flatMap(({ level, tables }) =>
    level === 0 ? tables.map((table) => [table]) : [tables],
  );
}
