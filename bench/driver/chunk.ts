/**
 * Operations that a store gets in one call: keys in one buffer that is filled again and again, with
 * views that are made once, so that the driver allocates nothing per operation.
 *
 * A key is what db_bench makes of a number: 8 bytes, big-endian, then '0' up to the key size.
 * @module
 */
import type { NumberSource } from './numbers.ts';
import type { KeyForm, Values } from './values.ts';

/** Bytes of a key that tell it from others. */
export const NUMBER_BYTES = 8;
/** Bytes of a prefix in prefix scans; what is left of the number gives 256 keys per prefix. */
export const PREFIX_BYTES = 7;
const FILLER = 0x30;

/** See the module head. Whoever gets one borrows keys and values for the call. */
export class Chunk {
  readonly capacity: number;
  readonly keyBytes: number;
  /** Operations in the chunk. */
  count: number;
  /** `capacity` views; the first `count` hold keys. */
  readonly keys: readonly Uint8Array[];
  /** Upper ends of ranges, where the operation is on ranges. */
  readonly ends: readonly Uint8Array[];
  /** Values to put. */
  readonly values: Uint8Array[];
  /** Entries to read from each key on. */
  readonly lengths: Uint32Array;
  /** Entries that were read or written, over all calls. */
  found: number;
  /** Their key and value bytes. */
  bytes: number;
  readonly #keyBuf: Uint8Array;
  readonly #endBuf: Uint8Array;

  /** @param keyBytes at least 8, or the size of a prefix */
  constructor(form: KeyForm, capacity: number, keyBytes: number) {
    this.capacity = capacity;
    this.keyBytes = keyBytes;
    this.count = 0;
    this.#keyBuf = new Uint8Array(capacity * keyBytes).fill(FILLER);
    this.#endBuf = new Uint8Array(capacity * keyBytes).fill(FILLER);
    this.keys = views(form, this.#keyBuf, keyBytes);
    this.ends = views(form, this.#endBuf, keyBytes);
    this.values = new Array<Uint8Array>(capacity).fill(this.keys[0]!);
    this.lengths = new Uint32Array(capacity);
    this.found = 0;
    this.bytes = 0;
  }

  /** Forgets the operations; counts go on. */
  clear(): void {
    this.count = 0;
  }

  /** Appends the key of a number. */
  add(number: number): void {
    writeNumber(this.#keyBuf, this.count * this.keyBytes, number);
    this.count++;
  }

  /** Holds the keys of the next `count` numbers of a source. */
  draw(source: NumberSource, count: number): void {
    this.count = count;
    const { keyBytes } = this;
    const buf = this.#keyBuf;
    for (let i = 0, off = 0; i < count; i++, off += keyBytes) writeNumber(buf, off, source.next());
  }

  /** Holds the next `count` entries: keys of a source, with values. */
  drawEntries(source: NumberSource, values: Values, count: number): void {
    this.draw(source, count);
    this.takeValues(values);
  }

  /** Gives each key a value. */
  takeValues(values: Values): void {
    for (let i = 0; i < this.count; i++) this.values[i] = values.next();
  }

  /** Holds the prefixes of the next `count` numbers, as ranges. */
  drawPrefixes(source: NumberSource, count: number): void {
    this.count = count;
    for (let i = 0; i < count; i++) {
      const group = Math.floor(source.next() / 256);
      writePrefix(this.#keyBuf, i * this.keyBytes, group);
      writePrefix(this.#endBuf, i * this.keyBytes, group + 1);
    }
  }

  /** The keys as an array of just this chunk. */
  keyList(): readonly Uint8Array[] {
    return this.count === this.capacity ? this.keys : this.keys.slice(0, this.count);
  }

  /** Counts an entry that was found. */
  tally(bytes: number): void {
    this.found++;
    this.bytes += bytes;
  }
}

function views(form: KeyForm, buf: Uint8Array, length: number): Uint8Array[] {
  return Array.from({ length: buf.length / length }, (_, i) =>
    form === 'buffer'
      ? Buffer.from(buf.buffer, i * length, length)
      : buf.subarray(i * length, (i + 1) * length),
  );
}

function writeNumber(buf: Uint8Array, off: number, number: number): void {
  const high = Math.floor(number / 2 ** 32);
  buf[off] = high >>> 24;
  buf[off + 1] = high >>> 16;
  buf[off + 2] = high >>> 8;
  buf[off + 3] = high;
  const low = number >>> 0;
  buf[off + 4] = low >>> 24;
  buf[off + 5] = low >>> 16;
  buf[off + 6] = low >>> 8;
  buf[off + 7] = low;
}

function writePrefix(buf: Uint8Array, off: number, group: number): void {
  let rest = group;
  for (let i = PREFIX_BYTES - 1; i >= 0; i--) {
    buf[off + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
