/**
 * Room ahead of the last record of a log whose records are synced one by one.
 *
 * A sync of a file that has grown makes its file system write down the new size, which costs it a
 * commit of its journal each time; a sync of bytes within the file does not. So a log that is
 * synced after every few bytes is filled with zeros ahead of its end, in steps that serve about a
 * thousand syncs, and records are written over them. A reader takes zeros up to the end of the file
 * for what they are: no record begins with them (block/mask.ts).
 * @module
 */
import type { RecordLogWriter } from '../block/record-log-writer.ts';

/** So many syncs in a row with little between them make it worthwhile. */
const STREAK_MIN = 8;
/** More than that between two syncs is not little: writing it costs more than the journal. */
const SYNCED_BYTES_MAX = 32 * 1024;
const STEP_SYNCS = 1024;
const STEP_BYTES_MIN = 64 * 1024;
const STEP_BYTES_MAX = 4 * 1024 * 1024;

/** See the module head; one for each log. */
export class LogExtent {
  readonly #log: RecordLogWriter;
  /** Where the last sync found the end of the records. */
  #syncedBytes: number;
  /** Syncs in a row that found little new. */
  #streak: number;
  /** Zeros reach up to here; 0 if there are none. */
  #filledBytes: number;
  #isFull: boolean;

  constructor(log: RecordLogWriter) {
    this.#log = log;
    this.#syncedBytes = log.sizeBytes;
    this.#streak = 0;
    this.#filledBytes = 0;
    this.#isFull = false;
  }

  /**
   * Makes room for what comes after the sync that follows this call, if that is worthwhile. A disk
   * without space for it is no error.
   * @throws VarveError of the `Fs`; the log then takes nothing more
   */
  beforeSync(): void {
    const { sizeBytes } = this.#log;
    const newBytes = sizeBytes - this.#syncedBytes;
    this.#syncedBytes = sizeBytes;
    this.#streak = newBytes > SYNCED_BYTES_MAX ? 0 : this.#streak + 1;
    if (this.#streak < STREAK_MIN || this.#isFull) return;
    if (this.#filledBytes - sizeBytes >= 2 * newBytes) return;
    const step = Math.min(STEP_BYTES_MAX, Math.max(STEP_BYTES_MIN, newBytes * STEP_SYNCS));
    const from = Math.max(sizeBytes, this.#filledBytes);
    this.#filledBytes = from + step;
    this.#isFull = !this.#log.fillAhead(from, from + step);
  }

  /** Takes back the room that no record needs any more; not synced. */
  trim(): void {
    if (this.#filledBytes > this.#log.sizeBytes) this.#log.trim();
    this.#filledBytes = 0;
    this.#isFull = true;
  }
}
