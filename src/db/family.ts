/**
 * A column family of an open database: its memtables, its tables, and the views that readers pin.
 * @module
 */
import { SkippedRanges } from '../iterator/skipped-ranges.ts';
import type { Memtable } from '../memtable/memtable.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import type { TableRequests } from './background/table-requests.ts';
import type { ColumnFamily } from './column-family.ts';
import type { FamilySettings } from './options.ts';

/** A memtable and the oldest log that holds one of its writes. */
export class LoggedMemtable {
  readonly memtable: Memtable;
  /** Number of the log that was active when the memtable got its first write. */
  firstLogNumber: number;

  constructor(memtable: Memtable, firstLogNumber: number) {
    this.memtable = memtable;
    this.firstLogNumber = firstLogNumber;
  }
}

/**
 * What a reader sees of a family; never changes. A cursor pins the view it was made from, which
 * keeps the memtables and table files in it alive.
 */
export class FamilyView {
  /** Newest first. */
  readonly memtables: readonly Memtable[];
  /** L0 newest first; deeper levels sorted by key and disjoint. */
  readonly levels: readonly (readonly TableSlot[])[];
  /** Deepest level that holds a table, or 0. */
  readonly deepestLevel: number;
  pins: number;

  constructor(memtables: readonly Memtable[], levels: readonly (readonly TableSlot[])[]) {
    this.memtables = memtables;
    this.levels = levels;
    this.deepestLevel = Math.max(
      0,
      levels.findLastIndex((slots) => slots.length > 0),
    );
    this.pins = 0;
  }
}

/** See the module head. */
export class Family {
  readonly handle: ColumnFamily;
  readonly settings: FamilySettings;
  active: LoggedMemtable;
  /** Memtables that wait for their flush, oldest first. */
  frozen: LoggedMemtable[];
  view: FamilyView;
  /** Bytes of the tables that flushes and merges have written, by level. */
  readonly levelBytesWritten: number[];
  /** Where cursors have found nothing but deleted keys; told of each put before it is applied. */
  skipped: SkippedRanges;
  readonly #requests: TableRequests;

  constructor(
    handle: ColumnFamily,
    settings: FamilySettings,
    active: LoggedMemtable,
    levels: readonly (readonly TableSlot[])[],
    requests: TableRequests,
  ) {
    this.handle = handle;
    this.settings = settings;
    this.active = active;
    this.frozen = [];
    this.view = new FamilyView([active.memtable], levels);
    this.levelBytesWritten = levels.map(() => 0);
    this.#requests = requests;
    this.skipped = this.#newSkipped();
  }

  /** Takes another memtable in place of the only one, with writes that nobody was told of. */
  replaceMemtable(active: LoggedMemtable): void {
    this.active = active;
    this.skipped = this.#newSkipped();
  }

  #newSkipped(): SkippedRanges {
    return new SkippedRanges((from, to, count) => {
      this.#requests.notePassed(this.view.levels, from, to, count);
    });
  }

  /** Makes the view match the memtables and the given tables; returns the one it replaces. */
  refresh(levels: readonly (readonly TableSlot[])[]): FamilyView {
    const before = this.view;
    const memtables = [this.active, ...this.frozen.toReversed()].map((entry) => entry.memtable);
    this.view = new FamilyView(memtables, levels);
    return before;
  }

  /** Oldest log with writes of this family that are in no table; `fallback` when there are none. */
  oldestLogNumber(fallback: number): number {
    const oldest = this.frozen[0] ?? this.active;
    return oldest.memtable.isEmpty ? fallback : oldest.firstLogNumber;
  }
}
