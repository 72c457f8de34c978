/**
 * The header with which every file but CURRENT begins: several equal copies (replicas.ts).
 *
 *     offset  size  meaning
 *     0       5     "VARVE"
 *     5       1     file class: 'T' table, 'W' WAL, 'M' manifest
 *     6       2     format version: 1
 *     8       8     file number
 *     16      16    salt, random per file; its first 8 bytes seed the block checksums
 *     32      8     WAL: number of the log before it, 0 if the process had none
 *     40      8     WAL: base seqno, the last one that the preceding logs hold
 *     32      16    tables and manifests: database id. Older versions have 0 in the last 8 bytes,
 *                   and in the first 8 the number of the manifest before, or 0
 *     48      8     protection of the file (file-protection.ts)
 *     56      8     XXH64, seed 0, of bytes 0 to 55
 *
 * Integers are little-endian. There are two copies, or one more than the file's code has parity
 * shards if that is more; with SEC-DED a section over both copies follows. The first block stands
 * behind them. A table with stripes has one more copy at its very end. Where a file is encrypted,
 * bytes 0 to 55 are bound to its key.
 * @module
 */
import { readU16, readU64, U64_TOO_LARGE, writeU16, writeU64 } from '../bytes/fixed.ts';
import { corruption, VarveError } from '../errors.ts';
import { type FileProtection, readProtection, writeProtection } from './file-protection.ts';
import {
  isSoundReplica,
  repairReplicas,
  replicaParityBytes,
  writeReplicaParity,
  writeReplicas,
} from './replicas.ts';

export const FILE_CLASS_TABLE = 0x54;
export const FILE_CLASS_WAL = 0x57;
export const FILE_CLASS_MANIFEST = 0x4d;

/** Bytes of the header of a file without a code: the fewest there are. */
export const FILE_HEADER_BYTES_MIN = 128;
/** Bytes of the longest header. */
export const FILE_HEADER_BYTES_MAX = 448;
export const FORMAT_VERSION = 1;
export const SALT_BYTES = 16;

const COPY_BYTES = 64;
const COPIES_MIN = 2;
const CONTENT_BYTES = 56;
const PREVIOUS_OFF = 32;
const BASE_OFF = 40;
const PROTECTION_OFF = 48;
const MAGIC = [0x56, 0x41, 0x52, 0x56, 0x45];

/** The fields of a file header. */
export interface FileHeader {
  /** One of the `FILE_CLASS_*` numbers. */
  readonly fileClass: number;
  readonly fileNumber: number;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  /** Of a log, or of a manifest of an older version; otherwise 0. */
  readonly previousNumber: number;
  /** Of a log; otherwise 0. */
  readonly baseSeqno: number;
  /** Of a table or manifest, 16 bytes; undefined in a log, and in files of older versions. */
  readonly databaseId?: Uint8Array | undefined;
  readonly protection: FileProtection;
}

/** Which file a header must belong to. */
export type HeaderOwner = Pick<FileHeader, 'fileClass' | 'fileNumber'>;

/** Bytes of the header of a file so protected: where its first block stands. */
export function fileHeaderBytes(protection: FileProtection): number {
  const bytes = copyCount(protection) * COPY_BYTES;
  return protection.ecc?.scheme === 'secded' ? bytes + replicaParityBytes(bytes) : bytes;
}

/** Encodes all copies; returns `fileHeaderBytes` fresh bytes. */
export function encodeFileHeader(header: FileHeader): Uint8Array {
  const { protection } = header;
  const buf = new Uint8Array(fileHeaderBytes(protection));
  writeContent(buf, header);
  const copies = copyCount(protection);
  writeReplicas(buf, 0, COPY_BYTES, copies);
  if (protection.ecc?.scheme === 'secded') writeReplicaParity(buf, 0, copies * COPY_BYTES);
  return buf;
}

/** What the key of an encrypted file is bound to beyond its identity: fresh bytes. */
export function headerBinding(header: FileHeader): Uint8Array {
  const buf = new Uint8Array(CONTENT_BYTES);
  writeContent(buf, header);
  return buf;
}

function writeContent(buf: Uint8Array, header: FileHeader): void {
  buf.set(MAGIC, 0);
  buf[5] = header.fileClass;
  writeU16(buf, 6, FORMAT_VERSION);
  writeU64(buf, 8, header.fileNumber);
  buf.set(header.salt, 16);
  writeU64(buf, PREVIOUS_OFF, header.previousNumber);
  writeU64(buf, BASE_OFF, header.baseSeqno);
  if (header.databaseId !== undefined) buf.set(header.databaseId, PREVIOUS_OFF);
  writeProtection(buf, PROTECTION_OFF, header.protection);
}

/**
 * Decodes the header from the first bytes of a file, from whichever copy is sound. Borrows `buf`;
 * the salt is a fresh copy.
 * @param length valid bytes in `buf`: `FILE_HEADER_BYTES_MAX`, or what the file has
 * @param own the file that it should belong to: a write that went astray may have left a copy of
 * another file's header, which then counts only if there is no other
 * @returns undefined when no copy is sound: a torn or damaged header
 * @throws VarveError `UNSUPPORTED` for a sound header of another format version or an unknown code
 */
export function decodeFileHeader(
  buf: Uint8Array,
  length: number,
  path: string,
  own?: HeaderOwner,
): FileHeader | undefined {
  let foreign: FileHeader | undefined;
  const end = Math.min(length, FILE_HEADER_BYTES_MAX);
  for (let off = 0; off + COPY_BYTES <= end; off += COPY_BYTES) {
    const header = decodeHeaderCopy(buf, off, path);
    // Behind the header there may be anything, even what looks like a copy of one.
    if (header === undefined || off >= copyCount(header.protection) * COPY_BYTES) continue;
    if (own === undefined || isHeaderOf(header, own)) return header;
    foreign ??= header;
  }
  return foreign ?? decodeRepaired(buf, length, path);
}

/** True if it is the header of that file. */
export function isHeaderOf(header: FileHeader, { fileClass, fileNumber }: HeaderOwner): boolean {
  return header.fileClass === fileClass && header.fileNumber === fileNumber;
}

/** The header, where SEC-DED makes a copy sound again. */
function decodeRepaired(buf: Uint8Array, length: number, path: string): FileHeader | undefined {
  const copyBytes = COPIES_MIN * COPY_BYTES;
  const parityEnd = copyBytes + replicaParityBytes(copyBytes);
  if (length < parityEnd) return undefined;
  const repaired = buf.slice(0, parityEnd);
  if (!repairReplicas(repaired, 0, COPY_BYTES, COPIES_MIN)) return undefined;
  const header =
    decodeHeaderCopy(repaired, 0, path) ?? decodeHeaderCopy(repaired, COPY_BYTES, path);
  return header?.protection.ecc?.scheme === 'secded' ? header : undefined;
}

/** True if `buf[0, length)` begins with this header and no byte of it is wrong. Borrows `buf`. */
export function isIntactHeader(buf: Uint8Array, length: number, header: FileHeader): boolean {
  const expected = encodeFileHeader(header);
  return expected.length <= length && expected.every((byte, i) => byte === buf[i]);
}

/**
 * Like {@link decodeFileHeader}, for a file that must have a given class and number.
 * @param last gives a copy that stands elsewhere; asked when no copy is sound
 * @throws VarveError `CORRUPTION` when no copy is sound or the header belongs to another file
 */
export function expectFileHeader(
  buf: Uint8Array,
  length: number,
  path: string,
  own: HeaderOwner,
  last?: () => FileHeader | undefined,
): FileHeader {
  const header = decodeFileHeader(buf, length, path, own) ?? last?.();
  if (header === undefined) throw corruption('file header is damaged', path, 0);
  if (!isHeaderOf(header, own)) {
    throw corruption('file header belongs to another file', path, 0);
  }
  return header;
}

function copyCount({ ecc }: FileProtection): number {
  return ecc?.scheme === 'reed-solomon' ? Math.max(COPIES_MIN, ecc.parity + 1) : COPIES_MIN;
}

/**
 * Decodes the one copy of a header at `buf[off]`. Borrows `buf`; the salt is a fresh copy.
 * @returns undefined when it is not sound
 * @throws VarveError `UNSUPPORTED` as {@link decodeFileHeader}
 */
export function decodeHeaderCopy(
  buf: Uint8Array,
  off: number,
  path: string,
): FileHeader | undefined {
  for (let i = 0; i < MAGIC.length; i++) if (buf[off + i] !== MAGIC[i]) return undefined;
  if (!isSoundReplica(buf, off, COPY_BYTES)) return undefined;
  const version = readU16(buf, off + 6);
  if (version !== FORMAT_VERSION) {
    throw new VarveError('UNSUPPORTED', `format version ${version} is not known (${path})`, {
      file: path,
      offset: off + 6,
    });
  }
  const fileClass = buf[off + 5]!;
  const fileNumber = readU64(buf, off + 8);
  const databaseId = databaseIdIn(buf, off, fileClass);
  const previousNumber = databaseId === undefined ? readU64(buf, off + PREVIOUS_OFF) : 0;
  const baseSeqno = databaseId === undefined ? readU64(buf, off + BASE_OFF) : 0;
  if (
    fileNumber === U64_TOO_LARGE ||
    previousNumber === U64_TOO_LARGE ||
    baseSeqno === U64_TOO_LARGE
  ) {
    return undefined;
  }
  const salt = buf.slice(off + 16, off + 16 + SALT_BYTES);
  const protection = readProtection(buf, off + PROTECTION_OFF, path, off + PROTECTION_OFF);
  const header = { fileClass, fileNumber, salt, previousNumber, baseSeqno, protection };
  return databaseId === undefined ? header : { ...header, databaseId };
}

/**
 * The database id in the copy at `buf[off]`, fresh; undefined in a file that has none. Random bytes
 * are practically never 0 where files of older versions are.
 */
export function databaseIdIn(
  buf: Uint8Array,
  off: number,
  fileClass: number,
): Uint8Array | undefined {
  if (fileClass !== FILE_CLASS_TABLE && fileClass !== FILE_CLASS_MANIFEST) return undefined;
  const id = buf.slice(off + PREVIOUS_OFF, off + PROTECTION_OFF);
  return id.subarray(BASE_OFF - PREVIOUS_OFF).some((byte) => byte !== 0) ? id : undefined;
}
