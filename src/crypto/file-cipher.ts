/**
 * Seals the contents of one file and opens them again, each under a nonce and with additional
 * authenticated data (AAD) that say where in which file it belongs.
 *
 * Nonce:
 *
 *     offset  size  meaning
 *     0       6     position
 *     6       6     generation
 *
 * AAD, which is computed and never stored:
 *
 *     offset  size  meaning
 *     0       1     layout version: 1
 *     1       1     suite id
 *     2       2     key epoch
 *     4       1     file class
 *     5       1     block type
 *     6       1     codec
 *     7       1     reserved, 0
 *     8       8     file number
 *     16      16    database id
 *     32      8     position
 *     40      8     generation
 *     48      4     content length: bytes before compression
 *     52      4     payload length: bytes of ciphertext and tag
 *     56      4     dictionary id of the codec, 0 without one
 *     60      4     reserved, 0
 *
 * Integers are little-endian.
 *
 * What must hold: under one file key no (generation, position) is sealed twice, or the contents of
 * both seals are lost to whoever sees them. The file key is derived from a salt that is drawn anew
 * for every file, so it is enough that a file is written from front to back by one writer; `seal`
 * refuses to go back. A file that is overwritten in place draws a fresh salt for each overwriting:
 * a generation alone does not do, because one whose write was torn is written again. What was
 * sealed may be written any number of times, as when damage is healed.
 * @module
 */
import { writeU16, writeU32, writeU64 } from '../bytes/fixed.ts';
import { assert } from '../errors.ts';
import { deriveFileKey, type FileIdentity } from './derive.ts';
import {
  type AeadCipher,
  type AeadSuite,
  type CryptoPrimitives,
  NONCE_BYTES,
  TAG_BYTES,
} from './port.ts';

/** Positions and generations are below this: 2^48. */
export const POSITION_END = 0x1_0000_0000_0000;

const AAD_BYTES = 64;
const AAD_VERSION = 1;
const TWO_POW_32 = 0x1_0000_0000;

/** Where a content belongs and how to read it. Callers reuse one object for all calls. */
export interface SealContext {
  /** Where in the file it stands; below {@link POSITION_END}. */
  readonly position: number;
  /** Which writing of that position it is; 0 where positions are written once. */
  readonly generation: number;
  /** 0 to 255. */
  readonly blockType: number;
  /** 0 to 255. */
  readonly codec: number;
  /** 0 to 2^32-1. */
  readonly dictionaryId: number;
  /** Bytes before compression, 0 to 2^32-1. */
  readonly contentLen: number;
}

/** A {@link SealContext} whose fields are set for each call. */
export type MutableSealContext = { -readonly [Key in keyof SealContext]: SealContext[Key] };

/** A context for {@link FileCipher} to be filled in. */
export function newSealContext(): MutableSealContext {
  return { position: 0, generation: 0, blockType: 0, codec: 0, dictionaryId: 0, contentLen: 0 };
}

/** Seals and opens the contents of one file. Not reentrant. Never shows its key. */
export class FileCipher {
  readonly suiteId: number;
  readonly epoch: number;
  readonly #cipher: AeadCipher;
  readonly #nonce: Uint8Array;
  readonly #aad: Uint8Array;
  #sealedGeneration: number;
  #sealedPosition: number;

  /**
   * Derives the file's key. Borrows its arguments.
   * @param epochKey `KEY_BYTES` bytes
   */
  constructor(
    primitives: CryptoPrimitives,
    suite: AeadSuite,
    epoch: number,
    epochKey: Uint8Array,
    identity: FileIdentity,
  ) {
    const fileKey = deriveFileKey(primitives, suite.id, epoch, epochKey, identity);
    this.suiteId = suite.id;
    this.epoch = epoch;
    this.#cipher = suite.cipher(fileKey);
    fileKey.fill(0);
    this.#nonce = new Uint8Array(NONCE_BYTES);
    this.#aad = new Uint8Array(AAD_BYTES);
    this.#aad[0] = AAD_VERSION;
    this.#aad[1] = suite.id;
    writeU16(this.#aad, 2, epoch);
    this.#aad[4] = identity.fileClass;
    writeU64(this.#aad, 8, identity.fileNumber);
    this.#aad.set(identity.databaseId, 16);
    this.#sealedGeneration = 0;
    this.#sealedPosition = -1;
  }

  /**
   * Seals `buf[off, off + len)`: writes ciphertext and tag, `len + TAG_BYTES` bytes, to `out` from
   * `outOff`. `out` may be `buf`, and the ranges may overlap. Borrows everything.
   *
   * Each call's (generation, position) is above the one before; anything else is a bug of the
   * caller, and this throws before it seals.
   * @returns bytes written
   */
  seal(
    context: SealContext,
    buf: Uint8Array,
    off: number,
    len: number,
    out: Uint8Array,
    outOff: number,
  ): number {
    const { generation, position } = context;
    assert(isInRange(position) && isInRange(generation), 'what is sealed fits the nonce');
    assert(
      generation > this.#sealedGeneration ||
        (generation === this.#sealedGeneration && position > this.#sealedPosition),
      'no position is sealed twice',
    );
    this.#sealedGeneration = generation;
    this.#sealedPosition = position;
    this.#bind(context, len + TAG_BYTES);
    this.#cipher.seal(this.#nonce, this.#aad, buf, off, len, out, outOff);
    return len + TAG_BYTES;
  }

  /**
   * Opens `buf[off, off + len)`, ciphertext and tag: writes the content, `len - TAG_BYTES` bytes,
   * to `out` from `outOff`. `out` may be `buf`, and the ranges may overlap. Borrows everything.
   * @param context may come from disk
   * @returns false, with `out` untouched, unless this is what was sealed for this context
   */
  open(
    context: SealContext,
    buf: Uint8Array,
    off: number,
    len: number,
    out: Uint8Array,
    outOff: number,
  ): boolean {
    if (!isInRange(context.position) || !isInRange(context.generation)) return false;
    this.#bind(context, len);
    return this.#cipher.open(this.#nonce, this.#aad, buf, off, len, out, outOff);
  }

  /** Forgets the file's key. No other call may follow but this one. */
  destroy(): void {
    this.#cipher.destroy();
  }

  #bind(context: SealContext, payloadLen: number): void {
    writeU48(this.#nonce, 0, context.position);
    writeU48(this.#nonce, 6, context.generation);
    const aad = this.#aad;
    aad[5] = context.blockType;
    aad[6] = context.codec;
    writeU64(aad, 32, context.position);
    writeU64(aad, 40, context.generation);
    writeU32(aad, 48, context.contentLen);
    writeU32(aad, 52, payloadLen);
    writeU32(aad, 56, context.dictionaryId);
  }
}

function isInRange(value: number): boolean {
  return value >= 0 && value < POSITION_END;
}

function writeU48(buf: Uint8Array, off: number, value: number): void {
  writeU32(buf, off, value >>> 0);
  writeU16(buf, off + 4, value / TWO_POW_32);
}
