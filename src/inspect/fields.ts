/**
 * Names for bytes: takes a structure apart into fields, each with its place, its bytes and what
 * they mean. Bytes may be anything: what does not fit becomes one field that says so.
 * @module
 */
import { readU16, readU32, readU64, U64_TOO_LARGE } from '../bytes/fixed.ts';
import { VarintReader } from '../bytes/varint.ts';
import { hexOf } from './names.ts';
import type { FieldPart } from './parts.ts';

/** Cuts a range of bytes into fields, front to back. */
export class FieldReader {
  /** The number in the field that was taken last. */
  value: number;
  readonly #area: FieldPart['area'];
  readonly #buf: Uint8Array;
  readonly #end: number;
  /** What an offset in `#buf` lacks to the offset that is shown. */
  readonly #shift: number;
  readonly #varint: VarintReader;
  #off: number;

  /**
   * @param buf borrowed while fields are taken
   * @param shownAt offset that is shown for `buf[off]`
   */
  constructor(
    area: FieldPart['area'],
    buf: Uint8Array,
    off: number,
    length: number,
    shownAt: number,
  ) {
    this.value = 0;
    this.#area = area;
    this.#buf = buf;
    this.#end = Math.min(buf.length, off + length);
    this.#shift = shownAt - off;
    this.#varint = new VarintReader(buf, off, this.#end);
    this.#off = off;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#end - this.#off;
  }

  bytes(name: string, length: number, meaning: string = ''): FieldPart {
    return this.#take(name, length, meaning);
  }

  /** Bytes whose meaning is their hexadecimal digits. */
  hex(name: string, length: number): FieldPart {
    return this.#take(name, length, hexOf(this.#buf.subarray(this.#off, this.#off + length)));
  }

  u8(name: string, meaning: (value: number) => string = String): FieldPart {
    this.value = this.#buf[this.#off] ?? 0;
    return this.#take(name, 1, meaning(this.value));
  }

  u16(name: string, meaning: (value: number) => string = String): FieldPart {
    this.value = readU16(this.#buf, this.#off);
    return this.#take(name, 2, meaning(this.value));
  }

  u32(name: string, meaning: (value: number) => string = String): FieldPart {
    this.value = readU32(this.#buf, this.#off);
    return this.#take(name, 4, meaning(this.value));
  }

  u64(name: string): FieldPart {
    this.value = readU64(this.#buf, this.#off);
    return this.#take(name, 8, this.value === U64_TOO_LARGE ? 'too large' : String(this.value));
  }

  /** A varint that is none takes all that is left. */
  varint(name: string, meaning: (value: number) => string = String): FieldPart {
    const varint = this.#varint;
    varint.reset(this.#buf, this.#off, this.#end);
    this.value = varint.next();
    if (varint.failed) return this.#take(name, this.left, 'no varint');
    return this.#take(name, varint.off - this.#off, meaning(this.value));
  }

  /** A reader of the next bytes, which this one passes over. */
  part(length: number): FieldReader {
    const off = this.#off;
    const taken = Math.min(length, this.left);
    this.#off += taken;
    return new FieldReader(this.#area, this.#buf, off, taken, off + this.#shift);
  }

  /** All that is left, if anything is. */
  *rest(name: string, meaning: string = ''): Generator<FieldPart> {
    if (this.left > 0) yield this.#take(name, this.left, meaning);
  }

  #take(name: string, length: number, meaning: string): FieldPart {
    const taken = Math.min(length, this.left);
    const off = this.#off;
    this.#off += taken;
    return {
      part: 'field',
      area: this.#area,
      offset: off + this.#shift,
      bytes: this.#buf.subarray(off, off + taken),
      name,
      meaning: taken < length ? 'cut short' : meaning,
    };
  }
}
