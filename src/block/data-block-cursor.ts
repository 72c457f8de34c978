/**
 * Moves over the entries of one data block at a time. Forwards, the key is kept in a scratch buffer
 * and each entry adds its unshared bytes. Backwards, a restart interval is decoded once into a
 * second scratch, and each step picks the next entry from it.
 *
 * The table cursor extends this class, so that its fields need no copying.
 * @module
 */
import { copyBytes } from '../bytes/byte-writer.ts';
import { readU32 } from '../bytes/fixed.ts';
import { entryChecksum, NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import { KEY_BYTES_MAX } from '../key/kind.ts';
import { RESTART_BYTES } from './data-block-layout.ts';
import { BlockPosition, DataBlock } from './data-block-reader.ts';
import { readVarint, varintBytes } from './entry-varint.ts';

const KEY_SCRATCH_INITIAL_BYTES = 256;
const INTERVAL_SCRATCH_INITIAL_BYTES = 2048;
/** What cursors begin with: most never need an interval, and short scans make many cursors. */
const NO_SCRATCH = new Uint8Array(0);
/** Not the same one: which buffer lends the key says whether an interval is in use. */
const NO_KEYS = new Uint8Array(0);
const NO_SLOTS = new Int32Array(0);
const NO_BLOCK: DataBlock = /* @__PURE__ */ new DataBlock();

/** Fields and lending rules are those of `Cursor`; the moves end at the block's edges. */
export class DataBlockCursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  knownShared: number;

  private current: DataBlock;
  /** Index of the current entry; -1 before the first. */
  private entryIndex: number;
  /** Where the key entry and the value behind the current entry begin. */
  private nextEntryOff: number;
  private nextValOff: number;
  /** Key of the current entry, from offset 0, unless `keyBuf` is the interval's scratch. */
  private scratch: Uint8Array;
  private readonly interval: DecodedInterval;
  private readonly position: BlockPosition;

  constructor() {
    this.valid = false;
    this.scratch = NO_SCRATCH;
    this.keyBuf = this.scratch;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = 0;
    this.valBuf = this.scratch;
    this.valOff = 0;
    this.valLen = 0;
    this.knownShared = 0;
    this.current = NO_BLOCK;
    this.entryIndex = -1;
    this.nextEntryOff = 0;
    this.nextValOff = 0;
    this.interval = new DecodedInterval();
    this.position = new BlockPosition();
  }

  /** As in `Cursor`. */
  entryChecksum(): number {
    return this.current.entryChecksumAt(this.entryIndex);
  }

  /** Takes a block; position in it next. Borrows the block until the next call of this method. */
  protected enterBlock(block: DataBlock): void {
    this.valid = false;
    this.current = block;
    this.valBuf = block.buf;
    this.interval.forget();
  }

  /** The block that was taken last. */
  protected get enteredBlock(): DataBlock {
    return this.current;
  }

  /** Whether the current entry is the block's first. */
  protected get isFirstInBlock(): boolean {
    return this.entryIndex === 0;
  }

  /** After a successful `seekInBlock`: whether the entry has the user key that was sought. */
  protected get foundSoughtKey(): boolean {
    return this.position.sameKey;
  }

  /** Whether the entry has the checksum that is stored with it, if one is. */
  protected matchesChecksum(): boolean {
    const stored = this.entryChecksum();
    if (stored === NO_ENTRY_CHECKSUM) return true;
    const { kind, keyBuf, keyOff, keyLen, valBuf, valOff, valLen } = this;
    return stored === entryChecksum(kind, keyBuf, keyOff, keyLen, valBuf, valOff, valLen);
  }

  /** Whether key area and value area end with the entry that was decoded last. */
  protected atBlockEnd(): boolean {
    return this.nextEntryOff === this.current.keyEnd && this.nextValOff === this.current.keyStart;
  }

  /** To the block's first entry. Always true: a block has one. */
  protected firstInBlock(): boolean {
    const block = this.current;
    this.entryIndex = -1;
    this.nextEntryOff = block.keyStart;
    this.nextValOff = block.valueStart;
    this.keyBuf = this.scratch;
    this.keyOff = 0;
    this.keyLen = 0;
    return this.nextInBlock();
  }

  /** To the block's last entry. Always true: a block has one. */
  protected lastInBlock(): boolean {
    return this.showFromInterval(this.current.entryCount - 1);
  }

  /** To the first entry of the block at or after (key, seqno); false if all stand before it. */
  protected seekInBlock(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    const block = this.current;
    const position = this.position;
    if (!block.search(buf, off, len, seqno, position)) {
      this.valid = false;
      return false;
    }
    const { shared, unsharedOff, unshared, valOff, valLen } = position;
    if (shared + unshared > this.scratch.length) this.growScratch(shared + unshared);
    const scratch = this.scratch;
    copyBytes(buf, off, shared, scratch, 0);
    copyBytes(block.buf, unsharedOff, unshared, scratch, shared);
    this.keyBuf = scratch;
    this.keyOff = 0;
    this.keyLen = shared + unshared;
    this.entryIndex = position.index;
    this.nextEntryOff = unsharedOff + unshared;
    this.valOff = valOff;
    this.valLen = valLen;
    this.nextValOff = valOff + valLen;
    this.readVersion(block, position.index);
    this.valid = true;
    return true;
  }

  /** To the next entry of the block; false, and invalid, behind the last. */
  protected nextInBlock(): boolean {
    const block = this.current;
    const index = this.entryIndex + 1;
    if (index >= block.entryCount) {
      this.valid = false;
      return false;
    }
    if (this.keyBuf !== this.scratch) this.leaveInterval();
    const buf = block.buf;
    let at = this.nextEntryOff;
    let shared = buf[at++]!;
    if (shared > 127) {
      shared = readVarint(buf, at - 1);
      at += varintBytes(shared) - 1;
    }
    let unshared = buf[at++]!;
    if (unshared > 127) {
      unshared = readVarint(buf, at - 1);
      at += varintBytes(unshared) - 1;
    }
    let valLen = buf[at++]!;
    if (valLen > 127) {
      valLen = readVarint(buf, at - 1);
      at += varintBytes(valLen) - 1;
    }
    const end = at + unshared;
    const valOff = this.nextValOff;
    if (shared > this.keyLen || end > block.keyEnd || valOff + valLen > block.keyStart) {
      this.failEntry();
    }
    const keyLen = shared + unshared;
    if (keyLen > this.scratch.length) this.growScratch(keyLen);
    const scratch = this.scratch;
    for (let to = shared; at < end; ) scratch[to++] = buf[at++]!;
    this.keyLen = keyLen;
    this.knownShared = shared;
    this.entryIndex = index;
    this.nextEntryOff = end;
    this.valOff = valOff;
    this.valLen = valLen;
    this.nextValOff = valOff + valLen;
    this.readVersion(block, index);
    this.valid = true;
    return true;
  }

  /** To the previous entry of the block; false, and invalid, before the first. */
  protected prevInBlock(): boolean {
    if (this.entryIndex > 0) return this.showFromInterval(this.entryIndex - 1);
    this.valid = false;
    return false;
  }

  private readVersion(block: DataBlock, index: number): void {
    this.valid = false;
    this.seqno = block.seqnoAt(index);
    this.kind = block.kindAt(index);
  }

  /** Shows entry `index` out of its decoded interval; the forward scratch is left behind. */
  private showFromInterval(index: number): boolean {
    const block = this.current;
    const interval = this.interval;
    if (index < interval.firstIndex || index >= interval.endIndex) {
      this.valid = false;
      interval.decode(block, index);
    }
    const slot = index - interval.firstIndex;
    this.keyBuf = interval.keys;
    this.keyOff = interval.keyOffs[slot]!;
    this.keyLen = interval.keyLens[slot]!;
    this.valOff = interval.valOffs[slot]!;
    this.valLen = interval.valLens[slot]!;
    this.entryIndex = index;
    this.nextEntryOff = interval.entryEnds[slot]!;
    this.nextValOff = this.valOff + this.valLen;
    this.readVersion(block, index);
    this.valid = true;
    return true;
  }

  /** Turns from backwards to forwards: brings the current key into the forward scratch. */
  private leaveInterval(): void {
    if (this.keyLen > this.scratch.length) this.growScratch(this.keyLen);
    copyBytes(this.keyBuf, this.keyOff, this.keyLen, this.scratch, 0);
    this.keyBuf = this.scratch;
    this.keyOff = 0;
  }

  private growScratch(needed: number): void {
    if (needed > KEY_BYTES_MAX) this.failEntry();
    const least = Math.max(needed, KEY_SCRATCH_INITIAL_BYTES);
    const grown = new Uint8Array(Math.max(least, this.scratch.length * 2));
    grown.set(this.scratch);
    if (this.keyBuf === this.scratch) this.keyBuf = grown;
    this.scratch = grown;
  }

  private failEntry(): never {
    this.valid = false;
    this.current.fail('entry of a data block is cut short');
  }
}

/** The entries between two restart points, decoded, with whole keys. */
class DecodedInterval {
  /** Decoded are the entries `firstIndex` to `endIndex - 1`; none while the two are equal. */
  firstIndex: number;
  endIndex: number;
  keys: Uint8Array;
  keyOffs: Int32Array;
  keyLens: Int32Array;
  valOffs: Int32Array;
  valLens: Int32Array;
  entryEnds: Int32Array;

  constructor() {
    this.firstIndex = 0;
    this.endIndex = 0;
    this.keys = NO_KEYS;
    this.keyOffs = NO_SLOTS;
    this.keyLens = this.keyOffs;
    this.valOffs = this.keyOffs;
    this.valLens = this.keyOffs;
    this.entryEnds = this.keyOffs;
  }

  forget(): void {
    this.firstIndex = 0;
    this.endIndex = 0;
  }

  /** Decodes the interval that holds entry `index`. */
  decode(block: DataBlock, index: number): void {
    this.forget();
    const restart = Math.floor(index / block.interval);
    const firstIndex = restart * block.interval;
    const count = Math.min(block.interval, block.entryCount - firstIndex);
    if (count > this.keyOffs.length) this.growSlots(count);
    const restartAt = block.restartStart + restart * RESTART_BYTES;
    const { buf, keyEnd, firstKeyOff } = block;
    let at = block.keyStart + readU32(buf, restartAt);
    let valOff = block.valueStart + readU32(buf, restartAt + 4);
    let used = 0;
    let previousLen = block.firstKeyLen;
    for (let slot = 0; slot < count; slot++) {
      const shared = readVarint(buf, at);
      at += varintBytes(shared);
      const unshared = readVarint(buf, at);
      at += varintBytes(unshared);
      const valLen = readVarint(buf, at);
      at += varintBytes(valLen);
      const keyLen = shared + unshared;
      if (
        shared > previousLen ||
        at + unshared > keyEnd ||
        valOff + valLen > block.keyStart ||
        keyLen > KEY_BYTES_MAX
      ) {
        block.fail('entry of a data block is cut short');
      }
      if (used + keyLen > this.keys.length) this.growKeys(used, used + keyLen);
      if (slot === 0) copyBytes(buf, firstKeyOff, shared, this.keys, used);
      else copyBytes(this.keys, used - previousLen, shared, this.keys, used);
      copyBytes(buf, at, unshared, this.keys, used + shared);
      at += unshared;
      this.keyOffs[slot] = used;
      this.keyLens[slot] = keyLen;
      this.valOffs[slot] = valOff;
      this.valLens[slot] = valLen;
      this.entryEnds[slot] = at;
      used += keyLen;
      valOff += valLen;
      previousLen = keyLen;
    }
    this.firstIndex = firstIndex;
    this.endIndex = firstIndex + count;
  }

  private growSlots(count: number): void {
    this.keyOffs = new Int32Array(count);
    this.keyLens = new Int32Array(count);
    this.valOffs = new Int32Array(count);
    this.valLens = new Int32Array(count);
    this.entryEnds = new Int32Array(count);
  }

  private growKeys(used: number, needed: number): void {
    const least = Math.max(needed, INTERVAL_SCRATCH_INITIAL_BYTES);
    const grown = new Uint8Array(Math.max(least, this.keys.length * 2));
    grown.set(this.keys.subarray(0, used));
    this.keys = grown;
  }
}
