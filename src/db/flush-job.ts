/**
 * The flush of a group of frozen memtables into L0 tables, installed by one manifest edit.
 * @module
 */
import { removeTables } from '../executor/directory-sink.ts';
import type { MergeJob } from '../executor/merge-job.ts';
import type { Executor, MergeTask } from '../executor/port.ts';
import { type AddedTable, emptyEdit, type VersionEdit } from '../manifest/version-edit.ts';
import type { DbCore } from './core.ts';
import type { Family, LoggedMemtable } from './family.ts';
import { tableOptions } from './options.ts';

/** A flush goes on in another table after so many bytes. */
const L0_TABLE_BYTES_MAX = 0x8000_0000;
/** What a memtable may grow by on its way into a table: parity, an index. */
const EXPANSION = 3;

/** A frozen memtable and the family that it belongs to. */
export interface FlushMember {
  readonly family: Family;
  readonly entry: LoggedMemtable;
}

/**
 * A flush that waits or is under way. Without a WAL a group holds the memtables of all families,
 * because nothing else would keep batches whole; with one, the log does and the groups are single.
 */
export class FlushJob {
  members: readonly FlushMember[];
  /** The newest write when the memtables were frozen: none of theirs is newer. */
  readonly #lastSeqno: number;
  readonly #core: DbCore;
  readonly #executor: Executor;
  /** One per member; empty before `begin`. */
  #tasks: MergeTask[];

  constructor(
    core: DbCore,
    executor: Executor,
    members: readonly FlushMember[],
    lastSeqno: number,
  ) {
    this.members = members;
    this.#lastSeqno = lastSeqno;
    this.#core = core;
    this.#executor = executor;
    this.#tasks = [];
  }

  get hasBegun(): boolean {
    return this.#tasks.length > 0;
  }

  /** True when all that is left to do is {@link install}. */
  get isWritten(): boolean {
    return this.hasBegun && this.#tasks.every((task) => task.isSettled);
  }

  /** True when a thread that worked on it is gone: the job is to be restarted. */
  get isLost(): boolean {
    return this.#tasks.some((task) => task.isLost);
  }

  begin(): void {
    this.#tasks = this.members.map(({ family, entry }) => {
      const task = this.#executor.start(flushJob(this.#core, family, entry));
      this.#core.lend(entry.memtable, task);
      return task;
    });
  }

  /**
   * Makes the tables part of the database. Flushes are installed in the order in which their
   * memtables were frozen.
   * @throws VarveError when a table could not be written, or the edit
   */
  install(): void {
    for (const { error } of this.#tasks) if (error !== undefined) throw error;
    const { counters } = this.#core;
    const addedTables: AddedTable[] = [];
    this.members.forEach(({ family }, i) => {
      const { outputs, bytesWritten, entriesDropped } = this.#tasks[i]!.result!;
      for (const meta of outputs) {
        addedTables.push({ familyId: family.handle.id, level: 0, meta });
      }
      counters.flushBytesWritten += bytesWritten;
      counters.entriesDropped += entriesDropped;
    });
    for (const { job, result } of this.#tasks.toReversed()) {
      this.#core.returnFileNumbers(job.fileNumbers, result!.outputs.length);
    }
    // Should the edit fail, it may be on disk all the same: the tables must stay where they are.
    this.#tasks = [];
    this.#install(addedTables);
  }

  /** Begins again, with the same or fewer members; who waits for the job goes on waiting. */
  restart(members: readonly FlushMember[]): void {
    this.abort();
    this.members = members;
  }

  /** Gives up and removes what was written; the memtables stay frozen. */
  abort(): void {
    const { fs, location } = this.#core;
    for (const task of this.#tasks) {
      if (task.result !== undefined) removeTables(fs, location.directory, task.result.outputs);
      else this.#executor.cancel(task);
    }
    this.#tasks = [];
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
    try {
      const flushed = this.members.map((member) => member.entry.memtable);
      const edit = { ...emptyEdit(), addedTables, logNumbers: logNumbers(core) };
      core.install({ ...edit, lastSeqno: this.#lastSeqno }, flushed);
    } catch (error) {
      for (const { family, entry } of this.members.toReversed()) family.frozen.unshift(entry);
      throw error;
    }
    core.counters.flushCount++;
    core.persistedSeqno = persistedSeqno(core);
    core.wal?.noteDurable(core.persistedSeqno);
    removeOldLogs(core);
  }
}

/** Writes a memtable out; tombstones stay, for L0 cannot know what is below it. */
export function flushJob(core: DbCore, family: Family, { memtable }: LoggedMemtable): MergeJob {
  const { settings, handle } = family;
  return {
    work: 'flush',
    input: { memtable: memtable.image() },
    table: tableOptions(settings, 0, core.pipeline),
    // In one piece, as far as a table reaches: every L0 table costs each read.
    targetTableBytes: L0_TABLE_BYTES_MAX,
    fileNumbers: core.newFileNumbers(
      Math.ceil((memtable.sizeBytes * EXPANSION) / L0_TABLE_BYTES_MAX),
    ),
    snapshots: core.snapshots.distinct(),
    deeper: undefined,
    guardedFamily: settings.entryChecksums ? handle.name : undefined,
    from: undefined,
    to: undefined,
  };
}

/** The log from which each family still needs writes, for families where that changed. */
function logNumbers(core: DbCore): VersionEdit['logNumbers'] {
  const active = core.wal?.activeNumber;
  if (active === undefined) return [];
  const changed = [];
  for (const [familyId, family] of core.families) {
    const logNumber = family.oldestLogNumber(active);
    const known = core.version.families.get(familyId)!.logNumber;
    if (logNumber !== known) changed.push({ familyId, logNumber });
  }
  return changed;
}

/** Lets go of the logs that no family needs any more: first in the manifest, then on disk. */
export function releaseLogs(core: DbCore): void {
  const changed = logNumbers(core);
  if (changed.length > 0) core.install({ ...emptyEdit(), logNumbers: changed });
  removeOldLogs(core);
}

/** Removes logs below those that the manifest refers to. */
function removeOldLogs(core: DbCore): void {
  core.wal?.removeBelow(core.version.firstLogNumber());
}

/** Every write up to this seqno is in tables. */
export function persistedSeqno(core: DbCore): number {
  let persisted = core.lastSeqno;
  for (const family of core.families.values()) {
    for (const { memtable } of [...family.frozen, family.active]) {
      if (!memtable.isEmpty) persisted = Math.min(persisted, memtable.smallestSeqno - 1);
    }
  }
  return persisted;
}
