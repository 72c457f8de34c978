/**
 * The rejected data block layout, for comparison: entries with their values in between, as in
 * LevelDB's table format.
 *
 *     entries        varint shared | varint unshared | varint value length | unshared key bytes |
 *                    u64 tag: seqno * 256 + kind | value
 *     restart array  u32 offset of every entry that shares nothing
 *     u32            number of restarts
 * @module
 */
import { DataBlockCursor } from '../../src/block/data-block-cursor.ts';
import type { BlockPosition } from '../../src/block/data-block-reader.ts';
import { readVarint, varintBytes } from '../../src/block/entry-varint.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { readU32 } from '../../src/bytes/fixed.ts';

const TAG_BYTES = 8;

export class InterleavedBuilder {
  readonly #out: ByteWriter;
  readonly #interval: number;
  #restarts: number[];
  count: number;

  constructor(interval: number) {
    this.#out = new ByteWriter(8192);
    this.#interval = interval;
    this.#restarts = [];
    this.count = 0;
  }

  contentBytes(): number {
    return this.#out.length + this.#restarts.length * 4 + 4;
  }

  add(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    shared: number,
    seqno: number,
    kind: number,
    valBuf: Uint8Array,
  ): void {
    const out = this.#out;
    let kept = shared;
    if (this.count++ % this.#interval === 0) {
      kept = 0;
      this.#restarts.push(out.length);
    }
    out.varint(kept);
    out.varint(keyLen - kept);
    out.varint(valBuf.length);
    out.bytes(keyBuf, keyOff + kept, keyLen - kept);
    out.u8(kind);
    for (let i = 0, rest = seqno; i < TAG_BYTES - 1; i++, rest = Math.floor(rest / 256)) {
      out.u8(rest & 255);
    }
    out.bytes(valBuf, 0, valBuf.length);
  }

  /** Fresh bytes. */
  finish(): Uint8Array {
    for (const restart of this.#restarts) this.#out.u32(restart);
    this.#out.u32(this.#restarts.length);
    const content = this.#out.buf.slice(0, this.#out.length);
    this.#out.reset();
    this.#restarts = [];
    this.count = 0;
    return content;
  }
}

/** Searches without building keys, as the reader of the chosen layout does. */
export class InterleavedBlock {
  readonly buf: Uint8Array;
  readonly restartStart: number;
  readonly restartCount: number;

  constructor(buf: Uint8Array) {
    this.buf = buf;
    this.restartCount = readU32(buf, buf.length - 4);
    this.restartStart = buf.length - 4 - this.restartCount * 4;
  }

  search(
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
    out: BlockPosition,
  ): boolean {
    const { buf, restartStart } = this;
    let low = 1;
    let high = this.restartCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#restartIsBefore(middle, keyBuf, keyOff, keyLen, seqno)) low = middle + 1;
      else high = middle;
    }
    let at = readU32(buf, restartStart + (low - 1) * 4);
    let matched = 0;
    while (at < restartStart) {
      const shared = buf[at++]!;
      const unshared = buf[at++]!;
      let valLen = buf[at++]!;
      if (valLen > 127) {
        valLen = readVarint(buf, at - 1);
        at += varintBytes(valLen) - 1;
      }
      const end = at + unshared;
      if (shared <= matched) {
        const stop = Math.min(end, at + keyLen - shared);
        let suffix = at;
        let target = keyOff + shared;
        while (suffix < stop && buf[suffix] === keyBuf[target]) {
          suffix++;
          target++;
        }
        matched = target - keyOff;
        const sameKey = suffix === end && matched === keyLen;
        const reached = sameKey
          ? readTag(buf, end) <= seqno
          : suffix < end && (matched === keyLen || buf[suffix]! > keyBuf[target]!);
        if (reached) {
          out.sameKey = sameKey;
          out.valOff = end + TAG_BYTES;
          out.valLen = valLen;
          return true;
        }
      }
      at = end + TAG_BYTES + valLen;
    }
    return false;
  }

  #restartIsBefore(
    restart: number,
    keyBuf: Uint8Array,
    keyOff: number,
    keyLen: number,
    seqno: number,
  ): boolean {
    const { buf } = this;
    let at = readU32(buf, this.restartStart + restart * 4) + 1;
    const unshared = buf[at++]!;
    at += varintBytes(readVarint(buf, at));
    const most = Math.min(unshared, keyLen);
    let i = 0;
    while (i < most && buf[at + i] === keyBuf[keyOff + i]) i++;
    if (i < most) return buf[at + i]! < keyBuf[keyOff + i]!;
    if (unshared !== keyLen) return unshared < keyLen;
    return readTag(buf, at + unshared) > seqno;
  }

  /** Decodes all entries into a scratch key; returns a sum over what was seen. */
  decodeAll(scratch: Uint8Array): number {
    const { buf, restartStart } = this;
    let sum = 0;
    for (let at = 0; at < restartStart; ) {
      const shared = buf[at++]!;
      const unshared = buf[at++]!;
      let valLen = buf[at++]!;
      if (valLen > 127) {
        valLen = readVarint(buf, at - 1);
        at += varintBytes(valLen) - 1;
      }
      const end = at + unshared;
      for (let to = shared; at < end; ) scratch[to++] = buf[at++]!;
      sum += readTag(buf, end) + scratch[0]!;
      at = end + TAG_BYTES + valLen;
    }
    return sum;
  }
}

function readTag(buf: Uint8Array, at: number): number {
  return readU32(buf, at + 1) + (buf[at + 5]! | (buf[at + 6]! << 8)) * 0x1_0000_0000;
}

/** Opens the protected moves of the chosen layout's cursor to the bench. */
export class BenchCursor extends DataBlockCursor {
  decodeAll(block: Parameters<DataBlockCursor['enterBlock']>[0]): number {
    let sum = 0;
    this.enterBlock(block);
    for (let more = this.firstInBlock(); more; more = this.nextInBlock()) {
      sum += this.seqno + this.keyBuf[0]!;
    }
    return sum;
  }
}
