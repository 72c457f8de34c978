/**
 * A Varve database as a database of Level, for any runtime: node-level.ts and web-level.ts say what
 * a location is there. The methods with an underscore are the private API of abstract-level, which
 * checks and encodes before it calls them.
 * @module
 */
import type {
  AbstractBatchOperation,
  AbstractChainedBatch,
  AbstractIterator,
  AbstractKeyIterator,
  AbstractSnapshot,
  AbstractValueIterator,
} from 'abstract-level';
import {
  type Db,
  type DbOptions,
  type Fs,
  MemoryFs,
  type RepairOptions,
  systemHostLoop,
} from '../../core.ts';
import { BatchPool, type Commit, VarveChainedBatch } from './chained-batch.ts';
import { clearRange } from './clear.ts';
import { destroyDatabase } from './destroy.ts';
import { LevelError, levelError } from './errors.ts';
import { type Encoded, engineBytes, HAS_BUFFER } from './formats.ts';
import { VarveIterator, VarveKeyIterator, VarveValueIterator } from './iterators.ts';
import { AbstractLevel } from './npm-install-abstract-level.ts';
import { engineOptions, openError } from './options.ts';
import { findKeys, readValue, readValues } from './point-reads.ts';
import { propertyOf } from './properties.ts';
import { type Part, RangeReader } from './range-reader.ts';
import type {
  Operation,
  PresenceRequest,
  RangeRequest,
  ReadRequest,
  ScanRequest,
  WriteRequest,
} from './requests.ts';
import { VarveSnapshot } from './snapshot.ts';
import type * as types from './types.ts';
import type { Owner } from './weak-resource.ts';

const DONE: Promise<void> = Promise.resolve();
/** Keys that are read or written between two turns of the event loop. */
const PORTION_KEYS = 1000;

/** What the adapter has of its runtime. */
export interface LevelRuntime {
  /** The file system of locations that come without one. @throws VarveError `UNSUPPORTED` */
  makeFs(): Fs;
  /** Opens a database. @throws VarveError */
  open(path: string, options: DbOptions & { readonly fs: Fs }): Promise<Db>;
  /** Repairs one that is not open. @throws VarveError */
  repair(path: string, options: RepairOptions & { readonly fs: Fs }): Promise<unknown>;
}

/** The methods of abstract-level, with the options that this database adds. */
export interface LevelDatabase<KDefault, VDefault> {
  /**
   * Opens the database, with options that go before those of the constructor. @throws LevelError
   */
  open(options?: types.OpenOptions): Promise<void>;

  /** The value of a key; undefined if there is none. */
  get(key: KDefault): Promise<VDefault | undefined>;
  get<K = KDefault, V = VDefault>(key: K, options: types.GetOptions<K, V>): Promise<V | undefined>;

  /** As `get`, without a promise. @throws LevelError also where `get` would reject */
  getSync(key: KDefault): VDefault | undefined;
  getSync<K = KDefault, V = VDefault>(key: K, options: types.GetOptions<K, V>): V | undefined;

  /** The values of keys, in their order; undefined for a key that is not there. */
  getMany(keys: KDefault[]): Promise<(VDefault | undefined)[]>;
  getMany<K = KDefault, V = VDefault>(
    keys: K[],
    options: types.GetManyOptions<K, V>,
  ): Promise<(V | undefined)[]>;

  /** Whether there is a key. */
  has(key: KDefault): Promise<boolean>;
  has<K = KDefault>(key: K, options: types.HasOptions<K>): Promise<boolean>;

  /** Whether there are keys, in their order. */
  hasMany(keys: KDefault[]): Promise<boolean[]>;
  hasMany<K = KDefault>(keys: K[], options: types.HasManyOptions<K>): Promise<boolean[]>;

  /**
   * Sets a key. When it resolves the write survives the death of the process, with `sync` power
   * loss.
   */
  put(key: KDefault, value: VDefault): Promise<void>;
  put<K = KDefault, V = VDefault>(key: K, value: V, options: types.PutOptions<K, V>): Promise<void>;

  /** Removes a key; an absent one is no error. */
  del(key: KDefault): Promise<void>;
  del<K = KDefault>(key: K, options: types.DelOptions<K>): Promise<void>;

  /** Writes operations together or not at all; without operations begins a chain of them. */
  batch(operations: AbstractBatchOperation<this, KDefault, VDefault>[]): Promise<void>;
  batch<K = KDefault, V = VDefault>(
    operations: AbstractBatchOperation<this, K, V>[],
    options: types.BatchOptions<K, V>,
  ): Promise<void>;
  batch(): VarveChainedBatch<this, KDefault, VDefault>;

  /** Iterates over entries as of this moment. */
  iterator(): AbstractIterator<this, KDefault, VDefault> & types.DamageAware;
  iterator<K = KDefault, V = VDefault>(
    options: types.IteratorOptions<K, V>,
  ): AbstractIterator<this, K, V> & types.DamageAware;

  /** Iterates over keys as of this moment. */
  keys(): AbstractKeyIterator<this, KDefault> & types.DamageAware;
  keys<K = KDefault>(
    options: types.KeyIteratorOptions<K>,
  ): AbstractKeyIterator<this, K> & types.DamageAware;

  /** Iterates over values as of this moment. */
  values(): AbstractValueIterator<this, KDefault, VDefault> & types.DamageAware;
  values<K = KDefault, V = VDefault>(
    options: types.ValueIteratorOptions<K, V>,
  ): AbstractValueIterator<this, K, V> & types.DamageAware;

  /** Removes a range of keys, all without one; a crash may leave some of them. */
  clear(): Promise<void>;
  clear<K = KDefault>(options: types.ClearOptions<K>): Promise<void>;
}

/**
 * A database of Level on Varve. One instance at a time may have a location open; keys are at most
 * 64 KiB, values at most 256 MiB, beyond which writes reject with a RangeError.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: all methods there are inherited
export abstract class LevelDatabase<KDefault = string, VDefault = string> extends AbstractLevel<
  string | Uint8Array,
  KDefault,
  VDefault
> {
  readonly #runtime: LevelRuntime;
  readonly #location: string;
  /** What the location meant when the instance was made. */
  readonly #directory: string;
  readonly #fs: Fs;
  #batches: BatchPool;
  /** Work that `close` waits for. */
  readonly #running: Set<Promise<void>>;
  #db: Db | undefined;
  #portionKeys: number;
  #hostLoop: typeof systemHostLoop;
  #isReadOnly: boolean;

  /**
   * @param location the directory, in the terms of `options.fs`
   * @throws LevelError without `fs` where there are no directories
   */
  constructor(
    runtime: LevelRuntime,
    location: string,
    options: types.DatabaseOptions<KDefault, VDefault> | undefined,
  ) {
    checkLocation(location);
    // Where the location is does not change with the next open(), and is no business of its hooks.
    const { fs = fsOf(runtime), ...others } = options ?? {};
    super(manifestFor(fs), others);
    this.#runtime = runtime;
    this.#location = location;
    this.#directory = fs.resolve(location);
    this.#fs = fs;
    this.#batches = new BatchPool(false);
    this.#running = new Set();
    this.#db = undefined;
    this.#portionKeys = 0;
    this.#hostLoop = systemHostLoop;
    this.#isReadOnly = false;
  }

  /** The directory that the constructor was given. */
  get location(): string {
    return this.#location;
  }

  protected async _open(options: types.OpenOptions): Promise<void> {
    try {
      const settings = { ...engineOptions(options, this.#fs), fs: this.#fs };
      this.#db = await this.#runtime.open(this.#directory, settings);
    } catch (error) {
      throw openError(error, this.#directory, this.#fs);
    }
    this.#batches = new BatchPool(options.entryChecksums === true);
    this.#hostLoop = options.hostLoop ?? systemHostLoop;
    this.#isReadOnly = options.readOnly === true;
  }

  protected async _close(): Promise<void> {
    await Promise.allSettled(this.#running);
    const db = this.#db;
    // The engine lets go of everything even when it fails: a second close has nothing to do.
    this.#db = undefined;
    try {
      await db?.close();
    } catch (error) {
      throw levelError(error);
    }
  }

  protected async _get(key: Encoded, request: ReadRequest): Promise<Encoded | undefined> {
    const value = this._getSync(key, request);
    if (this.#isTurnDue(1)) await this.#turn();
    return value;
  }

  protected _getSync(key: Encoded, request: ReadRequest): Encoded | undefined {
    return readValue(this.#engine(), key, request);
  }

  protected async _getMany(
    keys: readonly Encoded[],
    request: ReadRequest,
  ): Promise<(Encoded | undefined)[]> {
    const values = readValues(this.#engine(), keys, request);
    if (this.#isTurnDue(keys.length)) await this.#turn();
    return values;
  }

  protected async _has(key: Encoded, request: PresenceRequest): Promise<boolean> {
    return (await this._hasMany([key], request))[0]!;
  }

  protected async _hasMany(keys: readonly Encoded[], request: PresenceRequest): Promise<boolean[]> {
    const found = findKeys(this.#engine(), keys, request);
    if (this.#isTurnDue(keys.length)) await this.#turn();
    return found;
  }

  protected _put(key: Encoded, value: Encoded, request: WriteRequest): Promise<void> {
    try {
      this.#writable().put(engineBytes(key), engineBytes(value));
    } catch (error) {
      return Promise.reject(levelError(error));
    }
    return this.#written(1, request);
  }

  protected _del(key: Encoded, request: WriteRequest): Promise<void> {
    try {
      this.#writable().delete(engineBytes(key));
    } catch (error) {
      return Promise.reject(levelError(error));
    }
    return this.#written(1, request);
  }

  protected _batch(operations: readonly Operation[], request: WriteRequest): Promise<void> {
    const batch = this.#batches.take();
    try {
      for (const { type, key, value } of operations) {
        if (type === 'put') batch.put(engineBytes(key), engineBytes(value!));
        else batch.delete(engineBytes(key));
      }
      return this.#commit(batch, request);
    } catch (error) {
      return Promise.reject(levelError(error));
    } finally {
      this.#batches.give(batch);
    }
  }

  protected _chainedBatch(): AbstractChainedBatch<this, KDefault, VDefault> {
    return new VarveChainedBatch(this, this.#batches, this.#commit);
  }

  protected _clear(request: RangeRequest & WriteRequest): Promise<void> {
    try {
      clearRange(this.#writable(), request);
    } catch (error) {
      return Promise.reject(levelError(error));
    }
    return this.#written(PORTION_KEYS, request);
  }

  protected _iterator(request: ScanRequest): AbstractIterator<this, KDefault, VDefault> {
    return new VarveIterator(this, request, this.#reader('entry', request));
  }

  protected _keys(request: ScanRequest): AbstractKeyIterator<this, KDefault> {
    return new VarveKeyIterator(this, request, this.#reader('key', request));
  }

  protected _values(request: ScanRequest): AbstractValueIterator<this, KDefault, VDefault> {
    return new VarveValueIterator(this, request, this.#reader('value', request));
  }

  protected _snapshot(options: { owner: Owner }): AbstractSnapshot {
    return new VarveSnapshot(options, this.#engine().snapshot());
  }

  /**
   * About how many bytes of files the keys from `start` to before `end` take; what has not been
   * flushed to tables counts 0.
   */
  async approximateSize<K = KDefault>(
    start: K,
    end: K,
    options?: types.StartEndOptions<K>,
  ): Promise<number> {
    checkEnds(start, end);
    if (this.status === 'opening') {
      return this.deferAsync(() => this.approximateSize(start, end, options));
    }
    const [gte, lt] = this.#encodeEnds(start, end, options);
    try {
      return this.#engine().approximateSize({ gte, lt });
    } catch (error) {
      throw levelError(error);
    }
  }

  /**
   * Merges the tables that hold keys from `start` to `end`, so that what deletes and overwrites
   * left there goes.
   */
  async compactRange<K = KDefault>(
    start: K,
    end: K,
    options?: types.StartEndOptions<K>,
  ): Promise<void> {
    checkEnds(start, end);
    if (this.status === 'opening') {
      return this.deferAsync(() => this.compactRange(start, end, options));
    }
    const [from, to] = this.#encodeEnds(start, end, options);
    const db = this.#engine();
    return this.#run(() => db.compact({ from, to }));
  }

  /**
   * A figure about the database as a string, empty for an unknown name:
   * `leveldb.num-files-at-level<N>`, `leveldb.stats`, `leveldb.approximate-memory-usage` or
   * `varve.stats` (the engine's statistics as JSON).
   */
  getProperty(property: string): string {
    if (typeof property !== 'string') {
      throw new TypeError("The first argument 'property' must be a string");
    }
    return propertyOf(this.#engine().stats(), property);
  }

  /** The open database. */
  #engine(): Db {
    const db = this.#db;
    if (db === undefined || this.status !== 'open') {
      throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open');
    }
    return db;
  }

  #writable(): Db {
    if (this.#isReadOnly) throw new LevelError('LEVEL_READONLY', 'Database is open read-only');
    return this.#engine();
  }

  /** Opens a reader at once: an iterator sees the database as of the call that made it. */
  #reader<T>(part: Part, request: ScanRequest): RangeReader<T> {
    const { snapshot } = request;
    snapshot?.ref();
    try {
      return new RangeReader<T>(this.#engine(), part, request, this.#hostLoop);
    } catch (error) {
      throw levelError(error);
    } finally {
      snapshot?.unref();
    }
  }

  readonly #commit: Commit = (batch, request) => {
    try {
      this.#writable().write(batch);
    } catch (error) {
      return Promise.reject(levelError(error));
    }
    return this.#written(batch.count, request);
  };

  /** Settles when a write of some keys is as safe as was asked for. */
  #written(count: number, request: WriteRequest): Promise<void> {
    const db = this.#engine();
    // Level refuses no value here, so what stands for true must not be taken for false.
    if (request.sync) return this.#run(() => db.sync());
    return this.#isTurnDue(count) ? this.#turn() : DONE;
  }

  /** True when so much was done since the last turn of the event loop that it is due another. */
  #isTurnDue(count: number): boolean {
    this.#portionKeys += count;
    return this.#portionKeys >= PORTION_KEYS;
  }

  /**
   * Lets the event loop turn. What was called for is done by then, and nothing but its promise
   * waits: code that awaits one call after another would keep timers and sockets waiting instead.
   */
  #turn(): Promise<void> {
    this.#portionKeys = 0;
    return this.#run(() => this.#hostLoop.turn());
  }

  /** Runs something that takes time; `close` waits for it. */
  async #run(work: () => Promise<void>): Promise<void> {
    const running = work();
    this.#running.add(running);
    try {
      await running;
    } catch (error) {
      throw levelError(error);
    } finally {
      this.#running.delete(running);
    }
  }

  #encodeEnds<K>(
    start: K,
    end: K,
    options: types.StartEndOptions<K> | undefined,
  ): [start: Encoded, end: Encoded] {
    // The method takes anything that the option may be, which its types do not say.
    const encoding = this.keyEncoding(options?.keyEncoding as 'utf8');
    const encode = (key: K) => engineBytes(encoding.encode(key as string) as Encoded);
    return [encode(start), encode(end)];
  }
}

/** See `VarveLevel.destroy`. */
export async function destroyLevel(
  runtime: LevelRuntime,
  location: string,
  options: types.DestroyOptions,
): Promise<void> {
  checkLocation(location);
  const { fs = fsOf(runtime) } = options;
  try {
    await destroyDatabase(location, fs);
  } catch (error) {
    throw levelError(error);
  }
}

/** See `VarveLevel.repair`. */
export async function repairLevel(
  runtime: LevelRuntime,
  location: string,
  options: types.RepairOptions,
): Promise<void> {
  checkLocation(location);
  const { fs = fsOf(runtime) } = options;
  try {
    // All that a level holds is in one family.
    const all = { ...options, fs, dryRun: false, olderTablesFamily: 'default' };
    await runtime.repair(location, all);
  } catch (error) {
    throw levelError(error);
  }
}

function fsOf(runtime: LevelRuntime): Fs {
  try {
    return runtime.makeFs();
  } catch (error) {
    throw levelError(error);
  }
}

/** What the database tells about itself. */
function manifestFor(fs: Fs): object {
  return {
    encodings: { buffer: HAS_BUFFER, utf8: true, view: true },
    has: true,
    getSync: true,
    createIfMissing: true,
    errorIfExists: true,
    implicitSnapshots: true,
    explicitSnapshots: true,
    permanence: !(fs instanceof MemoryFs),
    additionalMethods: { approximateSize: true, compactRange: true },
    signals: { iterators: true },
  };
}

function checkLocation(location: unknown): void {
  if (typeof location !== 'string' || location === '') {
    throw new TypeError("The first argument 'location' must be a non-empty string");
  }
}

function checkEnds(start: unknown, end: unknown): void {
  if (start == null || end == null)
    throw new TypeError("The arguments 'start' and 'end' are required");
}
