/**
 * What is known of the tables of an open database: a table is sound unless something else is noted.
 *
 * - *Healable*: it has damage that can be put right, and could not be in its file. It is written
 *   anew.
 * - *Lost*: data blocks, or all of the table, cannot be read: gone, damaged beyond the code, not
 *   the file that the manifest means, or refused by the device. Reads of those keys fail, and
 *   compactions step around the table for as long as that is so. It is looked at again after a
 *   while, and then less and less often: a file may be brought back, a device come to itself.
 *
 * What reads notice is looked at once more before it counts for compactions: a failure that does
 * not repeat is none of the table.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import type { LostKeys, VarveError } from '../errors.ts';

/** How long a lost table is left alone before it is looked at; doubles each time. */
const WAIT_MIN_MS = 10_000;
const WAIT_MAX_MS = 3_600_000;
/** Places of one table that are kept apart: no more are noted. */
export const LOST_PLACES_MAX = 256;

const NONE: ReadonlySet<number> = new Set();

/** A range of keys that cannot be read, for statistics and events. */
export interface LostRange extends LostKeys {
  /** Name of the family. */
  readonly columnFamily: string;
  /** Path of the table. */
  readonly file: string;
  /** Number in the name of the file. */
  readonly fileNumber: number;
  /** Where the damaged block begins, in bytes; undefined for a table that is lost as a whole. */
  readonly offset: number | undefined;
  /** What is wrong. */
  readonly message: string;
}

/** What cannot be read of a table. */
export interface LostPlace {
  /** Data block; undefined for all of the table. */
  readonly ordinal: number | undefined;
  readonly keys: LostKeys;
  readonly error: VarveError;
}

/** A table of which something is lost. */
export interface LostTable {
  readonly fileNumber: number;
  /** By their keys. A table that is lost as a whole has one. */
  readonly places: readonly LostPlace[];
  /** It was looked at again, and it was so. */
  readonly isCertain: boolean;
}

interface Entry {
  readonly fileNumber: number;
  places: readonly LostPlace[];
  isCertain: boolean;
  waitMs: number;
  /** On the monotonic clock. */
  nextLookMs: number;
}

/** See the module head. */
export class TableHealth {
  /** Numbers of tables with damage that can be put right, and could not be in their files. */
  readonly healable: Set<number>;
  /** Told of each table that was looked at and is lost. */
  onConfirmed: (fileNumber: number) => void;
  readonly #lost: Map<number, Entry>;
  /** Numbers of those that are lost for certain; made anew when that changes. */
  #certain: ReadonlySet<number>;
  /** Nothing is to be looked at before, on the monotonic clock. */
  #nextLookMs: number;

  constructor() {
    this.healable = new Set();
    this.onConfirmed = () => {};
    this.#lost = new Map();
    this.#certain = NONE;
    this.#nextLookMs = Number.POSITIVE_INFINITY;
  }

  /** Numbers of the tables that compactions step around. */
  get lost(): ReadonlySet<number> {
    return this.#certain;
  }

  /** What is lost, whether it was looked at again or not. */
  get all(): readonly LostTable[] {
    return [...this.#lost.values()];
  }

  /** Something could not be read, which counts once it was looked at again: with the next look. */
  suspect(fileNumber: number, place: LostPlace): void {
    const entry = this.#lost.get(fileNumber);
    if (entry === undefined) {
      this.#lost.set(fileNumber, { ...NEW_ENTRY, fileNumber, places: [place] });
      this.#nextLookMs = Number.NEGATIVE_INFINITY;
    } else if (addPlace(entry, place)) {
      // What else is lost of a table that is known to be damaged is lost.
      if (!entry.isCertain) this.#nextLookMs = Number.NEGATIVE_INFINITY;
    }
  }

  /**
   * The table was looked at, and these places were lost.
   * @param places at least one
   * @returns those that nobody knew for certain
   */
  confirm(fileNumber: number, places: readonly LostPlace[], nowMs: number): readonly LostPlace[] {
    const before = this.#lost.get(fileNumber);
    const known = before?.isCertain === true ? before.places : [];
    const entry: Entry = before ?? { ...NEW_ENTRY, fileNumber, places: [] };
    entry.places = [];
    for (const place of places) addPlace(entry, place);
    entry.waitMs = Math.min(Math.max(WAIT_MIN_MS, entry.waitMs * 2), WAIT_MAX_MS);
    entry.nextLookMs = nowMs + entry.waitMs;
    entry.isCertain = true;
    this.#lost.set(fileNumber, entry);
    this.#sum();
    this.onConfirmed(fileNumber);
    return entry.places.filter(({ ordinal }) => !known.some((one) => one.ordinal === ordinal));
  }

  /** An earlier process has found this lost for certain; it is looked at soon. */
  recall(fileNumber: number, places: readonly LostPlace[]): void {
    this.#lost.set(fileNumber, { ...NEW_ENTRY, fileNumber, places, isCertain: true });
    this.#sum();
  }

  /** The table can be read, or is no longer part of the database. */
  clear(fileNumber: number): void {
    if (this.#lost.delete(fileNumber)) this.#sum();
  }

  /** A table is no longer part of the database. */
  forget(fileNumber: number): void {
    this.healable.delete(fileNumber);
    this.clear(fileNumber);
  }

  /** What is lost of a table; undefined for one that can be read as far as is known. */
  of(fileNumber: number): LostTable | undefined {
    return this.#lost.get(fileNumber);
  }

  /** Tables that are to be looked at now; fresh. */
  due(nowMs: number): LostTable[] {
    if (nowMs < this.#nextLookMs) return [];
    return [...this.#lost.values()].filter(({ nextLookMs }) => nextLookMs <= nowMs);
  }

  #sum(): void {
    const entries = [...this.#lost.values()];
    const certain = entries.filter(({ isCertain }) => isCertain);
    this.#certain = new Set(certain.map(({ fileNumber }) => fileNumber));
    this.#nextLookMs = Math.min(
      Number.POSITIVE_INFINITY,
      ...entries.map(({ nextLookMs }) => nextLookMs),
    );
  }
}

const NEW_ENTRY = {
  isCertain: false,
  waitMs: 0,
  nextLookMs: Number.NEGATIVE_INFINITY,
};

/** Adds a place if it is another one, as far as there is room: so many are told one by one. */
function addPlace(entry: Entry, place: LostPlace): boolean {
  const { places } = entry;
  const isKnown = places.some(({ ordinal }) => ordinal === undefined || ordinal === place.ordinal);
  if (isKnown) return false;
  if (place.ordinal === undefined) {
    entry.places = [place];
    return true;
  }
  if (places.length === LOST_PLACES_MAX) return false;
  entry.places = [...places, place].sort((a, b) => compareKeys(a.keys.gte, b.keys.gte));
  return true;
}
