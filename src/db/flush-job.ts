/**
 * The flush of a group of frozen memtables into L0 tables, installed by one manifest edit.
 * @module
 */
import { MergeRun } from '../compaction/merge-run.ts';
import { type AddedTable, emptyEdit, type VersionEdit } from '../manifest/version-edit.ts';
import type { Memtable } from '../memtable/memtable.ts';
import type { DbCore } from './core.ts';
import type { Family, LoggedMemtable } from './family.ts';
import { DirectorySink } from './table-sink.ts';

/** A flush goes on in another table after so many bytes. */
const L0_TABLE_BYTES_MAX = 0x8000_0000;

/** A frozen memtable and the family that it belongs to. */
export interface FlushMember {
  readonly family: Family;
  readonly entry: LoggedMemtable;
}

/**
 * A flush under way. Without a WAL a group holds the memtables of all families, because nothing
 * else would keep batches whole; with one, the log does and the groups are single.
 */
export class FlushJob {
  members: readonly FlushMember[];
  /** The newest write when the memtables were frozen: none of theirs is newer. */
  readonly #lastSeqno: number;
  readonly #core: DbCore;
  #added: AddedTable[];
  #at: number;
  #run: MergeRun | undefined;
  #sink: DirectorySink | undefined;

  constructor(core: DbCore, members: readonly FlushMember[], lastSeqno: number) {
    this.members = members;
    this.#lastSeqno = lastSeqno;
    this.#core = core;
    this.#added = [];
    this.#at = 0;
    this.#run = undefined;
    this.#sink = undefined;
  }

  /**
   * Writes about `budgetBytes` of content.
   * @returns true when the tables are part of the database
   */
  step(budgetBytes: number): boolean {
    const member = this.members[this.#at];
    if (member !== undefined) {
      this.#run ??= this.#begin(member);
      if (!this.#run.step(budgetBytes)) return false;
      for (const meta of this.#run.outputs) {
        this.#added.push({ familyId: member.family.handle.id, level: 0, meta });
      }
      this.#core.counters.entriesDropped += this.#run.entriesDropped;
      this.#core.counters.flushBytesWritten += this.#sink!.bytesWritten;
      this.#run = undefined;
      this.#at++;
      if (this.#at < this.members.length) return false;
    }
    this.#install();
    return true;
  }

  /** Begins again, with the same or fewer members; who waits for the job goes on waiting. */
  restart(members: readonly FlushMember[]): void {
    this.abort();
    this.members = members;
    this.#added = [];
    this.#at = 0;
    this.#run = undefined;
    this.#sink = undefined;
  }

  /** Gives up and removes what was written; the memtables stay frozen. */
  abort(): void {
    this.#run?.abort();
    const finished = this.#added.map((added) => added.meta);
    this.#sink?.discard(undefined, finished);
  }

  #begin(member: FlushMember): MergeRun {
    this.#sink = new DirectorySink(this.#core, member.family.settings, 0);
    return flushRun(this.#core, member.family, member.entry.memtable, this.#sink);
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

  #install(): void {
    const core = this.#core;
    // The edit names the new tables: they must be found after a power cut.
    core.fs.syncDirectory(core.location.directory);
    // Batches that reach into other families must be durable there too before they are here.
    if (this.#hasSiblingWrites()) core.wal?.syncUpTo(this.#lastSeqno);
    for (const { family } of this.members) family.frozen.shift();
    const addedTables = this.#added;
    // Should the edit fail, it may be on disk all the same: the tables must stay where they are.
    this.#added = [];
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

/** The merge that writes a memtable out; tombstones stay, for L0 cannot know what is below it. */
export function flushRun(
  core: DbCore,
  family: Family,
  memtable: Memtable,
  sink: DirectorySink,
): MergeRun {
  return new MergeRun({
    input: memtable.cursor(),
    snapshots: core.snapshots.distinct(),
    sink,
    // In one piece, as far as a table reaches: every L0 table costs each read.
    targetTableBytes: L0_TABLE_BYTES_MAX,
    deeper: undefined,
    grandparents: undefined,
    isBottommost: false,
    guard: family.entryGuard('flush'),
  });
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
