/**
 * The header of a file, copy by copy, and what can be made of it when none is sound.
 * @module
 */

import type { CopyState } from '../block/block-walker.ts';
import {
  databaseIdIn,
  decodeFileHeader,
  encodeFileHeader,
  FILE_HEADER_BYTES_MAX,
  FILE_HEADER_BYTES_MIN,
  type FileHeader,
  FORMAT_VERSION,
  fileHeaderBytes,
  type HeaderOwner,
  SALT_BYTES,
} from '../block/file-header.ts';
import { readProtection } from '../block/file-protection.ts';
import { isSoundReplica } from '../block/replicas.ts';
import { readLastHeader } from '../block/striped-file.ts';
import { readU64 } from '../bytes/fixed.ts';
import { isVarveError } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';
import { className, hexOf, suiteName } from './names.ts';
import type { HeaderFacts, HeaderPart } from './parts.ts';

const COPY_BYTES = 64;
const MAGIC = 'VARVE';

/** A header as it was found. */
export interface FoundHeader {
  readonly part: HeaderPart;
  /** Undefined when nothing behind it can be checked. */
  readonly header: FileHeader | undefined;
  /** What the file says of itself that this version cannot read. */
  readonly problem: string | undefined;
}

/**
 * Reads the header of a file that may be anything.
 * @param own the file that its name says it is, if it says so
 * @param isVouched whether blocks of the file are sound under a header of which no copy is
 */
export function findHeader(
  file: FileHandle,
  own: HeaderOwner | undefined,
  isVouched: (header: FileHeader) => boolean,
): FoundHeader {
  const buf = new Uint8Array(FILE_HEADER_BYTES_MAX);
  const length = file.read(buf, 0, buf.length, 0);
  let problem: string | undefined;
  try {
    const header = decodeFileHeader(buf, length, file.path, own) ?? readLastHeader(file, own);
    if (header !== undefined) return { part: soundPart(buf, length, header), header, problem };
  } catch (error) {
    if (!isVarveError(error)) throw error;
    problem = error.message;
  }
  const copies = copyStates(buf, length, undefined, FILE_HEADER_BYTES_MIN);
  const header = problem === undefined ? guessHeader(buf, length, isVouched) : undefined;
  const state =
    header !== undefined ? 'unvouched' : isUnwritten(buf, length) ? 'unwritten' : 'damaged';
  const part: HeaderPart = {
    part: 'header',
    state,
    sizeBytes: header === undefined ? 0 : fileHeaderBytes(header.protection),
    copies,
    section: undefined,
    facts: header === undefined ? undefined : factsOf(header),
  };
  return { part, header, problem };
}

function soundPart(buf: Uint8Array, length: number, header: FileHeader): HeaderPart {
  const expected = encodeFileHeader(header);
  const isSecDed = header.protection.ecc?.scheme === 'secded';
  const copiesEnd = isSecDed ? FILE_HEADER_BYTES_MIN : expected.length;
  const copies = copyStates(buf, length, expected, copiesEnd);
  const isSame = (from: number, to: number) =>
    to <= length && expected.subarray(from, to).every((byte, i) => byte === buf[from + i]);
  const section = isSecDed ? (isSame(copiesEnd, expected.length) ? 'sound' : 'damaged') : undefined;
  return {
    part: 'header',
    state: isSame(0, expected.length) ? 'sound' : 'corrected',
    sizeBytes: expected.length,
    copies,
    section,
    facts: factsOf(header),
  };
}

/** @param expected what the copies should be, if that is known */
function copyStates(
  buf: Uint8Array,
  length: number,
  expected: Uint8Array | undefined,
  end: number,
): CopyState[] {
  const states: CopyState[] = [];
  for (let off = 0; off < end; off += COPY_BYTES) {
    const stop = off + COPY_BYTES;
    if (stop > length || !isSoundReplica(buf, off, COPY_BYTES)) states.push('damaged');
    else if (expected === undefined) states.push('differs');
    else {
      const isSame = expected.subarray(off, stop).every((byte, i) => byte === buf[off + i]);
      states.push(isSame ? 'sound' : 'differs');
    }
  }
  return states;
}

function factsOf(header: FileHeader): HeaderFacts {
  const { protection } = header;
  return {
    fileClass: className(header.fileClass),
    formatVersion: FORMAT_VERSION,
    fileNumber: header.fileNumber,
    salt: hexOf(header.salt),
    previousNumber: header.previousNumber,
    baseSeqno: header.baseSeqno,
    databaseId: header.databaseId === undefined ? undefined : hexOf(header.databaseId),
    suite: suiteName(protection.suiteId),
    epoch: protection.epoch,
    ecc: protection.ecc,
  };
}

/** Takes each place of a copy as it stands, whatever its checksum says. */
function guessHeader(
  buf: Uint8Array,
  length: number,
  isVouched: (header: FileHeader) => boolean,
): FileHeader | undefined {
  for (let off = 0; off + COPY_BYTES <= length; off += COPY_BYTES) {
    const header = rawCopy(buf, off);
    if (header !== undefined && isVouched(header)) return header;
  }
  return undefined;
}

function rawCopy(buf: Uint8Array, off: number): FileHeader | undefined {
  const fileClass = buf[off + 5]!;
  const databaseId = databaseIdIn(buf, off, fileClass);
  const isNamed = databaseId !== undefined;
  try {
    return {
      fileClass,
      fileNumber: Math.max(0, readU64(buf, off + 8)),
      salt: buf.slice(off + 16, off + 16 + SALT_BYTES),
      previousNumber: isNamed ? 0 : Math.max(0, readU64(buf, off + 32)),
      baseSeqno: isNamed ? 0 : Math.max(0, readU64(buf, off + 40)),
      databaseId,
      protection: readProtection(buf, off + 48, '', off + 48),
    };
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return undefined;
  }
}

/** What a creation that was cut off leaves: less than a header, or one whose end is missing. */
function isUnwritten(buf: Uint8Array, length: number): boolean {
  if (length < FILE_HEADER_BYTES_MIN) return true;
  return buf.subarray(FILE_HEADER_BYTES_MIN - 8, FILE_HEADER_BYTES_MIN).every((byte) => byte === 0);
}

/** The file class in the first bytes, if they have the magic; undefined for foreign files. */
export function classInMagic(file: FileHandle): number | undefined {
  const buf = new Uint8Array(MAGIC.length + 1);
  const length = file.read(buf, 0, buf.length, 0);
  const isOurs = length === buf.length && String.fromCharCode(...buf).startsWith(MAGIC);
  return isOurs ? buf[MAGIC.length] : undefined;
}
