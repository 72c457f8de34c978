/**
 * What the options of calls may be called, and of which types they are. Options are part of every
 * read and write, so a check costs a walk over the names that are there, and creates nothing.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import type { PutOptions, ReadOptions } from './call-options.ts';
import { ColumnFamily } from './column-family.ts';
import { Snapshot } from './snapshot.ts';

const BYTES_PER_SECOND_MIN = 4096;

/** @throws TypeError for a value that the option of that name cannot have; never for undefined */
export type TypeCheck = (value: unknown, name: string) => void;

/** The options of one kind of call. */
export class CallOptions {
  readonly #what: string;
  readonly #checks: ReadonlyMap<string, TypeCheck>;

  /** @param what the call, for messages: `a write` */
  constructor(what: string, checks: Readonly<Record<string, TypeCheck>>) {
    this.#what = what;
    this.#checks = new Map(Object.entries(checks));
  }

  /**
   * Lets options pass that are all known and of their types.
   * @throws TypeError that names the first that is not; or for options that are no object
   */
  check(options: object | undefined): void {
    if (options === undefined) return;
    if (typeof options !== 'object' || options === null) {
      throw new TypeError(`the options of ${this.#what} must be an object`);
    }
    for (const name in options) {
      const check = this.#checks.get(name);
      if (check === undefined) this.#refuse(options, name);
      else check((options as Readonly<Record<string, unknown>>)[name], name);
    }
  }

  /** A program may have given all objects a name; that one is nobody's option. */
  #refuse(options: object, name: string): void {
    if (!Object.hasOwn(options, name)) return;
    const known = [...this.#checks.keys()].join(', ');
    throw new TypeError(`unknown option of ${this.#what}: ${name} (there are ${known})`);
  }
}

/** True, false or absent. */
export function flag(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${name} must be true or false`);
  }
}

function bytes(value: unknown, name: string): void {
  if (value === undefined || typeof value === 'string' || isBytes(value)) return;
  throw new TypeError(`${name} must be a string or a Uint8Array`);
}

/** A number or absent. */
export function number(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'number') {
    throw new TypeError(`${name} must be a number`);
  }
}

function oneOf(...names: string[]): TypeCheck {
  return (value, name) => {
    if (value === undefined || names.includes(value as string)) return;
    throw new TypeError(`${name} must be one of ${names.join(', ')}`);
  };
}

/** Of a limit, in bytes: at least one page a second, so that it comes to an end. */
function bytesPerSecond(value: unknown, name: string): void {
  if (value === undefined) return;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isFinite(value) || value < BYTES_PER_SECOND_MIN) {
    throw new RangeError(`${name} must be at least ${BYTES_PER_SECOND_MIN}`);
  }
}

function family(value: unknown, name: string): void {
  if (value === undefined || isFamily(value)) return;
  throw new TypeError(`${name} must be the handle of a column family, or its name`);
}

function snapshot(value: unknown, name: string): void {
  if (value !== undefined && !(value instanceof Snapshot)) {
    throw new TypeError(`${name} must be a snapshot`);
  }
}

function damageMode(value: unknown, name: string): void {
  if (value === undefined || value === 'throw' || value === 'skip') return;
  throw new TypeError(`${name} must be 'throw' or 'skip'`);
}

function callback(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${name} must be a function`);
  }
}

function stopSignal(value: unknown, name: string): void {
  if (value === undefined) return;
  const isSignal = typeof value === 'object' && value !== null && 'aborted' in value;
  if (!isSignal) throw new TypeError(`${name} must be an AbortSignal`);
}

function abortSignal(value: unknown, name: string): void {
  stopSignal(value, name);
  const isSignal = value === undefined || 'addEventListener' in (value as object);
  if (!isSignal) throw new TypeError(`${name} must be an AbortSignal`);
}

/** Of who follows long work. */
export const FOLLOW_CHECKS: Readonly<Record<'signal' | 'onProgress', TypeCheck>> = {
  signal: stopSignal,
  onProgress: callback,
};

/** Of what copies or reads whole databases. */
export const COPY_CHECKS: typeof FOLLOW_CHECKS & Readonly<Record<'bytesPerSecond', TypeCheck>> = {
  ...FOLLOW_CHECKS,
  bytesPerSecond,
};

const BOUND_CHECKS = {
  gte: bytes,
  gt: bytes,
  lte: bytes,
  lt: bytes,
  prefix: bytes,
  columnFamily: family,
};

const RANGE_CHECKS = {
  ...BOUND_CHECKS,
  snapshot,
  fillCache: flag,
  readAheadBytes: number,
  onDamage: damageMode,
};

export const PUT_OPTIONS: CallOptions = new CallOptions('a put or delete', {
  sync: flag,
  noWait: flag,
  columnFamily: family,
});
export const WRITE_OPTIONS: CallOptions = new CallOptions('a write', { sync: flag, noWait: flag });
export const WRITE_ASYNC_OPTIONS: CallOptions = new CallOptions('writeAsync', { sync: flag });
export const READ_OPTIONS: CallOptions = new CallOptions('a read', {
  snapshot,
  columnFamily: family,
  borrow: flag,
});
export const RANGE_OPTIONS: CallOptions = new CallOptions('a range', RANGE_CHECKS);
export const ENTRIES_OPTIONS: CallOptions = new CallOptions('an iterator', {
  ...RANGE_CHECKS,
  reverse: flag,
  limit: number,
  borrow: flag,
});
export const WATCH_RANGE: CallOptions = new CallOptions('a watched range', BOUND_CHECKS);
export const WATCH_OPTIONS: CallOptions = new CallOptions('watch', {
  signal: abortSignal,
  bufferBytes: number,
});
export const FLUSH_OPTIONS: CallOptions = new CallOptions('flush', { columnFamily: family });
export const COMPACT_OPTIONS: CallOptions = new CallOptions('compact', {
  from: bytes,
  to: bytes,
  columnFamily: family,
  bottommost: flag,
});
export const ACCEPT_LOSS_OPTIONS: CallOptions = new CallOptions('acceptLoss', BOUND_CHECKS);
export const CHECKPOINT_OPTIONS: CallOptions = new CallOptions('checkpoint', COPY_CHECKS);
export const VERIFY_OPTIONS: CallOptions = new CallOptions('verify', {
  files: oneOf('tables', 'all'),
  depth: oneOf('checksums', 'full'),
  ...COPY_CHECKS,
});
export const SCRUB_OPTIONS: CallOptions = new CallOptions('scrub', {
  ...COPY_CHECKS,
  heal: flag,
  files: oneOf('all', 'damaged'),
  table: number,
  columnFamily: family,
});
export const BATCH_OPTIONS: CallOptions = new CallOptions('a write batch', {
  entryChecksums: flag,
});

/**
 * As {@link READ_OPTIONS}, for reads that are over sooner than a walk over names: where all that is
 * there is of the names and types that are known, they need only be counted.
 */
export function checkReadOptions(options: ReadOptions): void {
  if (typeof options === 'object' && options !== null) {
    let unknown = 0;
    for (const _ in options) unknown++;
    const { snapshot, columnFamily, borrow } = options;
    if (typeof borrow === 'boolean') unknown--;
    if (columnFamily !== undefined && isFamily(columnFamily)) unknown--;
    if (snapshot !== undefined && snapshot instanceof Snapshot) unknown--;
    if (unknown === 0) return;
  }
  READ_OPTIONS.check(options);
}

/** As {@link checkReadOptions}. */
export function checkPutOptions(options: PutOptions): void {
  if (typeof options === 'object' && options !== null) {
    let unknown = 0;
    for (const _ in options) unknown++;
    const { sync, noWait, columnFamily } = options;
    if (typeof sync === 'boolean') unknown--;
    if (typeof noWait === 'boolean') unknown--;
    if (columnFamily !== undefined && isFamily(columnFamily)) unknown--;
    if (unknown === 0) return;
  }
  PUT_OPTIONS.check(options);
}

function isFamily(value: unknown): boolean {
  return typeof value === 'string' || value instanceof ColumnFamily;
}
