/**
 * The one error class of the engine. Users test `code`; messages may change at any time.
 *
 * Caller mistakes (a wrong type, a size out of range) are `TypeError` and `RangeError` instead.
 * @module
 */

/**
 * What went wrong, by what the caller can do about it.
 *
 * - `CORRUPTION` bytes on disk are not what was written: restore, repair or salvage
 * - `IO` the file system refused: see `cause`
 * - `NOSPACE` the device or quota is full: free space, then `resume()`
 * - `HANDLES` the process or system has too many files open: raise its limit or close some
 * - `LOCKED` another process or thread has the database open
 * - `DETACHED` the directory is no longer the one that was opened (removed, moved, replaced), or
 *   its lock is another's: close the database and look at what is there
 * - `CLOSED` the database, snapshot or cursor was closed before the call
 * - `BUSY` the operation conflicts with one that is under way
 * - `STALE` a reader without the lock needs a file that the writer has removed, or finds another
 *   database in its place: refresh it, or open it again
 * - `UNKNOWN` who was to do it ended before it answered, and nobody can tell whether it was done
 * - `UNSUPPORTED` this platform, file or format version cannot do it
 * - `INVALID` the request does not fit the state of the database
 * - `KEY` an encryption key is missing or wrong
 */
export type ErrorCode =
  | 'CORRUPTION'
  | 'IO'
  | 'NOSPACE'
  | 'HANDLES'
  | 'LOCKED'
  | 'DETACHED'
  | 'CLOSED'
  | 'BUSY'
  | 'STALE'
  | 'UNKNOWN'
  | 'UNSUPPORTED'
  | 'INVALID'
  | 'KEY';

/** A range of user keys that cannot be read; it has the shape of the options of a range. */
export interface LostKeys {
  /** The first one. */
  readonly gte: Uint8Array;
  /** The one behind the last. */
  readonly lt: Uint8Array;
}

/** Where an error happened and what caused it; each part is optional. */
export interface ErrorDetail {
  /** Path of the file concerned. */
  readonly file?: string | undefined;
  /** Byte offset in `file` at which the damaged or refused bytes begin. */
  readonly offset?: number | undefined;
  /** User keys of which nothing can be told for that. */
  readonly lostKeys?: LostKeys | undefined;
  /** The lower error. */
  readonly cause?: unknown;
}

/** Marks the errors of every copy of this module, whichever realm or bundle it was loaded in. */
const BRAND = Symbol.for('varve.VarveError');

/** An operating failure of the engine, with a stable {@link ErrorCode}. */
export class VarveError extends Error {
  /** Stable name of what failed. */
  readonly code: ErrorCode;
  /** Path of the file concerned, if there is one. */
  readonly file: string | undefined;
  /** Where in the file, in bytes, if that is known. */
  readonly offset: number | undefined;
  /** Not where a log of the error would show it: it holds keys. */
  readonly #lostKeys: LostKeys | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'VarveError';
    this.code = code;
    this.file = detail.file;
    this.offset = detail.offset;
    this.#lostKeys = detail.lostKeys;
  }

  /** The user keys of which nothing can be told for the damage, if it is to a table. */
  get lostKeys(): LostKeys | undefined {
    return this.#lostKeys;
  }

  static {
    Object.defineProperty(VarveError.prototype, BRAND, { value: true });
  }
}

/**
 * Builds the error for bytes on disk that cannot be what was written; names `file` and `offset`.
 */
export function corruption(what: string, file: string, offset: number): VarveError {
  return new VarveError('CORRUPTION', `${what} (${file}, offset ${offset})`, { file, offset });
}

/**
 * True when `error` is a {@link VarveError}, of the given code if one is given. Unlike `instanceof`
 * it also knows those of another realm (jest, node:vm) and of another copy of this package.
 */
export function isVarveError(error: unknown, code?: ErrorCode): error is VarveError {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as { readonly code?: unknown }).code === code;
}

/** What `look` returns, or undefined when that throws a {@link VarveError}. */
export function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return undefined;
  }
}

/** True for an error of any realm: those of `node:` modules are foreign to code that jest runs. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}

/** True for a `TypeError` or `RangeError` of any realm: the caller's mistake. */
export function isCallerMistake(value: unknown): value is TypeError | RangeError {
  return isError(value) && (value.name === 'TypeError' || value.name === 'RangeError');
}

/**
 * Stops on a broken invariant: a bug in the engine, never a property of bytes from disk.
 * Use it for O(1) conditions only; it stays on in production.
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`varve invariant broken: ${invariant}`);
}
