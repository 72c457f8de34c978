/**
 * Whether a bad record is what a writer that died has left at the end of a log: the evidence of
 * docs/FORMAT.md, "Where a log ends". It needs no key.
 * @module
 */
import { readU32 } from '../bytes/fixed.ts';
import { CODEC_NONE } from '../compress/port.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import {
  BLOCK_CONTENT_LEN_OFF,
  BLOCK_HEADER_BYTES,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_TRAILER_BYTES,
} from './block-format.ts';
import type { LogWindow } from './log-window.ts';
import { NO_FRAME, type RecordFrame } from './record-frame.ts';

/** Looks at the records of one log. */
export class TornEnd {
  readonly #window: LogWindow;
  readonly #frame: RecordFrame;
  readonly #blockType: number;
  readonly #parity: { parityBytes(blockLen: number): number };

  /** @param parity of the log's code */
  constructor(
    window: LogWindow,
    frame: RecordFrame,
    blockType: number,
    parity: { parityBytes(blockLen: number): number },
  ) {
    this.#window = window;
    this.#frame = frame;
    this.#blockType = blockType;
    this.#parity = parity;
  }

  /**
   * True when the bad range `[position, to)`, where a record begins and none goes on, was partly
   * unwritten when the power went: zeros stand where a block header begins, throughout a sector, or
   * at the end of a record. No record is written that has them there, whatever it holds.
   */
  looksUnwritten(position: number, to: number): boolean {
    // Where the frame alone is lost, the record is sound.
    const from = position + this.#frame.sizeBytes;
    return this.#window.isPartlyUnwritten(Math.min(from, to), to);
  }

  /**
   * True when the bad record at `position`, with nothing sound behind it, is what a writer that
   * died may have left: the log ends before its block does, or parts of it are unwritten.
   */
  looksTorn(position: number): boolean {
    const window = this.#window;
    const frameBytes = this.#frame.sizeBytes;
    const recordBytesMin = frameBytes + BLOCK_OVERHEAD_BYTES;
    if (window.endBytes - position < recordBytesMin) return true;
    window.load(position, recordBytesMin);
    const off = position - window.start;
    const blockAt = position + frameBytes;
    const framed = frameBytes === 0 ? NO_FRAME : this.#frame.read(window.buf, off, position);
    let blockLen = framed;
    if (framed === NO_FRAME) {
      if (!this.#isPlausible(off + frameBytes)) return this.#looksCutOff(position);
      blockLen = readU32(window.buf, off + frameBytes + 8) + BLOCK_OVERHEAD_BYTES;
    }
    if (blockLen > window.endBytes - blockAt) return true;
    const recordEnd = blockAt + blockLen + this.#parity.parityBytes(blockLen);
    return this.looksUnwritten(position, Math.min(window.endBytes, recordEnd));
  }

  /** Whether the lengths in the block header at `off` of the window bear each other out. */
  #isPlausible(off: number): boolean {
    const { buf } = this.#window;
    if (buf[off] !== this.#blockType) return false;
    const payloadLen = readU32(buf, off + 8) - (buf[off + 2] === SUITE_NONE ? 0 : TAG_BYTES);
    const contentLen = readU32(buf, off + BLOCK_CONTENT_LEN_OFF);
    return buf[off + 1] === CODEC_NONE ? payloadLen === contentLen : payloadLen < contentLen;
  }

  /** As {@link looksTorn}, where neither a frame nor the block header says how long it is. */
  #looksCutOff(position: number): boolean {
    const payloadAt = position + this.#frame.sizeBytes + BLOCK_HEADER_BYTES;
    // Cut off within its header, it has nothing of what no payload begins with.
    if (this.#window.isZero(payloadAt, payloadAt + BLOCK_TRAILER_BYTES)) return true;
    return this.looksUnwritten(position, this.#window.dataEnd(position));
  }
}
