/**
 * Flushing: when memory is full, whose memtables go, how they are frozen, and who waits until they
 * are tables. When a frozen group gets time is up to background/scheduler.ts; how it becomes tables
 * of L0, to background/flush-group.ts.
 * @module
 */
import type { Scheduler } from './background/scheduler.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';
import { balanceMemory } from './memory-budget.ts';

/** Live logs may hold this many write buffers before all families are flushed. */
const WAL_BUFFERS_MAX = 4;
/** Memtables are weighed this often while they fill. */
const WEIGHINGS_PER_BUFFER = 32;

/** Flushes of one database. */
export class Flusher {
  readonly #core: DbCore;
  readonly #scheduler: Scheduler;
  /** Bytes written since the memtables' sizes were last looked at. */
  #unweighedBytes: number;

  constructor(core: DbCore, scheduler: Scheduler) {
    this.#core = core;
    this.#scheduler = scheduler;
    this.#unweighedBytes = 0;
  }

  /** Takes note of bytes that were put into memtables. */
  noteWritten(bytes: number): void {
    this.#unweighedBytes += bytes;
  }

  /** True when it is time to look at the memtables' sizes, and at how far the trees are behind. */
  get isWeighingDue(): boolean {
    return this.#unweighedBytes * WEIGHINGS_PER_BUFFER >= this.#core.settings.writeBufferBytes;
  }

  /** Families whose memtables are to be frozen now; fresh. */
  fullFamilies(): Family[] {
    const { families, settings, wal } = this.#core;
    const filled = [...families.values()].filter((family) => !family.active.memtable.isEmpty);
    let total = 0;
    for (const family of filled) total += family.active.memtable.sizeBytes;
    const isLogFull =
      wal !== undefined && wal.sizeBytes > settings.writeBufferBytes * WAL_BUFFERS_MAX;
    if (isLogFull) return filled;
    if (total < settings.writeBufferBytes) return [];
    return wal === undefined ? filled : largestHalf(filled, total);
  }

  /**
   * Freezes what {@link fullFamilies} gave, once there is room for it.
   * @throws VarveError when the next log cannot be begun; writing then stops
   */
  endWeighing(full: readonly Family[]): void {
    this.#unweighedBytes = 0;
    this.#freezeOrFail(full);
    balanceMemory(this.#core);
  }

  /** Freezes all that memory holds, and waits for nothing. @throws VarveError of the next log */
  freezeAll(): void {
    this.#freeze([...this.#core.families.values()]);
  }

  /**
   * Resolves when every write before the call is in tables, and L0 below its limit.
   * @param family the one whose writes are waited for; if absent, all
   * @throws VarveError what stopped it
   */
  async flush(family: Family | undefined): Promise<void> {
    const core = this.#core;
    // Without a log, a batch is kept whole only by a group of all families.
    const isAll = family === undefined || core.wal === undefined;
    const wanted = isAll ? [...core.families.values()] : [family];
    if (!this.#freezeOrFail(wanted) && this.#scheduler.isFlushed) return;
    await this.#scheduler.untilFlushed();
    await this.#scheduler.settleL0(wanted);
    // Who asks for a flush is done with writing for now, or writes little.
    core.arenas.clear();
    balanceMemory(core);
  }

  /**
   * Puts everything that memory holds into tables, without giving anyone else a turn.
   * @throws VarveError what stopped it
   */
  flushNow(): void {
    this.freezeAll();
    // In one group: a failed log cannot be relied on to hold what one part leaves to a later one.
    this.#scheduler.joinFlushes();
    this.#scheduler.blockUntil(() => this.#scheduler.isFlushed);
    if (this.#core.backgroundError !== undefined) throw this.#core.backgroundError;
  }

  /** As `#freeze`, where a failure stops writing. */
  #freezeOrFail(families: readonly Family[]): boolean {
    try {
      return this.#freeze(families);
    } catch (error) {
      throw this.#core.fail(error);
    }
  }

  /**
   * Freezes the active memtables of the given families and queues their flush.
   * @returns false when all of them are empty
   */
  #freeze(families: readonly Family[]): boolean {
    const core = this.#core;
    const full = families.filter((family) => !family.active.memtable.isEmpty);
    if (full.length === 0) return false;
    if (!core.begin()) core.wal?.rotate(core.newFileNumber(), core.lastSeqno);
    // What may fail comes before the first is frozen: without a flush it would never go.
    const next = full.map(({ settings, active }) => core.newMemtable(settings, active.memtable));
    const members = full.map((family, i) => {
      const entry = family.active;
      family.frozen.push(entry);
      family.active = next[i]!;
      core.refreshView(family);
      return { family, entry };
    });
    this.#scheduler.addFlush(members);
    return true;
  }
}

/** The families with the largest memtables, which hold half of all that memory together. */
function largestHalf(filled: readonly Family[], totalBytes: number): Family[] {
  const sorted = [...filled].sort(
    (a, b) => b.active.memtable.sizeBytes - a.active.memtable.sizeBytes,
  );
  let bytes = 0;
  let count = 0;
  while (bytes * 2 < totalBytes) bytes += sorted[count++]!.active.memtable.sizeBytes;
  return sorted.slice(0, count);
}
