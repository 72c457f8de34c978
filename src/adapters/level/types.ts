/**
 * The options of the adapter beyond those of abstract-level; they are those of classic-level.
 * @module
 */
import type {
  AbstractBatchOptions,
  AbstractChainedBatchWriteOptions,
  AbstractClearOptions,
  AbstractDatabaseOptions,
  AbstractDelOptions,
  AbstractGetManyOptions,
  AbstractGetOptions,
  AbstractHasManyOptions,
  AbstractHasOptions,
  AbstractIteratorOptions,
  AbstractKeyIteratorOptions,
  AbstractOpenOptions,
  AbstractPutOptions,
  AbstractValueIteratorOptions,
  Transcoder,
} from 'abstract-level';
import type { DbOptions, EncryptionOptions, Fs, LostRange } from '../../core.ts';

/**
 * Options of `open()`: those of abstract-level, those of Varve, and the names that classic-level
 * has for some of the latter. Where both are given, Varve's count.
 */
export interface OpenOptions
  extends AbstractOpenOptions,
    Omit<DbOptions, 'createIfMissing' | 'errorIfExists' | 'fs' | 'compression'> {
  /** As Varve's; `true`, as in classic-level, is the default. */
  readonly compression?: DbOptions['compression'] | true;
  /** classic-level's name for `blockCacheBytes`. */
  readonly cacheSize?: number | undefined;
  /** classic-level's name for `writeBufferBytes`. */
  readonly writeBufferSize?: number | undefined;
  /** classic-level's name for `blockSizeBytes`. */
  readonly blockSize?: number | undefined;
  /** classic-level's name for `openTablesMax`. */
  readonly maxOpenFiles?: number | undefined;
  /** classic-level's name for `restartInterval`. */
  readonly blockRestartInterval?: number | undefined;
  /** classic-level's name for `targetTableBytes`. */
  readonly maxFileSize?: number | undefined;
}

/** Options of the constructor: those of `open()`, the encodings, and where the location is. */
export interface DatabaseOptions<K, V>
  extends AbstractDatabaseOptions<K, V>,
    Omit<OpenOptions, 'passive' | 'createIfMissing' | 'errorIfExists'> {
  /**
   * The file system of the location; the runtime's own if absent. With another one, flushes and
   * compactions are done in steps between the writes, not by worker threads.
   */
  readonly fs?: Fs | undefined;
}

/** Options of `get()` and `getSync()`. */
export interface GetOptions<K, V> extends AbstractGetOptions<K, V> {}

/** Options of `getMany()`. */
export interface GetManyOptions<K, V> extends AbstractGetManyOptions<K, V> {}

/** Options of `has()`. */
export interface HasOptions<K> extends AbstractHasOptions<K> {}

/** Options of `hasMany()`. */
export interface HasManyOptions<K> extends AbstractHasManyOptions<K> {}

/** How a write is done. */
export interface WriteOptions {
  /**
   * Settle only when the write is on stable storage. Without it a write survives the death of the
   * process, not power loss. False if absent.
   */
  readonly sync?: boolean | undefined;
}

/** Options of `put()`. */
export interface PutOptions<K, V> extends AbstractPutOptions<K, V>, WriteOptions {}

/** Options of `del()`. */
export interface DelOptions<K> extends AbstractDelOptions<K>, WriteOptions {}

/** Options of `batch()` with an array. */
export interface BatchOptions<K, V> extends AbstractBatchOptions<K, V>, WriteOptions {}

/** Options of `write()` of a chained batch. */
export interface ChainedBatchWriteOptions extends AbstractChainedBatchWriteOptions, WriteOptions {}

/** Options of `clear()`. */
export interface ClearOptions<K> extends AbstractClearOptions<K>, WriteOptions {}

/** How an iterator reads. */
export interface ScanOptions {
  /** Keep the blocks that are read in the cache; true if absent. */
  readonly fillCache?: boolean | undefined;
  /**
   * `skip` goes on past what cannot be read for damage, and the iterator's `lostRanges` tell what
   * was left out; `throw` if absent.
   */
  readonly onDamage?: 'throw' | 'skip' | undefined;
  /**
   * `nextv()` stops when the bytes of its entries exceed this; 1 MiB if absent. On key and value
   * iterators only keys or values count.
   */
  readonly highWaterMarkBytes?: number | undefined;
}

/** What iterators have beside those of abstract-level. */
export interface DamageAware {
  /** With `onDamage: 'skip'`: what was left out so far, by ranges of encoded keys. Fresh. */
  readonly lostRanges: readonly LostRange[];
}

/** Options of `iterator()`. */
export interface IteratorOptions<K, V> extends AbstractIteratorOptions<K, V>, ScanOptions {}

/** Options of `keys()`. */
export interface KeyIteratorOptions<K> extends AbstractKeyIteratorOptions<K>, ScanOptions {}

/** Options of `values()`. */
export interface ValueIteratorOptions<K, V>
  extends AbstractValueIteratorOptions<K, V>,
    ScanOptions {}

/** Options of `approximateSize()` and `compactRange()`. */
export interface StartEndOptions<K> {
  /** How `start` and `end` are encoded; as the keys of the database if absent. */
  readonly keyEncoding?: string | Transcoder.PartialEncoder<K> | undefined;
}

/** Options of `destroy()`. */
export interface DestroyOptions {
  /** Where the files are; the runtime's own file system if absent. */
  readonly fs?: Fs;
}

/** Options of `repair()`. */
export interface RepairOptions {
  /** Where the files are; the runtime's own file system if absent. */
  readonly fs?: Fs;
  /** The keys of an encrypted database. */
  readonly encryption?: EncryptionOptions;
}
