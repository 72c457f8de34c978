/**
 * Strings to UTF-8 bytes. Keys are mostly short and ASCII; those are written by a loop, which costs
 * less than a call to TextEncoder and the view that it needs.
 * @module
 */

const encoder = new TextEncoder();
/** Longer strings go to TextEncoder at once: there it beats the loop. */
const LOOP_LENGTH_MAX = 24;

/** Bytes that the UTF-8 form of `text` can take at most. */
export function utf8LengthMax(text: string): number {
  return text.length * 3;
}

/**
 * Writes the UTF-8 form of `text` at `off`; borrows `buf`, which has room for
 * {@link utf8LengthMax} bytes there.
 * @returns the number of bytes written
 * @throws TypeError when `text` holds a lone surrogate, which UTF-8 cannot express
 */
export function writeUtf8(text: string, buf: Uint8Array, off: number): number {
  const length = text.length;
  if (length > LOOP_LENGTH_MAX) return writeLong(text, buf, off);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return writeLong(text, buf, off);
    buf[off + i] = unit;
  }
  return length;
}

function writeLong(text: string, buf: Uint8Array, off: number): number {
  if (!text.isWellFormed())
    throw new TypeError('a string with a lone surrogate is not valid UTF-8');
  return encoder.encodeInto(text, buf.subarray(off, off + utf8LengthMax(text))).written;
}
