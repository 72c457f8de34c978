/**
 * The messages that mailbox.test.ts sends and expects.
 * @module
 */

/** The n-th message, if it has `length` bytes. */
export function messageOf(n: number, length: number): Uint8Array {
  const message = new Uint8Array(length);
  for (let i = 0; i < length; i++) message[i] = n * 31 + i + (i >>> 8);
  return message;
}
