/**
 * The header with which every file but CURRENT begins: two equal copies, so that damage to one is
 * read around.
 *
 *     offset  size  meaning
 *     0       5     "VARVE"
 *     5       1     file class: 'T' table, 'W' WAL, 'M' manifest
 *     6       2     format version: 1
 *     8       8     file number
 *     16      16    salt, random per file; its first 8 bytes seed the block checksums
 *     32      8     number of the preceding file of this class, 0 if none (tables: 0)
 *     40      8     WAL: base seqno, the last one that the preceding logs hold; others: 0
 *     48      8     reserved, 0
 *     56      8     XXH64, seed 0, of bytes 0 to 55
 *     64      64    the same again
 *
 * Integers are little-endian.
 * @module
 */
import {
  readU16,
  readU32,
  readU64,
  U64_TOO_LARGE,
  writeU16,
  writeU32,
  writeU64,
} from '../bytes/fixed.ts';
import { corruption, VarveError } from '../errors.ts';
import { checksum64, Digest64 } from './checksum.ts';

export const FILE_CLASS_TABLE = 0x54;
export const FILE_CLASS_WAL = 0x57;
export const FILE_CLASS_MANIFEST = 0x4d;

/** Bytes of both copies together: where the first block of a file stands. */
export const FILE_HEADER_BYTES = 128;
export const FORMAT_VERSION = 1;
export const SALT_BYTES = 16;

const COPY_BYTES = 64;
const CHECKSUM_OFF = 56;
const MAGIC = [0x56, 0x41, 0x52, 0x56, 0x45];

/** The fields of a file header. */
export interface FileHeader {
  /** One of the `FILE_CLASS_*` numbers. */
  readonly fileClass: number;
  readonly fileNumber: number;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  readonly previousNumber: number;
  readonly baseSeqno: number;
}

/** Encodes both copies; returns `FILE_HEADER_BYTES` fresh bytes. */
export function encodeFileHeader(header: FileHeader): Uint8Array {
  const buf = new Uint8Array(FILE_HEADER_BYTES);
  buf.set(MAGIC, 0);
  buf[5] = header.fileClass;
  writeU16(buf, 6, FORMAT_VERSION);
  writeU64(buf, 8, header.fileNumber);
  buf.set(header.salt, 16);
  writeU64(buf, 32, header.previousNumber);
  writeU64(buf, 40, header.baseSeqno);
  const digest = new Digest64();
  checksum64(buf, 0, CHECKSUM_OFF, 0n, digest);
  writeU32(buf, CHECKSUM_OFF, digest.low);
  writeU32(buf, CHECKSUM_OFF + 4, digest.high);
  buf.copyWithin(COPY_BYTES, 0, COPY_BYTES);
  return buf;
}

/**
 * Decodes the header from the first bytes of a file, from whichever copy is sound. Borrows `buf`;
 * the salt is a fresh copy.
 * @param length valid bytes in `buf`; a torn header may have fewer than `FILE_HEADER_BYTES`
 * @returns undefined when no copy is sound: a torn or damaged header
 * @throws VarveError `UNSUPPORTED` for a sound header of another format version
 */
export function decodeFileHeader(
  buf: Uint8Array,
  length: number,
  path: string,
): FileHeader | undefined {
  return decodeCopy(buf, 0, length, path) ?? decodeCopy(buf, COPY_BYTES, length, path);
}

/**
 * Like {@link decodeFileHeader}, for a file that must have a given class and number.
 * @throws VarveError `CORRUPTION` when no copy is sound or the header belongs to another file
 */
export function expectFileHeader(
  buf: Uint8Array,
  length: number,
  path: string,
  fileClass: number,
  fileNumber: number,
): FileHeader {
  const header = decodeFileHeader(buf, length, path);
  if (header === undefined) throw corruption('file header is damaged', path, 0);
  if (header.fileClass !== fileClass || header.fileNumber !== fileNumber) {
    throw corruption('file header belongs to another file', path, 0);
  }
  return header;
}

function decodeCopy(
  buf: Uint8Array,
  off: number,
  length: number,
  path: string,
): FileHeader | undefined {
  if (length < off + COPY_BYTES) return undefined;
  for (let i = 0; i < MAGIC.length; i++) if (buf[off + i] !== MAGIC[i]) return undefined;
  const digest = new Digest64();
  checksum64(buf, off, CHECKSUM_OFF, 0n, digest);
  if (readU32(buf, off + CHECKSUM_OFF) !== digest.low) return undefined;
  if (readU32(buf, off + CHECKSUM_OFF + 4) !== digest.high) return undefined;
  const version = readU16(buf, off + 6);
  if (version !== FORMAT_VERSION) {
    throw new VarveError('UNSUPPORTED', `format version ${version} is not known (${path})`, {
      file: path,
      offset: off + 6,
    });
  }
  const fileNumber = readU64(buf, off + 8);
  const previousNumber = readU64(buf, off + 32);
  const baseSeqno = readU64(buf, off + 40);
  if (
    fileNumber === U64_TOO_LARGE ||
    previousNumber === U64_TOO_LARGE ||
    baseSeqno === U64_TOO_LARGE
  ) {
    return undefined;
  }
  const salt = buf.slice(off + 16, off + 16 + SALT_BYTES);
  return { fileClass: buf[off + 5]!, fileNumber, salt, previousNumber, baseSeqno };
}
