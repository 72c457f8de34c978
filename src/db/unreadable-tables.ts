/**
 * Tables that a compaction could not read: gone, damaged beyond their code, or not the file that
 * the manifest means. Compactions leave them alone for a while, and then look again; who reads
 * their keys is told each time.
 * @module
 */
import type { VarveError } from '../errors.ts';

/** How long a table is left alone after the first failure; it doubles with each further one. */
const WAIT_MIN_MS = 10_000;
const WAIT_MAX_MS = 3_600_000;

const NONE: ReadonlySet<number> = new Set();

/** A table that could not be read, for statistics. */
export interface UnreadableTable {
  /** Number in the name of the file. */
  readonly fileNumber: number;
  /** Message of the error. */
  readonly message: string;
}

interface Entry {
  readonly familyId: number;
  readonly error: VarveError;
  readonly waitMs: number;
  /** On the monotonic clock. */
  readonly endMs: number;
}

/** See the module head. */
export class UnreadableTables {
  readonly #entries: Map<number, Entry>;

  constructor() {
    this.#entries = new Map();
  }

  /** A compaction of the family has failed over this table. */
  note(familyId: number, fileNumber: number, error: VarveError, nowMs: number): void {
    const before = this.#entries.get(fileNumber);
    const waitMs = before === undefined ? WAIT_MIN_MS : Math.min(before.waitMs * 2, WAIT_MAX_MS);
    this.#entries.set(fileNumber, { familyId, error, waitMs, endMs: nowMs + waitMs });
  }

  /** A table is no longer part of the database. */
  forget(fileNumber: number): void {
    this.#entries.delete(fileNumber);
  }

  /** Numbers of the tables that compactions leave alone at a moment. */
  waiting(nowMs: number): ReadonlySet<number> {
    if (this.#entries.size === 0) return NONE;
    const numbers = new Set<number>();
    for (const [fileNumber, { endMs }] of this.#entries) if (endMs > nowMs) numbers.add(fileNumber);
    return numbers;
  }

  /** True if some table of the family could not be read. */
  concerns(familyId: number): boolean {
    if (this.#entries.size === 0) return false;
    return [...this.#entries.values()].some((entry) => entry.familyId === familyId);
  }

  /** All of them; fresh. */
  list(): UnreadableTable[] {
    return [...this.#entries].map(([fileNumber, { error }]) => ({
      fileNumber,
      message: error.message,
    }));
  }
}
