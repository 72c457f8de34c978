/**
 * The index of a table: where each data block begins and which entries stand in it.
 *
 * Content of the index block:
 *
 *     varint        n, number of data blocks, at least 1
 *     varint p, p   the prefix that all separators but the first have in common
 *     n times       varint block length | varint continued seqno | varint s, s bytes
 *
 * Data blocks stand back to back behind the file header, each with its parity section if the file
 * has a code, so lengths (without parity) give the offsets. The separator
 * of a block is the common prefix followed by its s bytes: the shortest string above the last user
 * key of the block before and not above the first user key of its own; that of the first block is
 * empty, without the prefix.
 *
 * When the versions of one user key continue across the border, the separator is that key, and the
 * continued seqno (0 otherwise) is the one of the last version *before* the border: versions below
 * it belong to this block. So (user key, seqno) always leads to one block.
 *
 * In memory each separator has an integer code (separator-codes.ts), and a search is over integers;
 * separators are compared only where these tie. The codes are made when a table has been searched a
 * few times: they take as long as hundreds of searches, and a merge asks for its bounds alone.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { sharedPrefixLength } from '../bytes/compare.ts';
import { VarintReader } from '../bytes/varint.ts';
import { SeparatorCodes } from './separator-codes.ts';
import type { ParityLengths } from './table-footer.ts';

const SEPARATORS_INITIAL_BYTES = 4096;
/** The search after so many others makes the codes. */
const SEARCHES_WITHOUT_CODES = 8;

/** What an entry takes beside its separator, about: two short lengths and no seqno. */
const ENTRY_OVERHEAD_BYTES = 5;

/** Collects the index while the data blocks are written. */
export class TableIndexBuilder {
  readonly #separators: ByteWriter;
  readonly #separatorLens: number[];
  readonly #blockLens: number[];
  readonly #continuedSeqnos: number[];
  /** Bytes that all separators but the first have in common. */
  #prefix: number;

  constructor() {
    this.#separators = new ByteWriter(SEPARATORS_INITIAL_BYTES);
    this.#separatorLens = [];
    this.#blockLens = [];
    this.#continuedSeqnos = [];
    this.#prefix = 0;
  }

  get blockCount(): number {
    return this.#blockLens.length;
  }

  /** About the bytes that {@link finish} appends. */
  get sizeBytes(): number {
    const count = this.#separatorLens.length;
    const elided = Math.max(0, count - 2) * this.#prefix;
    return this.#separators.length - elided + count * ENTRY_OVERHEAD_BYTES;
  }

  /**
   * Starts the entry of a block; the first block's separator is empty. Borrows `buf`.
   * @param continuedSeqno of the last version before the border if the user key goes on, else 0
   */
  begin(buf: Uint8Array, off: number, len: number, continuedSeqno: number): void {
    const separators = this.#separators;
    const at = separators.length;
    separators.bytes(buf, off, len);
    const count = this.#separatorLens.push(len);
    if (count === 2) this.#prefix = len;
    if (count > 2) {
      const all = separators.buf;
      const second = this.#separatorLens[0]!;
      this.#prefix = sharedPrefixLength(all, second, this.#prefix, all, at, len);
    }
    this.#continuedSeqnos.push(continuedSeqno);
  }

  /** Completes the entry that was begun last. */
  end(blockBytes: number): void {
    this.#blockLens.push(blockBytes);
  }

  /** Appends the content of the index block. */
  finish(out: ByteWriter): void {
    const count = this.#blockLens.length;
    const separators = this.#separators;
    const lens = this.#separatorLens;
    const prefix = this.#prefix;
    out.varint(count);
    out.lengthPrefixed(separators.buf, 0, prefix);
    let off = 0;
    for (let i = 0; i < count; i++) {
      out.varint(this.#blockLens[i]!);
      out.varint(this.#continuedSeqnos[i]!);
      const skipped = i === 0 ? 0 : prefix;
      out.lengthPrefixed(separators.buf, off + skipped, lens[i]! - skipped);
      off += lens[i]!;
    }
  }
}

/** The decoded index of an open table. */
export class TableIndex {
  readonly blockCount: number;
  /** Where block i begins in the file; element `blockCount` is the end of the last block. */
  readonly blockOffs: Float64Array;
  readonly #blockLens: Uint32Array;
  /** The content that was decoded: prefix and separators stand in it. */
  readonly #buf: Uint8Array;
  readonly #prefixOff: number;
  readonly #prefixLen: number;
  readonly #separatorOffs: Uint32Array;
  readonly #separatorLens: Uint32Array;
  #codes: SeparatorCodes | undefined;
  /** Counted while there are no codes. */
  #searches: number;
  /** Absent while no user key continues across a border. */
  readonly #continuedSeqnos: Float64Array | undefined;

  /**
   * Decodes the content of an index block; keeps and borrows `buf` for its lifetime.
   * @param blockCount as the footer says
   * @param dataStart and `dataEnd` the part of the file that the data blocks must fill
   * @param parity of the file's code
   * @returns undefined when the content cannot be the index of such a table
   */
  static decode(
    buf: Uint8Array,
    off: number,
    len: number,
    blockCount: number,
    dataStart: number,
    dataEnd: number,
    parity: ParityLengths,
  ): TableIndex | undefined {
    const reader = new VarintReader(buf, off, off + len);
    if (reader.next() !== blockCount || blockCount < 1 || blockCount * 3 > len) return undefined;
    const index = new TableIndex(reader, blockCount, dataStart, parity);
    const complete = !reader.failed && reader.off === reader.end;
    return complete && index.blockOffs[blockCount] === dataEnd ? index : undefined;
  }

  private constructor(
    reader: VarintReader,
    blockCount: number,
    dataStart: number,
    parity: ParityLengths,
  ) {
    this.blockCount = blockCount;
    this.blockOffs = new Float64Array(blockCount + 1);
    this.#blockLens = new Uint32Array(blockCount);
    this.#buf = reader.buf;
    this.#prefixLen = reader.next();
    this.#prefixOff = reader.skip(this.#prefixLen);
    this.#separatorOffs = new Uint32Array(blockCount);
    this.#separatorLens = new Uint32Array(blockCount);
    const continued = new Float64Array(blockCount);
    let anyContinued = false;
    let offset = dataStart;
    for (let i = 0; i < blockCount && !reader.failed; i++) {
      this.blockOffs[i] = offset;
      const blockLen = reader.next();
      this.#blockLens[i] = blockLen;
      offset += blockLen + parity.parityBytes(blockLen);
      continued[i] = reader.next();
      if (continued[i] !== 0) anyContinued = true;
      const len = reader.next();
      const at = reader.skip(len);
      this.#separatorOffs[i] = at;
      this.#separatorLens[i] = len;
    }
    this.blockOffs[blockCount] = offset;
    this.#codes = undefined;
    this.#searches = 0;
    this.#continuedSeqnos = anyContinued ? continued : undefined;
  }

  get memoryBytes(): number {
    const arrays = this.#separatorOffs.byteLength * 3 + this.blockOffs.byteLength;
    const continued = this.#continuedSeqnos?.byteLength ?? 0;
    return arrays + continued + this.#buf.byteLength + (this.#codes?.memoryBytes ?? 0);
  }

  /** Length of block `ordinal`, without its parity section. */
  blockBytes(ordinal: number): number {
    return this.#blockLens[ordinal]!;
  }

  /** The separator of a block, whole; a fresh copy. */
  separator(ordinal: number): Uint8Array {
    const length = this.#separatorLens[ordinal]!;
    if (ordinal === 0) return new Uint8Array(0);
    const key = new Uint8Array(this.#prefixLen + length);
    key.set(this.#buf.subarray(this.#prefixOff, this.#prefixOff + this.#prefixLen));
    const off = this.#separatorOffs[ordinal]!;
    key.set(this.#buf.subarray(off, off + length), this.#prefixLen);
    return key;
  }

  /**
   * Where versions of one user key stand in a block and in the one before: the seqno of the last
   * one in that, else 0.
   */
  continuedSeqno(ordinal: number): number {
    return this.#continuedSeqnos === undefined ? 0 : this.#continuedSeqnos[ordinal]!;
  }

  /** The block in which a position of the file lies; undefined in none. */
  ordinalAt(position: number): number | undefined {
    const offs = this.blockOffs;
    if (position < offs[0]! || position >= offs[this.blockCount]!) return undefined;
    let low = 0;
    let high = this.blockCount;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (offs[middle]! <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  /**
   * The block that holds (key, seqno) if the table does. The first entry at or after it stands in
   * that block or is the first of the next. Borrows `keyBuf` for the call.
   */
  search(keyBuf: Uint8Array, keyOff: number, keyLen: number, seqno: number): number {
    const count = this.blockCount;
    const buf = this.#buf;
    const prefixOff = this.#prefixOff;
    const prefixLen = this.#prefixLen;
    for (let i = 0; i < prefixLen; i++) {
      if (i === keyLen) return 0;
      const difference = keyBuf[keyOff + i]! - buf[prefixOff + i]!;
      if (difference !== 0) return difference < 0 ? 0 : count - 1;
    }
    const restOff = keyOff + prefixLen;
    const restLen = keyLen - prefixLen;
    const codes = this.#codes;
    if (codes === undefined) return this.#searchPlainly(keyBuf, restOff, restLen, seqno);
    const target = codes.codeOf(keyBuf, restOff, restLen);
    let low = codes.start(target);
    let high = codes.end(target);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = codes.at(middle);
      const starts =
        other === target
          ? this.#startsAtOrBefore(middle, keyBuf, restOff, restLen, seqno)
          : other < target;
      if (starts) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** As {@link search}, by comparing separators alone, for the key behind the prefix. */
  #searchPlainly(keyBuf: Uint8Array, restOff: number, restLen: number, seqno: number): number {
    if (++this.#searches > SEARCHES_WITHOUT_CODES) {
      this.#codes = new SeparatorCodes(this.#buf, this.#separatorOffs, this.#separatorLens);
    }
    let low = 1;
    let high = this.blockCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#startsAtOrBefore(middle, keyBuf, restOff, restLen, seqno)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** True when a block begins at or before the target, whose key behind the prefix is given. */
  #startsAtOrBefore(
    ordinal: number,
    keyBuf: Uint8Array,
    restOff: number,
    restLen: number,
    seqno: number,
  ): boolean {
    const buf = this.#buf;
    const off = this.#separatorOffs[ordinal]!;
    const len = this.#separatorLens[ordinal]!;
    const shared = sharedPrefixLength(buf, off, len, keyBuf, restOff, restLen);
    if (shared === len) {
      const continued = this.continuedSeqno(ordinal);
      return shared < restLen || continued === 0 || seqno < continued;
    }
    return shared < restLen && buf[off + shared]! < keyBuf[restOff + shared]!;
  }
}
