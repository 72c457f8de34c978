/**
 * The varints of key entries in data blocks: lengths below 2^31, in at most five bytes, read
 * without an object and without bounds. Whoever calls stands where fifteen bytes may be read, and
 * bounds the value.
 * @module
 */

/** What {@link readVarint} returns for an encoding that goes on too long. */
const VARINT_BAD = 0x7fff_ffff;

/**
 * Reads a varint of up to five bytes that stands in an entry header. A longer one gives a value
 * that no bound lets pass.
 */
export function readVarint(buf: Uint8Array, at: number): number {
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = buf[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 128) return value;
  }
  const last = buf[at]!;
  return last > 7 ? VARINT_BAD : value | (last << 28);
}

/** Bytes of the encoding that {@link readVarint} read; a longer one than needed is misread. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
