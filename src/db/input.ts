/**
 * What users may pass as keys and values, and how it becomes `(buffer, offset, length)`.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import { utf8LengthMax, writeUtf8 } from '../bytes/utf8.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../key/kind.ts';

/** A longer scratch buffer would stay around for one long string. */
const SCRATCH_BYTES_MAX = 1_048_576;
const SCRATCH_BYTES_MIN = 256;
const NO_BYTES = new Uint8Array(0);

/** A string stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

/**
 * One key or value of a call, as a byte range. A `Uint8Array` is referenced, a string is encoded
 * into a scratch buffer that the next call overwrites.
 */
export class ByteInput {
  buf: Uint8Array;
  len: number;
  #scratch: Uint8Array;
  readonly #what: string;
  readonly #lengthMax: number;

  constructor(what: string, lengthMax: number) {
    this.#scratch = NO_BYTES;
    this.buf = this.#scratch;
    this.len = 0;
    this.#what = what;
    this.#lengthMax = lengthMax;
  }

  /**
   * The range becomes `buf[0, len)`. Borrows a `Uint8Array` for as long as the fields are used.
   * @throws TypeError for anything but a well-formed string or a Uint8Array
   * @throws RangeError above the limit
   */
  set(value: Bytes): void {
    if (typeof value === 'string') {
      this.#checkLength(value.length);
      const room = utf8LengthMax(value);
      this.buf = this.#roomFor(room);
      this.len = writeUtf8(value, this.buf, 0);
    } else if (isBytes(value)) {
      this.buf = value;
      this.len = value.length;
    } else {
      throw new TypeError(`${this.#what} must be a string or a Uint8Array, not ${typeOf(value)}`);
    }
    this.#checkLength(this.len);
  }

  /** The scratch buffer, or for a rare long string memory that is not kept. */
  #roomFor(lengthBytes: number): Uint8Array {
    if (lengthBytes > SCRATCH_BYTES_MAX) return new Uint8Array(lengthBytes);
    if (lengthBytes > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(lengthBytes, SCRATCH_BYTES_MIN));
    }
    return this.#scratch;
  }

  #checkLength(length: number): void {
    if (length > this.#lengthMax) {
      throw new RangeError(`${this.#what} of ${length} bytes exceeds ${this.#lengthMax} bytes`);
    }
  }
}

/** An input for user keys. */
export function keyInput(): ByteInput {
  return new ByteInput('key', KEY_BYTES_MAX);
}

/** An input for values. */
export function valueInput(): ByteInput {
  return new ByteInput('value', VALUE_BYTES_MAX);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return `${typeof value}`;
}
