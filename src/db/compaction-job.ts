/**
 * A compaction of one family: the merge of a plan's tables and the edit that installs the result.
 * @module
 */

import { compareKeys } from '../bytes/compare.ts';
import { KeyRangeSweep } from '../compaction/key-range-sweep.ts';
import { MergeRun } from '../compaction/merge-run.ts';
import { type CompactionPlan, overlapping, planBytes } from '../compaction/pick.ts';
import { mergeCursors } from '../iterator/merging-cursor.ts';
import type { Cursor } from '../key/cursor.ts';
import { emptyEdit, type RemovedTable } from '../manifest/version-edit.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { LevelCursor } from './level-cursor.ts';
import { DirectorySink } from './table-sink.ts';

/** One file read of a compaction fetches this much. */
const READ_AHEAD_BYTES = 262_144;

/** A compaction under way. */
export class CompactionJob {
  readonly family: Family;
  readonly plan: CompactionPlan;
  /** Bytes of all inputs. */
  readonly inputBytes: number;
  readonly #core: DbCore;
  #run: MergeRun | undefined;
  #sink: DirectorySink | undefined;

  constructor(core: DbCore, family: Family, plan: CompactionPlan) {
    this.family = family;
    this.plan = plan;
    this.inputBytes = planBytes(plan);
    this.#core = core;
    this.#run = undefined;
    this.#sink = undefined;
  }

  /** Key and value bytes that are still to be read, about. */
  get remainingBytes(): number {
    return Math.max(0, this.inputBytes - (this.#run?.bytesRead ?? 0));
  }

  /**
   * Merges about `budgetBytes` of input.
   * @returns true when the result is part of the database
   */
  step(budgetBytes: number): boolean {
    if (this.plan.isTrivialMove) {
      this.#install(this.plan.inputs[0]!.tables);
      this.#core.counters.trivialMoveCount++;
      return true;
    }
    this.#run ??= this.#begin();
    if (!this.#run.step(budgetBytes)) return false;
    const { counters, fs, location } = this.#core;
    // The edit names the new tables: they must be found after a power cut.
    fs.syncDirectory(location.directory);
    this.#install(this.#run.outputs);
    counters.compactionCount++;
    counters.compactionBytesRead += this.inputBytes;
    counters.compactionBytesWritten += this.#sink!.bytesWritten;
    counters.entriesDropped += this.#run.entriesDropped;
    return true;
  }

  /** Gives up and removes what was written; the inputs stay. */
  abort(): void {
    this.#run?.abort();
  }

  #begin(): MergeRun {
    const core = this.#core;
    const levels = core.version.families.get(this.family.handle.id)!.levels;
    const { outputLevel, inputs } = this.plan;
    const all = inputs.flatMap((input) => input.tables);
    const smallest = all.map((table) => table.smallestKey).reduce(lesser);
    const largest = all.map((table) => table.largestKey).reduce(greater);
    const deeper = levels
      .slice(outputLevel + 1)
      .map((tables) => overlapping(tables, smallest, largest));
    this.#sink = new DirectorySink(core, this.family.settings, outputLevel);
    return new MergeRun({
      input: this.#openInputs(),
      snapshots: core.snapshots.distinct(),
      sink: this.#sink,
      targetTableBytes: this.family.settings.targetTableBytes,
      deeper: new KeyRangeSweep(deeper),
      grandparents: new KeyRangeSweep(deeper.slice(0, 1)),
      isBottommost: deeper.every((tables) => tables.length === 0),
      guard: this.family.entryGuard('compaction'),
    });
  }

  #openInputs(): Cursor {
    const { tables } = this.#core;
    const options = { fillCache: false, readAheadBytes: READ_AHEAD_BYTES };
    const cursors: Cursor[] = [];
    for (const input of this.plan.inputs) {
      const slots = input.tables.map((meta) => tables.slot(meta));
      if (input.level > 0) cursors.push(new LevelCursor(slots, tables, options));
      else for (const slot of slots) cursors.push(new LevelCursor([slot], tables, options));
    }
    return mergeCursors(cursors);
  }

  #install(outputs: readonly TableMeta[]): void {
    const familyId = this.family.handle.id;
    const removedTables: RemovedTable[] = this.plan.inputs.flatMap(({ level, tables }) =>
      tables.map((table) => ({ familyId, level, fileNumber: table.fileNumber })),
    );
    const level = this.plan.outputLevel;
    const addedTables = outputs.map((meta) => ({ familyId, level, meta }));
    this.#core.install({ ...emptyEdit(), addedTables, removedTables });
  }
}

function lesser(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareKeys(a, b) <= 0 ? a : b;
}

function greater(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareKeys(a, b) >= 0 ? a : b;
}
