/**
 * The flush of a group of frozen memtables into L0 tables, installed by one manifest edit.
 * @module
 */
import { totalBytes } from '../../compaction/plan.ts';
import type { VarveError } from '../../errors.ts';
import type { Executor } from '../../executor/executor.ts';
import { type AddedTable, emptyEdit } from '../../manifest/version-edit.ts';
import { type MergeJob, mergeJob } from '../../merge/merge-job.ts';
import type { DbCore } from '../core.ts';
import type { Family, LoggedMemtable } from '../family.ts';
import { tableOptions } from '../options.ts';
import { logNames, persistedFrom, removeOldLogs } from '../persisted.ts';
import { L0_TABLE_BYTES_MAX, MergeGroup, originOf, storedBytesMax } from './merge-group.ts';

/** Memtables of a group that are written at a time, at most. */
const TASKS_MAX = 8;
/** No more begin while those under way hold this share of the memory budget. */
const TASKS_BUDGET_SHARE = 1 / 16;

/** A frozen memtable and the family that it belongs to. */
export interface FlushMember {
  readonly family: Family;
  readonly entry: LoggedMemtable;
}

/**
 * A flush that waits or is under way. Without a WAL a group holds the memtables of all families,
 * because nothing else would keep batches whole; with one, the log does and the groups are single.
 */
export class FlushGroup {
  members: readonly FlushMember[];
  /** True once the memtables are part of the database as tables. */
  isInstalled: boolean;
  /** The newest write when the memtables were frozen: none of theirs is newer. */
  readonly #lastSeqno: number;
  readonly #core: DbCore;
  /** One task per member, in their order; none before `begin`. */
  readonly #tasks: MergeGroup;
  #beginMs: number;

  constructor(
    core: DbCore,
    executor: Executor,
    members: readonly FlushMember[],
    lastSeqno: number,
  ) {
    this.members = members;
    this.isInstalled = false;
    this.#lastSeqno = lastSeqno;
    this.#core = core;
    this.#tasks = new MergeGroup(core, executor);
    this.#beginMs = 0;
  }

  get hasBegun(): boolean {
    return this.#tasks.count > 0;
  }

  /** True when all that is left to do is {@link install}. */
  get isWritten(): boolean {
    if (!this.hasBegun || !this.#tasks.isSettled) return false;
    return this.#tasks.count === this.members.length || this.#tasks.errors.length > 0;
  }

  /** Set when a thread that worked on it is gone: it is to be restarted. */
  get loss(): VarveError | undefined {
    return this.#tasks.loss;
  }

  begin(): void {
    this.#beginMs = this.#core.location.clock.monotonic();
    this.goOn();
  }

  /**
   * Starts the tasks that there is room for beside those under way: each holds buffers, and a
   * program may have thousands of families. The last one waits until all others are written, and
   * makes their names durable with its own.
   */
  goOn(): void {
    const tasks = this.#tasks;
    const bytesMax = this.#core.settings.memoryBudgetBytes * TASKS_BUDGET_SHARE;
    while (tasks.count < this.members.length && tasks.errors.length === 0) {
      const { family, entry } = this.members[tasks.count]!;
      const isLast = tasks.count === this.members.length - 1;
      const isBusy = tasks.openCount >= TASKS_MAX || tasks.openBytes >= bytesMax;
      if (tasks.openCount > 0 && (isLast || isBusy)) return;
      const job = flushJob(this.#core, family, entry, isLast);
      tasks.start(job, { memtables: [entry.memtable], tables: [] });
    }
  }

  /**
   * Makes the tables part of the database. Flushes are installed in the order in which their
   * memtables were frozen.
   * @throws VarveError when a table could not be written, or the edit; or, if {@link isInstalled},
   * when what it makes obsolete could not be cleared away
   */
  install(): void {
    const { counters, events, location } = this.#core;
    // Should the edit fail, it may be on disk all the same: the tables must stay where they are.
    const results = this.#tasks.finish();
    const addedTables: AddedTable[] = [];
    let entriesDropped = 0;
    this.members.forEach(({ family }, i) => {
      const { outputs } = results[i]!;
      for (const meta of outputs) {
        addedTables.push({ familyId: family.handle.id, level: 0, meta });
      }
      family.levelBytesWritten[0]! += totalBytes(outputs);
      entriesDropped += results[i]!.entriesDropped;
    });
    this.#install(addedTables);
    const bytesWritten = totalBytes(addedTables.map(({ meta }) => meta));
    counters.flushCount++;
    counters.flushBytesWritten += bytesWritten;
    counters.entriesDropped += entriesDropped;
    events.tell({
      type: 'flush',
      columnFamilies: this.members.map(({ family }) => family.handle.name),
      tableCount: addedTables.length,
      bytesWritten,
      entriesDropped,
      durationMs: location.clock.monotonic() - this.#beginMs,
    });
  }

  /** Begins again, with the same or fewer members; who waits for it goes on waiting. */
  restart(members: readonly FlushMember[]): void {
    this.abort();
    this.members = members;
  }

  /** Gives up and removes what was written; the memtables stay frozen. */
  abort(): void {
    this.#tasks.abort();
  }

  /** True when a log still holds writes that are no newer than these and in no table. */
  #hasSiblingWrites(): boolean {
    const own = new Set(this.members.map((member) => member.entry));
    for (const family of this.#core.families.values()) {
      for (const entry of [...family.frozen, family.active]) {
        if (!own.has(entry) && entry.memtable.smallestSeqno <= this.#lastSeqno) return true;
      }
    }
    return false;
  }

  #install(addedTables: AddedTable[]): void {
    const core = this.#core;
    // Batches that reach into other families must be durable there too before they are here.
    if (this.#hasSiblingWrites()) core.wal?.syncUpTo(this.#lastSeqno);
    for (const { family } of this.members) family.frozen.shift();
    const persisted = persistedFrom(core, this.#lastSeqno);
    const before = core.version;
    try {
      const flushed = this.members.map((member) => member.entry.memtable);
      const edit = { ...emptyEdit(), addedTables, ...logNames(core) };
      const lastSeqno = core.wal === undefined ? persisted : this.#lastSeqno;
      core.install({ ...edit, lastSeqno }, flushed);
    } finally {
      // What fails after the edit does not take it back.
      this.isInstalled = core.version !== before;
      if (!this.isInstalled) {
        for (const { family, entry } of this.members.toReversed()) family.frozen.unshift(entry);
      }
    }
    core.persistedSeqno = persisted;
    core.wal?.noteDurable(persisted);
    removeOldLogs(core);
  }
}

/**
 * Writes a memtable out; tombstones stay, for L0 cannot know what is below it.
 * @param syncsDirectory see `MergeOrder`
 */
export function flushJob(
  core: DbCore,
  family: Family,
  { memtable }: LoggedMemtable,
  syncsDirectory: boolean,
): MergeJob {
  const { settings, handle } = family;
  const { pipeline } = core;
  const origin = originOf(core, family, 0, []);
  const table = tableOptions(settings, 0, pipeline, origin);
  const { sizeBytes, entryCount } = memtable;
  const storedBytes = storedBytesMax(sizeBytes, entryCount, table, pipeline);
  return mergeJob({
    kind: 'flush',
    input: { memtable: memtable.image() },
    table,
    // In one piece, as far as a table reaches: every L0 table costs each read.
    targetTableBytes: L0_TABLE_BYTES_MAX,
    fileNumbers: core.newFileNumbers(Math.ceil(storedBytes / L0_TABLE_BYTES_MAX)),
    snapshots: core.snapshots.distinct(),
    deeper: undefined,
    guardedFamily: settings.entryChecksums ? handle.name : undefined,
    from: undefined,
    to: undefined,
    syncsDirectory,
  });
}
