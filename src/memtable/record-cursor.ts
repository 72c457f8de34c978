/**
 * What all cursors of a memtable share: standing on a record and showing it. Records never move, so
 * the fields stay true whatever is added.
 * @module
 */
import { type Arena, CHUNK_SHIFT, CHUNK_WORD_MASK } from '../bytes/arena.ts';
import { NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import { KIND_DELETE } from '../key/kind.ts';
import {
  KEY_LENGTH_WORD,
  KEY_OFFSET,
  KIND_SHIFT,
  META_WORD,
  recordChecksum,
  seqnoIn,
  VALUE_INLINE_BYTES_MAX,
  VALUE_LENGTH_WORD,
  valueOffset,
} from './record.ts';

const NO_BYTES = new Uint8Array(0);
const CACHE_LINE_WORDS = 16;

export class RecordCursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  /** The key record of the current key, and the record of its current version. */
  protected keyRecord: number;
  protected record: number;
  protected readonly arena: Arena;
  readonly #hasChecksums: boolean;
  /** Sum of what was touched; it only keeps the loads from being optimized away. */
  warmth: number;

  /** @param hasChecksums whether the records have checksums */
  constructor(arena: Arena, hasChecksums: boolean) {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = KIND_DELETE;
    this.valBuf = NO_BYTES;
    this.valOff = 0;
    this.valLen = 0;
    this.keyRecord = 0;
    this.record = 0;
    this.arena = arena;
    this.#hasChecksums = hasChecksums;
    this.warmth = 0;
  }

  entryChecksum(): number {
    if (!this.#hasChecksums) return NO_ENTRY_CHECKSUM;
    return recordChecksum(this.arena, this.record, this.record === this.keyRecord);
  }

  close(): void {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.valBuf = NO_BYTES;
  }

  /**
   * Touches the key records `list[from, to)`. Records lie in the order of the writes, so every step
   * waits for far memory; touching several in one go lets these waits overlap.
   */
  protected warm(list: Int32Array, from: number, to: number): void {
    const { chunkWords } = this.arena;
    let sum = 0;
    for (let i = from; i < to; i++) {
      const record = list[i]!;
      const words = chunkWords[record >>> CHUNK_SHIFT]!;
      const base = record & CHUNK_WORD_MASK;
      sum += words[base]! + words[Math.min(base + CACHE_LINE_WORDS, words.length - 1)]!;
    }
    this.warmth = sum | 0;
  }

  /** Stands on a record of the current key. */
  protected show(record: number): boolean {
    const { arena, keyRecord } = this;
    const chunk = record >>> CHUNK_SHIFT;
    const words = arena.chunkWords[chunk]!;
    const base = record & CHUNK_WORD_MASK;
    const bytes = arena.chunkBytes[chunk]!;
    this.record = record;
    this.seqno = seqnoIn(words, base);
    this.kind = words[base + META_WORD]! >>> KIND_SHIFT;
    const valLen = words[base + VALUE_LENGTH_WORD]!;
    this.valLen = valLen;
    this.valBuf = bytes;
    this.valOff = base * 4 + valueOffset(words, base, record === keyRecord);
    if (valLen > VALUE_INLINE_BYTES_MAX) {
      this.valBuf = arena.largeBytes[words[this.valOff >>> 2]!]!;
      this.valOff = 0;
    }
    if (record === keyRecord) {
      this.keyBuf = bytes;
      this.keyOff = base * 4 + KEY_OFFSET;
      this.keyLen = words[base + KEY_LENGTH_WORD]!;
    } else {
      const keyBase = keyRecord & CHUNK_WORD_MASK;
      this.keyBuf = arena.chunkBytes[keyRecord >>> CHUNK_SHIFT]!;
      this.keyOff = keyBase * 4 + KEY_OFFSET;
      this.keyLen = arena.chunkWords[keyRecord >>> CHUNK_SHIFT]![keyBase + KEY_LENGTH_WORD]!;
    }
    this.valid = true;
    return true;
  }
}
