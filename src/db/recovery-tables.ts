/**
 * Tables that are made of logs while the database opens.
 *
 * They are written as memory fills, so that logs of any length are read within the budget, and
 * named by the one edit that lets go of the logs. Until then nothing refers to them: a process that
 * dies leaves them as orphans, and the next one makes them anew.
 * @module
 */

import { removeTables } from '../job/leftovers.ts';
import type { AddedTable } from '../manifest/version-edit.ts';
import { MergeJobRun } from '../merge/merge-job.ts';
import { flushJob } from './background/flush-group.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';

/** Memtables may take this share of the budget meanwhile: nothing else does. */
const MEMTABLE_SHARE = 1 / 2;
/** Entries that are written between two turns of the host. */
const STEP_BYTES = 0x10_0000;

/** See the module head. */
export class RecoveryTables {
  readonly #core: DbCore;
  /** What the edit is to add. */
  #added: AddedTable[];

  constructor(core: DbCore) {
    this.#core = core;
    this.#added = [];
  }

  get isEmpty(): boolean {
    return this.#added.length === 0;
  }

  /** Writes the largest memtables out if together they have become too large. */
  async makeRoom(): Promise<void> {
    const limit = this.#limitBytes;
    if (this.#memtableBytes() <= limit) return;
    const { families } = this.#core;
    const bySize = [...families.values()].sort((a, b) => sizeOf(b) - sizeOf(a));
    for (const family of bySize) {
      await this.#write(family);
      if (this.#memtableBytes() <= limit / 2) return;
    }
  }

  /** Writes all memtables out; all that was written, and its names, are on stable storage then. */
  async writeRest(): Promise<void> {
    for (const family of this.#core.families.values()) await this.#write(family);
    const { fs, location } = this.#core;
    if (!this.isEmpty) fs.syncDirectory(location.directory);
  }

  /** Gives all tables to the edit that is to add them: if that fails, it may count all the same. */
  handOver(): AddedTable[] {
    const added = this.#added;
    this.#added = [];
    return added;
  }

  /** Removes what was written and not handed over: opening has failed. */
  discard(): void {
    const { fs, location } = this.#core;
    const numbers = this.#added.map(({ meta }) => meta.fileNumber);
    removeTables(fs, location.directory, numbers);
  }

  /** A table is to hold no less than that of a flush. */
  get #limitBytes(): number {
    const { memoryBudgetBytes, writeBufferBytes } = this.#core.settings;
    return Math.max(memoryBudgetBytes * MEMTABLE_SHARE, writeBufferBytes);
  }

  #memtableBytes(): number {
    let sum = 0;
    for (const family of this.#core.families.values()) sum += sizeOf(family);
    return sum;
  }

  async #write(family: Family): Promise<void> {
    const core = this.#core;
    const { memtable } = family.active;
    if (memtable.isEmpty) return;
    // One sync of the directory does for all: no edit names a table before the last is written.
    const job = flushJob(core, family, family.active, false);
    const run = new MergeJobRun(job, core.jobContext());
    for (;;) {
      const result = run.step(STEP_BYTES);
      await core.location.hostLoop.turn();
      if (result === undefined) continue;
      const { outputs } = result;
      core.returnFileNumbers(job.fileNumbers, outputs.length);
      const familyId = family.handle.id;
      for (const meta of outputs) this.#added.push({ familyId, level: 0, meta });
      break;
    }
    memtable.release();
    family.active = core.newMemtable(family.settings);
  }
}

function sizeOf({ active }: Family): number {
  return active.memtable.isEmpty ? 0 : active.memtable.sizeBytes;
}
