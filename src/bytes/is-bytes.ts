/**
 * What callers pass may come from another realm (node:vm, jest, frames): such an array is no
 * `instanceof` our Uint8Array, and works like one.
 * @module
 */

/** Reads the kind of any typed array, from whichever realm; undefined for everything else. */
const kindOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/** True for a Uint8Array of any realm, subclasses such as Buffer included. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || kindOf.call(value) === 'Uint8Array';
}
