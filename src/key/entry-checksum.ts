/**
 * Checksums of single entries. A block's checksum says that its bytes are those that were sealed;
 * an entry's says that they are those that the user gave, through every buffer in between.
 *
 *     checksum = (XXH32(user key) * 0x9e3779b1 + XXH32(value) + kind * 0x85ebca77) mod 2^32
 *
 * with seed 0. Both factors are odd, so a change of the key's hash alone, of the value's alone or
 * of the kind alone always shows. The seqno is left out: compactions set it to 0.
 * @module
 */
import { hash32 } from '../bytes/hash32.ts';
import { VarveError } from '../errors.ts';
import type { EntryStream } from './cursor.ts';

/** Bytes that an entry's checksum takes where it is stored. */
export const ENTRY_CHECKSUM_BYTES = 4;
/** Stands for a checksum where none is stored: equal to none. */
export const NO_ENTRY_CHECKSUM = -1;

const KEY_FACTOR = 0x9e3779b1;
const KIND_FACTOR = 0x85ebca77;

/** The checksum of an entry, an unsigned 32-bit integer. Borrows both buffers. */
export function entryChecksum(
  kind: number,
  keyBuf: Uint8Array,
  keyOff: number,
  keyLen: number,
  valBuf: Uint8Array,
  valOff: number,
  valLen: number,
): number {
  const key = Math.imul(hash32(keyBuf, keyOff, keyLen), KEY_FACTOR);
  return (key + hash32(valBuf, valOff, valLen) + Math.imul(kind, KIND_FACTOR)) >>> 0;
}

/** The work that checks entries and the column family it does it for: what its errors name. */
export class EntryGuard {
  readonly #work: string;
  readonly #familyName: string;

  /** @param work `flush` or `compaction` */
  constructor(work: string, familyName: string) {
    this.#work = work;
    this.#familyName = familyName;
  }

  /**
   * Checks the entry that a cursor stands on against the checksum that is stored with it, if any.
   * @returns the checksum of the entry
   * @throws VarveError `CORRUPTION` when its bytes changed since the checksum was computed
   */
  checkInput(input: EntryStream): number {
    const { keyBuf, keyOff, keyLen, valBuf, valOff, valLen } = input;
    // A length that was hit must not lead the hash out of the buffers, and may lead to none.
    const valEnd = (valBuf as Uint8Array | undefined)?.length ?? 0;
    const isWithin = keyOff + keyLen <= keyBuf.length && valOff + valLen <= valEnd;
    const stored = input.entryChecksum();
    if (isWithin) {
      const actual = entryChecksum(input.kind, keyBuf, keyOff, keyLen, valBuf, valOff, valLen);
      if (actual === stored || stored === NO_ENTRY_CHECKSUM) return actual;
    }
    throw this.mismatch('input', input.seqno);
  }

  /** The error for an entry that is not what was written. */
  mismatch(stage: string, seqno: number, cause?: unknown): VarveError {
    const where = `${this.#work} ${stage}, column family '${this.#familyName}', seqno ${seqno}`;
    return entryMismatch(where, cause);
  }
}

/** The error for an entry that changed in memory; `where` holds no byte of a key or value. */
export function entryMismatch(where: string, cause?: unknown): VarveError {
  const text = `entry changed in memory: its checksum does not match (${where})`;
  return new VarveError('CORRUPTION', text, { cause });
}
