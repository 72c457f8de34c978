/**
 * The ports for time and randomness. The core receives them and never reads a clock of its own, so
 * that one seed replays a whole run.
 * @module
 */

/** Time, in milliseconds. An opened database takes what is no time for the one told before. */
export interface Clock {
  /** Wall time since the Unix epoch; may jump. */
  now(): number;
  /** Never goes back; the origin is arbitrary; fractions allowed. */
  monotonic(): number;
}

/** A source of unpredictable bytes: file salts and, later, database ids. */
export interface Random {
  /**
   * Overwrites all of `bytes`; borrows it for the call. A database is not opened, and writes no
   * file, with bytes that are left 0 or that repeat themselves.
   */
  fill(bytes: Uint8Array): void;
}

/** The event loop of the host, for background work that must not hold it up. */
export interface HostLoop {
  /** Resolves after the host has had a turn to do its own work. */
  turn(): Promise<void>;
  /** Resolves after some milliseconds, about; where it is missing, turns pass the time. */
  delay?: ((milliseconds: number) => Promise<void>) | undefined;
  /**
   * Calls back once after some milliseconds, about, unless what it returns is called before; does
   * not keep the host from ending. Where it is missing, nothing is put off.
   */
  later?: ((milliseconds: number, callback: () => void) => () => void) | undefined;
}

/** Tells long work to end: an `AbortSignal` is one. */
export interface StopSignal {
  /** True from the moment on at which the work is to end. */
  readonly aborted: boolean;
  /** What the work throws then. */
  readonly reason?: unknown;
}

/** Ends waiting: an `AbortSignal`. */
export interface AbortLike extends StopSignal {
  /** Throws the reason if it was aborted. */
  throwIfAborted(): void;
  /** Calls back once when it is aborted. */
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  /** Undoes {@link addEventListener}. */
  removeEventListener(type: 'abort', listener: () => void): void;
}
