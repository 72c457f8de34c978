/**
 * What a database tells while it works.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import type { CompactionKind, CompactionReason } from '../compaction/plan.ts';
import type { VarveError } from '../errors.ts';
import type { DamagedPart, FileClassName } from '../integrity/finding.ts';
import type { LostRange } from '../integrity/table-health.ts';
import type { DroppedRange } from '../wal/log-flaw.ts';

/**
 * What a write waits for:
 *
 * - `memtables` too many frozen memtables wait for their flush
 * - `l0-count`, `l0-size` a family has too many tables in L0, or too many bytes
 * - `garbage` deletes that are on their way down keep too much space taken
 * - `compaction-debt` compaction has too much left to do
 */
export type StallReason = 'memtables' | 'l0-count' | 'l0-size' | 'garbage' | 'compaction-debt';

/** `stop` writes wait until it is better; `slowdown` they are held back for a moment. */
export type StallKind = 'slowdown' | 'stop';

/**
 * Damage was found and put right on the way to the reader, or could be by a scrub; the file still
 * has it until `healed` says otherwise. Told once for all reads of the place between two turns of
 * the host.
 */
export interface CorrectedEvent extends Correction {
  readonly type: 'corrected';
}

/**
 * A damaged place was put right on disk: written back, synced, and found right in a second look.
 */
export interface HealedEvent {
  readonly type: 'healed';
  /** Path of the file. */
  readonly file: string;
  /** What kind of file it is. */
  readonly fileClass: FileClassName;
  /** Which part of the file was damaged. */
  readonly part: DamagedPart;
  /** Where the part begins. */
  readonly offset: number;
  /** Length of the part; not all of it was wrong. */
  readonly lengthBytes: number;
  /** As in docs/FORMAT.md; 0 where no block is concerned. */
  readonly blockType: number;
  /** Who knew the right bytes: `parity`, `copies`, or the name of another source. */
  readonly source: string;
}

/**
 * A scrub has found bytes of a file that nothing puts right. Told once for a place, and again by
 * later processes; `lost` tells of the keys that this costs, if it costs some.
 */
export interface FileDamagedEvent extends Omit<HealedEvent, 'type' | 'source'> {
  readonly type: 'file-damaged';
  /** Family of the table; undefined for other files. */
  readonly columnFamily: string | undefined;
  /** What is wrong. */
  readonly cause: string;
}

/** How far the background scrub has come: with each percent, and at the end of a cycle. */
export interface ScrubProgressEvent {
  readonly type: 'scrub-progress';
  /** Number of the cycle, from 1. */
  readonly cycle: number;
  /** Bytes that were looked at in it. */
  readonly bytesChecked: number;
  /** Bytes that the cycle is to look at, about. */
  readonly bytesTotal: number;
  /** It has looked at all files. */
  readonly isDone: boolean;
}

/** Memtables have become tables of L0. */
export interface FlushEvent {
  readonly type: 'flush';
  /** Names of the families. */
  readonly columnFamilies: readonly string[];
  /** Tables that were written. */
  readonly tableCount: number;
  /** Bytes of those tables. */
  readonly bytesWritten: number;
  /** Versions that no reader could tell from absent. */
  readonly entriesDropped: number;
  /** From the start of the work until the tables were part of the database. */
  readonly durationMs: number;
}

/** A compaction was done. */
export interface CompactionEvent {
  readonly type: 'compaction';
  /** Name of the family. */
  readonly columnFamily: string;
  /** Tables were merged, only moved to another level, or dropped with all they held. */
  readonly kind: CompactionKind;
  /** Why it was done. */
  readonly reason: CompactionReason;
  /** Levels that the inputs were in, from the top. */
  readonly inputLevels: readonly number[];
  /** The level that the outputs are in; of a drop, that of the last inputs. */
  readonly outputLevel: number;
  /** Tables that it has taken away, or moved. */
  readonly inputTableCount: number;
  /** Tables that it has made, or moved. */
  readonly outputTableCount: number;
  /** 0 for tables that were only moved or dropped. */
  readonly bytesRead: number;
  /** Bytes of tables that were written; 0 for tables that were only moved or dropped. */
  readonly bytesWritten: number;
  /** Versions and tombstones that are of use to nobody any more. */
  readonly entriesDropped: number;
  /** From the start of the work until the tables were part of the database. */
  readonly durationMs: number;
}

/** Writes had to wait for background work, or were slowed; told when it is over. */
export interface StallEvent {
  readonly type: 'stall';
  /** Whether writes stopped or were slowed. */
  readonly kind: StallKind;
  /** What they waited for. */
  readonly reason: StallReason;
  /** What the writes waited in all. */
  readonly durationMs: number;
}

/** A table has become part of the database. */
export interface TableCreatedEvent {
  readonly type: 'table-created';
  /** Name of the family. */
  readonly columnFamily: string;
  /** Number in the name of the file. */
  readonly fileNumber: number;
  /** The level that it is in. */
  readonly level: number;
  /** Size of the file. */
  readonly sizeBytes: number;
  /** Entries in it, tombstones among them. */
  readonly entryCount: number;
}

/** The file of a table that nobody reads any more was removed. */
export interface TableDeletedEvent {
  readonly type: 'table-deleted';
  /** Number in the name of the file. */
  readonly fileNumber: number;
  /** Size that the file had. */
  readonly sizeBytes: number;
}

/** Opening the database has to read long logs first; told every 8 MiB or so. */
export interface RecoveryProgressEvent {
  readonly type: 'recovery-progress';
  /** Of the logs. */
  readonly bytesRead: number;
  /** Bytes of all logs that are read. */
  readonly bytesTotal: number;
}

/** Opening the database has left out parts of its logs. Told once, when it is open. */
export interface RecoveryDroppedEvent {
  readonly type: 'recovery-dropped';
  /** As in `stats().recovery`: the torn end of a log, or what `walRecovery` lets go. */
  readonly dropped: readonly DroppedRange[];
}

/**
 * A data block of a table, or all of it, cannot be read: that was looked at once more. Reads of
 * these keys fail, and compactions step around the table, until it can be read again. Told once.
 */
export interface LostEvent extends LostRange {
  readonly type: 'lost';
}

/**
 * A compaction was given up, because a table that it reads is missing, damaged or another. Writing
 * goes on, and compactions step around the table; reads of what is lost fail.
 */
export interface CompactionFailedEvent {
  readonly type: 'compaction-failed';
  /** Name of the family. */
  readonly columnFamily: string;
  /** Why there was to be one. */
  readonly reason: CompactionReason;
  /** Of the table that cannot be read. */
  readonly fileNumber: number;
  /** What reading the table threw. */
  readonly error: VarveError;
}

/**
 * A file that nothing refers to was found when the database was opened, and may hold data that is
 * nowhere else. It was neither used nor removed, but kept under another name.
 */
export interface KeptFile {
  /** Path of the file as it is now. */
  readonly file: string;
  /** Why it may hold what the database does not. */
  readonly reason: string;
}

/** Such a file was found. */
export interface FileKeptEvent extends KeptFile {
  readonly type: 'file-kept';
}

/** Writing has stopped, until `resume()`. */
export interface ErrorEvent {
  readonly type: 'error';
  /** What failed; its code says how, as do file and offset where. */
  readonly error: VarveError;
}

/**
 * The garbage collector found a cursor, iterator, snapshot or watch that was dropped without being
 * closed or released, which is done. Until then it kept memory and files from being freed.
 */
export interface DroppedEvent {
  readonly type: 'dropped';
  /** What was dropped; an iterator is a cursor. */
  readonly what: 'cursor' | 'snapshot' | 'watch';
  /** What it saw: writes up to this one; of a watch, the newest write. */
  readonly seqno: number;
}

/** A file could not be closed without an error; nothing is lost by that. */
export interface CloseFailedEvent {
  readonly type: 'close-failed';
  /** What closing the file threw. */
  readonly error: VarveError;
}

/**
 * No worker thread can be started: flushes and compactions are done in the caller's time, as with
 * `workers: 0`. It is tried again after a while, and told again only after one has come.
 */
export interface WorkersUnavailableEvent {
  readonly type: 'workers-unavailable';
  /** Code `UNSUPPORTED`; its cause is what the runtime says. */
  readonly error: VarveError;
}

/** Told apart by `type`; later versions add types. */
export type DbEvent =
  | CorrectedEvent
  | FlushEvent
  | CompactionEvent
  | StallEvent
  | TableCreatedEvent
  | TableDeletedEvent
  | RecoveryProgressEvent
  | RecoveryDroppedEvent
  | CompactionFailedEvent
  | LostEvent
  | FileKeptEvent
  | HealedEvent
  | FileDamagedEvent
  | ScrubProgressEvent
  | WorkersUnavailableEvent
  | ErrorEvent
  | CloseFailedEvent
  | DroppedEvent;

/**
 * Takes events, and counts corrections. The listener, who may call the database, is told when the
 * work at hand is over: in the midst of it a write would have its batch taken away, and a flush be
 * installed twice, and a read would go on with another key.
 */
export class EventSink {
  /** Blocks and headers that were put right when they were read. */
  correctionCount: number;
  readonly #listener: ((event: DbEvent) => void) | undefined;
  /** Not told yet, in their order. */
  #waiting: DbEvent[];
  #isTelling: boolean;
  /** It will be looked at what waits, in a turn of the host. */
  #isDue: boolean;
  /** Places of the corrections that wait. */
  readonly #waitingPlaces: Set<string>;
  /** By place; undefined while places may be counted again. */
  #told: Map<string, Correction> | undefined;

  constructor(listener: ((event: DbEvent) => void) | undefined) {
    this.correctionCount = 0;
    this.#listener = listener;
    this.#waiting = [];
    this.#isTelling = false;
    this.#isDue = false;
    this.#waitingPlaces = new Set();
    this.#told = undefined;
  }

  /** Notes what the listener is to be told: by {@link deliver}, or when the host has a turn. */
  tell(event: DbEvent): void {
    if (this.#listener === undefined) return;
    this.#waiting.push(event);
    if (this.#isDue) return;
    this.#isDue = true;
    void Promise.resolve().then(() => {
      this.#isDue = false;
      this.deliver();
    });
  }

  /** Tells what waits; to be called when nothing is in the midst of its work. */
  deliver(): void {
    if (this.#waiting.length === 0 || this.#isTelling) return;
    this.#isTelling = true;
    // What the listener's own calls lead to comes at the end, and is told as well.
    for (const event of this.#waiting) this.#call(event);
    this.#waiting = [];
    this.#waitingPlaces.clear();
    this.#isTelling = false;
  }

  #call(event: DbEvent): void {
    try {
      this.#listener?.(event);
    } catch {
      // A listener that fails must not fail the work that it is told of.
    }
  }

  /**
   * Counts a correction and notes it for the listener. A loop of reads gives the host no turn: so
   * that what waits is bounded by the damage, a place waits once, and a listener that reads it
   * while it is told of it does not hear of it again.
   */
  corrected(correction: Correction): void {
    const place = `${correction.file}@${correction.offset}`;
    if (this.#told?.has(place)) return;
    this.#told?.set(place, correction);
    this.correctionCount++;
    if (this.#listener === undefined || this.#waitingPlaces.has(place)) return;
    this.#waitingPlaces.add(place);
    this.tell({ type: 'corrected', ...correction });
  }

  /** Runs `work`; each place is counted once, however often that reads it. */
  once<T>(work: () => T): T {
    this.#told = new Map();
    try {
      return work();
    } finally {
      this.#told = undefined;
    }
  }

  /** Like {@link once} for work that gives the host turns. */
  async onceAsync<T>(work: () => Promise<T>): Promise<T> {
    this.#told = new Map();
    try {
      return await work();
    } finally {
      this.#told = undefined;
    }
  }

  /** Like {@link once}; returns the corrections that `work` led to. */
  collect(work: () => void): Correction[] {
    return this.once(() => {
      work();
      return [...this.#told!.values()];
    });
  }
}
