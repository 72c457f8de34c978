/**
 * An iterator of a page, in the worker.
 * @module
 */
import { DbCursor } from '../db/db-cursor.ts';
import type { Chunk } from './protocol.ts';

/** A chunk ends when it holds so much, or so many entries. */
const CHUNK_BYTES = 0x2_0000;
const CHUNK_ENTRIES = 4096;

/** A cursor, and how far it has still to go. */
export class Walk {
  readonly cursor: DbCursor;
  readonly #isReverse: boolean;
  #left: number;
  #hasBegun: boolean;

  constructor(cursor: DbCursor, isReverse: boolean, limit: number) {
    this.cursor = cursor;
    this.#isReverse = isReverse;
    this.#left = limit;
    this.#hasBegun = false;
  }

  next(): Chunk {
    const { cursor } = this;
    let buf = new Uint8Array(CHUNK_BYTES);
    const ends: number[] = [];
    let length = 0;
    let isDone = this.#left === 0;
    while (!isDone && length < CHUNK_BYTES && ends.length < 2 * CHUNK_ENTRIES) {
      isDone = !this.#move();
      if (isDone) break;
      const { keyLen, valLen } = cursor;
      const needed = length + keyLen + valLen;
      if (needed > buf.length) {
        const grown = new Uint8Array(Math.max(needed, buf.length * 2));
        grown.set(buf.subarray(0, length));
        buf = grown;
      }
      buf.set(cursor.keyBuf.subarray(cursor.keyOff, cursor.keyOff + keyLen), length);
      buf.set(cursor.valBuf.subarray(cursor.valOff, cursor.valOff + valLen), length + keyLen);
      ends.push(length + keyLen, needed);
      length = needed;
      isDone = --this.#left === 0 || DbCursor.isAtBound(cursor);
    }
    return { buf: buf.subarray(0, length), ends: Uint32Array.from(ends), isDone };
  }

  #move(): boolean {
    const { cursor } = this;
    if (this.#hasBegun) return this.#isReverse ? cursor.prev() : cursor.next();
    this.#hasBegun = true;
    return this.#isReverse ? cursor.last() : cursor.first();
  }
}
