/**
 * One pass over a data block that is to be copied as it stands: whether its keys are different and
 * ascend, and what the table that takes it has to know of it.
 * @module
 */
import { hash32 } from '../bytes/hash32.ts';
import { KEY_BYTES_MAX } from '../key/kind.ts';
import type { DataBlock } from './data-block-reader.ts';
import { readVarint, varintBytes } from './entry-varint.ts';

const HASHES_INITIAL = 256;
const KEY_INITIAL_BYTES = 256;

/** Results stand in the fields until the next scan. */
export class DataBlockScan {
  /** `hash32` of each key: the first {@link count}. */
  hashes: Uint32Array;
  count: number;
  /** Sums over all entries. */
  keyBytes: number;
  valueBytes: number;
  smallestSeqno: number;
  largestSeqno: number;
  /** Of the last entry. */
  lastSeqno: number;
  /** The last key: `lastKey[0, lastKeyLen)`. */
  lastKey: Uint8Array;
  lastKeyLen: number;

  constructor() {
    this.hashes = new Uint32Array(HASHES_INITIAL);
    this.count = 0;
    this.keyBytes = 0;
    this.valueBytes = 0;
    this.smallestSeqno = 0;
    this.largestSeqno = 0;
    this.lastSeqno = 0;
    this.lastKey = new Uint8Array(KEY_INITIAL_BYTES);
    this.lastKeyLen = 0;
  }

  /**
   * Scans a block.
   * @returns false, with the fields in any state, if two entries have one user key or the block is
   * not in order
   */
  scan(block: DataBlock): boolean {
    this.count = block.entryCount;
    this.keyBytes = 0;
    this.lastKeyLen = 0;
    if (this.count > this.hashes.length) this.hashes = new Uint32Array(this.count * 2);
    let at = block.keyStart;
    let valueBytes = 0;
    for (let index = 0; index < this.count; index++) {
      if (at >= block.keyEnd) return false;
      const shared = readVarint(block.buf, at);
      at += varintBytes(shared);
      const unshared = readVarint(block.buf, at);
      at += varintBytes(unshared);
      const valLen = readVarint(block.buf, at);
      at += varintBytes(valLen);
      valueBytes += valLen;
      if (at + unshared > block.keyEnd || !this.#take(block.buf, shared, at, unshared, index)) {
        return false;
      }
      at += unshared;
      this.hashes[index] = hash32(this.lastKey, 0, this.lastKeyLen);
      this.keyBytes += this.lastKeyLen;
    }
    this.valueBytes = valueBytes;
    this.#scanSeqnos(block);
    return at === block.keyEnd && valueBytes === block.keyStart - block.valueStart;
  }

  /** Makes the next key of the last one; false if it does not stand behind that. */
  #take(buf: Uint8Array, shared: number, off: number, unshared: number, index: number): boolean {
    const lastLen = this.lastKeyLen;
    const keyLen = shared + unshared;
    if (shared > lastLen || keyLen > KEY_BYTES_MAX) return false;
    if (keyLen > this.lastKey.length) this.#growKey(keyLen);
    const key = this.lastKey;
    const end = off + unshared;
    let to = shared;
    let at = off;
    // At a restart point, more bytes may be those of the last key than the entry says.
    while (at < end && to < lastLen && key[to] === buf[at]) {
      to++;
      at++;
    }
    const ascends = at < end && (to === lastLen || buf[at]! > key[to]!);
    if (!ascends && index > 0) return false;
    while (at < end) key[to++] = buf[at++]!;
    this.lastKeyLen = keyLen;
    return true;
  }

  #growKey(keyLen: number): void {
    const grown = new Uint8Array(keyLen * 2);
    grown.set(this.lastKey);
    this.lastKey = grown;
  }

  #scanSeqnos(block: DataBlock): void {
    this.smallestSeqno = block.baseSeqno;
    this.largestSeqno = block.baseSeqno;
    this.lastSeqno = block.baseSeqno;
    if (block.seqnoWidth === 0) return;
    for (let index = 0; index < this.count; index++) {
      const seqno = block.seqnoAt(index);
      if (seqno > this.largestSeqno) this.largestSeqno = seqno;
      this.lastSeqno = seqno;
    }
  }
}
