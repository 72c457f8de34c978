/**
 * The losses of a table in a version edit.
 *
 *     file number                varint
 *     places, to the end of the body, each:
 *       data block               varint: ordinal + 1, or 0 for all of the table
 *       offset of the block      varint: offset + 1, or 0 if there is none
 *       error                    varint: 0 CORRUPTION, 1 IO, 2 UNSUPPORTED
 *       first key                varint length, bytes
 *       key behind the last one  varint length, bytes
 *       message                  varint length, UTF-8
 *
 * They replace what an earlier edit said of the table; a body without places says that nothing of
 * it is lost any more. It is an optional field: who does not know it finds the losses again.
 * @module
 */
import type { ByteWriter } from '../bytes/byte-writer.ts';
import type { VarintReader } from '../bytes/varint.ts';
import type { ErrorCode } from '../errors.ts';
import { KEY_BYTES_MAX } from '../key/kind.ts';
import type { RecordedLoss, TableLosses } from './version-edit.ts';

const CODES: readonly ErrorCode[] = ['CORRUPTION', 'IO', 'UNSUPPORTED'];
/** What is not recorded for want of room is found again. */
const RECORD_BYTES_MAX = 0x1_0000;
const MESSAGE_BYTES_MAX = 400;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Appends the body of the field. */
export function encodeLosses({ fileNumber, places }: TableLosses, out: ByteWriter): void {
  out.varint(fileNumber);
  for (const { ordinal, offset, code, gte, lt, message } of places) {
    if (out.length + gte.length + lt.length > RECORD_BYTES_MAX) return;
    out.varint(ordinal === undefined ? 0 : ordinal + 1);
    out.varint(offset === undefined ? 0 : offset + 1);
    out.varint(Math.max(0, CODES.indexOf(code)));
    out.lengthPrefixed(gte, 0, gte.length);
    out.lengthPrefixed(lt, 0, lt.length);
    const text = encoder.encode(message).subarray(0, MESSAGE_BYTES_MAX);
    out.lengthPrefixed(text, 0, text.length);
  }
}

/**
 * The losses in a body of the field; fresh.
 * @returns undefined if no encoder writes this
 */
export function decodeLosses(reader: VarintReader): TableLosses | undefined {
  const fileNumber = reader.next();
  const places: RecordedLoss[] = [];
  while (!reader.failed && reader.off < reader.end) {
    const [block, position, code] = [reader.next(), reader.next(), CODES[reader.next()]];
    const [gte, lt, text] = [bytesIn(reader), bytesIn(reader), bytesIn(reader)];
    const isKey = gte.length <= KEY_BYTES_MAX && lt.length <= KEY_BYTES_MAX + 1;
    if (code === undefined || !isKey) return undefined;
    const ordinal = block === 0 ? undefined : block - 1;
    const offset = position === 0 ? undefined : position - 1;
    places.push({ ordinal, offset, code, gte, lt, message: decoder.decode(text) });
  }
  return reader.failed || fileNumber === 0 ? undefined : { fileNumber, places };
}

function bytesIn(reader: VarintReader): Uint8Array {
  const length = reader.next();
  const off = reader.skip(length);
  return reader.failed ? NO_BYTES : reader.buf.slice(off, off + length);
}

const NO_BYTES = new Uint8Array(0);
