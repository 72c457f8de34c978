/**
 * What the end of a table with stripes tells (ecc/stripe-layout.ts).
 * @module
 */
import { HEADER_COPY_BYTES, StripeLayout } from '../ecc/stripe-layout.ts';
import { type ReadableFile, readAt, sizeOf } from '../fs/port.ts';
import {
  decodeHeaderCopy,
  FILE_CLASS_TABLE,
  type FileHeader,
  type HeaderOwner,
  isHeaderOf,
} from './file-header.ts';
import type { FileProtection } from './file-protection.ts';
import { StripeReader } from './stripe-reader.ts';

/**
 * Where the blocks of a file end.
 * @param fileBytes size that it should have
 * @returns undefined when no file so protected has that size
 */
export function bodyBytesOf({ ecc }: FileProtection, fileBytes: number): number | undefined {
  if (ecc?.stripe === undefined) return fileBytes;
  return StripeLayout.ofFile(ecc.stripe, fileBytes)?.bodyBytes;
}

/**
 * The stripes of a file; undefined if it has none.
 * @param fileBytes size that it should have. Without it that which it has tells where they are, if
 * one unit bears it out: any other size leads to a place where none is
 */
export function stripesOf(
  file: ReadableFile,
  { fileClass, protection, salt }: FileHeader,
  fileBytes: number | undefined,
): StripeReader | undefined {
  const stripe = protection.ecc?.stripe;
  if (stripe === undefined || fileClass !== FILE_CLASS_TABLE) return undefined;
  const layout = StripeLayout.ofFile(stripe, fileBytes ?? sizeOf(file));
  if (layout === undefined) return undefined;
  const stripes = new StripeReader(file, layout, salt);
  return fileBytes !== undefined || stripes.hasSoundUnit() ? stripes : undefined;
}

/**
 * The header of a table as its last copy has it, which stands at the end of a file with stripes.
 * @param own the table that it should belong to, if that is known
 * @returns undefined when there is no such copy, or it is not sound
 * @throws VarveError `UNSUPPORTED` for a sound copy of another format version or an unknown code
 */
export function readLastHeader(
  file: ReadableFile,
  own: HeaderOwner | undefined,
): FileHeader | undefined {
  const position = sizeOf(file) - HEADER_COPY_BYTES;
  if (position < 0) return undefined;
  const buf = new Uint8Array(HEADER_COPY_BYTES);
  if (readAt(file, buf, 0, buf.length, position) < buf.length) return undefined;
  const header = decodeHeaderCopy(buf, 0, file.path);
  if (header?.protection.ecc?.stripe === undefined) return undefined;
  return own === undefined || isHeaderOf(header, own) ? header : undefined;
}
