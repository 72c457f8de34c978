/**
 * A memtable: the newest writes of one column family, in memory, ordered. One thread writes; any
 * number of cursors read on that thread.
 *
 * Three structures share one arena (`bytes/arena.ts`):
 *
 * - records (`record.ts`): keys and values, appended in the order of the writes and never moved;
 *   all versions of a key hang on its first record;
 * - a hash index (`hash-index.ts`) from user keys to those first records, which answers point
 *   lookups and tells new keys from overwritten ones;
 * - a B+tree (`key-tree.ts`) over the first records, for cursors, which new keys enter in sorted
 *   lots (`ordered-keys.ts`).
 *
 * Everything that a pass over the entries needs lies in the arena's buffers, so that a frozen
 * memtable can be flushed by another thread (`memtable-image.ts`).
 * @module
 */
import { Arena, ArenaPool, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../bytes/arena.ts';
import { assert } from '../errors.ts';
import type { Cursor } from '../key/cursor.ts';
import { ENTRY_CHECKSUM_BYTES } from '../key/entry-checksum.ts';
import { KEY_BYTES_MAX, KIND_DELETE, SEQNO_MAX, VALUE_BYTES_MAX } from '../key/kind.ts';
import type { Lookup } from '../key/lookup.ts';
import { HashIndex } from './hash-index.ts';
import { MemtableCursor } from './memtable-cursor.ts';
import type { MemtableImage } from './memtable-image.ts';
import { OrderedKeys } from './ordered-keys.ts';
import {
  appendKeyRecord,
  appendVersionRecord,
  KIND_SHIFT,
  META_WORD,
  newestRecord,
  newestRecordUpTo,
  recordSeqno,
  seqnoIn,
  storeChecksum,
  VALUE_INLINE_BYTES_MAX,
  VALUE_LENGTH_WORD,
  valueOffset,
} from './record.ts';

/** What a memtable can be given. */
export interface MemtableOptions {
  /** Where its memory comes from and goes back to; by default a pool of its own. */
  readonly arenaPool?: ArenaPool;
  /** Whether each entry is stored with its checksum; false if absent. */
  readonly entryChecksums?: boolean;
  /** Keys that it will hold, about; so its hash index need not grow step by step. 0 if absent. */
  readonly expectedKeys?: number;
}

export class Memtable {
  readonly #arena: Arena;
  /** Number of entries: all versions of all keys, tombstones included. */
  entryCount: number;
  /** Number of entries that are tombstones. */
  tombstoneCount: number;
  /** Lowest and highest seqno; SEQNO_MAX and 0 while the memtable is empty. */
  smallestSeqno: number;
  largestSeqno: number;
  readonly #index: HashIndex;
  readonly #keys: OrderedKeys;
  /** Bytes of a checksum in each record. */
  readonly #checksumBytes: number;
  #released: boolean;

  constructor(options: MemtableOptions = {}) {
    const pool = options.arenaPool ?? new ArenaPool();
    this.#arena = new Arena(pool);
    this.entryCount = 0;
    this.tombstoneCount = 0;
    this.smallestSeqno = SEQNO_MAX;
    this.largestSeqno = 0;
    this.#index = new HashIndex(this.#arena, pool, options.expectedKeys ?? 0);
    this.#keys = new OrderedKeys(this.#arena);
    this.#checksumBytes = options.entryChecksums === true ? ENTRY_CHECKSUM_BYTES : 0;
    this.#released = false;
  }

  /** Number of different user keys. */
  get keyCount(): number {
    return this.#keys.count;
  }

  get isEmpty(): boolean {
    return this.entryCount === 0;
  }

  /** Bytes of memory in use: records, tree, hash index and waiting list. */
  get sizeBytes(): number {
    return this.#arena.usedBytes + this.#index.sizeBytes + this.#keys.sizeBytes;
  }

  /**
   * Adds an entry, copying key and value; borrows both buffers for the call. Only for a memtable
   * without entry checksums.
   * @param keyHash hash32 of the key
   * @param seqno higher than that of every earlier entry of the same key
   */
  put(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    keyHash: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
    valOff: number,
    valLen: number,
  ): void {
    const present = this.#find(keyBuf, keyOff, keyLen, keyHash);
    this.#add(present, keyBuf, keyOff, keyLen, keyHash, seqno, kind, valBuf, valOff, valLen);
  }

  /**
   * As {@link put}, for a memtable with entry checksums.
   * @param checksum `entryChecksum` of the entry
   */
  putChecked(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    keyHash: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
    valOff: number,
    valLen: number,
    checksum: number,
  ): void {
    assert(this.#checksumBytes > 0, 'the records of the memtable have room for a checksum');
    const present = this.#find(keyBuf, keyOff, keyLen, keyHash);
    const record = this.#add(
      present,
      keyBuf,
      keyOff,
      keyLen,
      keyHash,
      seqno,
      kind,
      valBuf,
      valOff,
      valLen,
    );
    storeChecksum(this.#arena, record, present === 0, checksum);
  }

  /**
   * Looks up the newest version of a key that is not newer than `seqno`. Borrows `keyBuf` for the
   * call; lends the value in `out` until {@link release}.
   * @param keyHash hash32 of the key
   * @returns false, with `out` as it was, if there is no such version
   */
  get(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    keyHash: number,
    seqno: number,
    out: Lookup,
  ): boolean {
    assert(!this.#released, 'a released memtable is not used');
    const arena = this.#arena;
    const keyRecord = this.#index.find(keyHash, keyBuf, keyOff, keyLen);
    if (keyRecord === 0) return false;
    const record = newestRecordUpTo(arena, keyRecord, seqno);
    if (record === 0) return false;
    const chunk = record >>> CHUNK_SHIFT;
    const words = arena.chunkWords[chunk]!;
    const base = record & CHUNK_WORD_MASK;
    out.seqno = seqnoIn(words, base);
    out.kind = words[base + META_WORD]! >>> KIND_SHIFT;
    out.valLen = words[base + VALUE_LENGTH_WORD]!;
    out.valOff = base * 4 + valueOffset(words, base, record === keyRecord);
    out.valBuf = arena.chunkBytes[chunk]!;
    if (out.valLen > VALUE_INLINE_BYTES_MAX) {
      out.valBuf = arena.largeBytes[words[out.valOff >>> 2]!]!;
      out.valOff = 0;
    }
    return true;
  }

  /** A cursor over all entries; it follows later puts and must not outlive {@link release}. */
  cursor(): Cursor {
    return new MemtableCursor(this.#arena, this.#keys, this.#checksumBytes > 0);
  }

  /** The memtable for a reader on another thread; no entry may be added any more. */
  image(): MemtableImage {
    assert(!this.#released, 'a released memtable is not used');
    return {
      chunks: this.#arena.chunkBytes.map(({ buffer }) => buffer),
      larges: this.#arena.largeBytes.map(({ buffer }) => buffer),
      ordered: this.#keys.ordered(),
      waiting: this.#keys.waiting(),
      isWaitingSorted: this.#keys.isWaitingSorted,
      hasChecksums: this.#checksumBytes > 0,
      sizeBytes: this.#arena.usedBytes,
    };
  }

  /**
   * Gives all memory back to the pool. Cursors and lent values must not be used any more.
   */
  release(): void {
    assert(!this.#released, 'a memtable is released once');
    this.#released = true;
    this.#keys.release();
    this.#arena.release();
    this.#index.release();
  }

  /** The key record of a key that is there already, or 0. */
  #find(keyBuf: Uint8Array, keyOff: number, keyLen: number, keyHash: number): number {
    assert(!this.#released, 'a released memtable is not used');
    return this.#index.find(keyHash, keyBuf, keyOff, keyLen);
  }

  /** Adds an entry behind the key record `present`; returns its record. */
  #add(
    present: number,
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    keyHash: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
    valOff: number,
    valLen: number,
  ): number {
    assert(keyLen <= KEY_BYTES_MAX && valLen <= VALUE_BYTES_MAX, 'key and value are within limits');
    const arena = this.#arena;
    const checksumBytes = this.#checksumBytes;
    let record: number;
    if (present === 0) {
      record = appendKeyRecord(
        arena,
        keyBuf,
        keyOff,
        keyLen,
        seqno,
        kind,
        valBuf,
        valOff,
        valLen,
        checksumBytes,
      );
      this.#index.add(keyHash, record);
      this.#keys.add(record, keyBuf, keyOff, keyLen);
    } else {
      const newest = recordSeqno(arena, newestRecord(arena, present));
      assert(seqno > newest, 'the versions of a key arrive in the order of their seqnos');
      record = appendVersionRecord(
        arena,
        present,
        seqno,
        kind,
        valBuf,
        valOff,
        valLen,
        checksumBytes,
      );
    }
    this.entryCount++;
    if (kind === KIND_DELETE) this.tombstoneCount++;
    if (seqno < this.smallestSeqno) this.smallestSeqno = seqno;
    if (seqno > this.largestSeqno) this.largestSeqno = seqno;
    return record;
  }
}
