/**
 * Bytewise order over `(buffer, offset, length)` ranges. A view per comparison would cost ten times
 * the comparison, so nothing here takes or makes one.
 * @module
 */

/**
 * Compares two byte ranges as unsigned bytes; a proper prefix sorts first. Borrows both buffers.
 * @returns negative, zero or positive as a sorts before, with or after b
 */
export function compareBytes(
  a: Uint8Array,
  aOff: number,
  aLen: number,
  b: Uint8Array,
  bOff: number,
  bLen: number,
): number {
  const shared = Math.min(aLen, bLen);
  for (let i = 0; i < shared; i++) {
    const difference = a[aOff + i]! - b[bOff + i]!;
    if (difference !== 0) return difference;
  }
  return aLen - bLen;
}

/** True when the two ranges hold the same bytes. Borrows both buffers. */
export function equalBytes(
  a: Uint8Array,
  aOff: number,
  aLen: number,
  b: Uint8Array,
  bOff: number,
  bLen: number,
): boolean {
  if (aLen !== bLen) return false;
  for (let i = 0; i < aLen; i++) if (a[aOff + i] !== b[bOff + i]) return false;
  return true;
}

/** Number of leading bytes that the two ranges have in common. Borrows both buffers. */
export function sharedPrefixLength(
  a: Uint8Array,
  aOff: number,
  aLen: number,
  b: Uint8Array,
  bOff: number,
  bLen: number,
): number {
  const most = Math.min(aLen, bLen);
  let i = 0;
  while (i < most && a[aOff + i] === b[bOff + i]) i++;
  return i;
}

/** Compares two whole keys; see {@link compareBytes}. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length);
}

/** The first key after another one; fresh. Borrows `key`. */
export function successorOf(key: Uint8Array, off = 0, len: number = key.length): Uint8Array {
  const next = new Uint8Array(len + 1);
  next.set(key.subarray(off, off + len));
  return next;
}
