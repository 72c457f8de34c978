/**
 * The properties block: facts of a table as named values, so that later versions add their own and
 * earlier ones skip what they do not know.
 *
 *     varint       number of properties
 *     each         varint n, n bytes of name (ASCII) | varint m, m bytes of value
 *
 * A number is a varint, a key the bytes themselves; table-origin.ts has some more. Every property
 * named in `NUMBERS` and `KEYS` is written once; those of `LATER_NUMBERS` and of an origin may be
 * missing. Unknown names are ignored.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { VarintReader } from '../bytes/varint.ts';
import { decodeOrigin, encodeOrigin, ORIGIN_PROPERTIES, type TableOrigin } from './table-origin.ts';

/** Facts of a table that stand in its own file. */
export interface TableProperties {
  readonly entryCount: number;
  readonly tombstoneCount: number;
  /** Bytes of all user keys before any encoding. */
  readonly rawKeyBytes: number;
  readonly rawValueBytes: number;
  /** First and last user key, both inclusive. */
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
  readonly smallestSeqno: number;
  readonly largestSeqno: number;
  readonly blockCount: number;
  /** 0 without a filter; otherwise the kind byte of the filter block. */
  readonly filterKind: number;
  /** In thousandths of a bit; 0 without a filter. */
  readonly filterMillibitsPerKey: number;
  /** Codec that the data blocks were offered to: a `CODEC_*` number. */
  readonly codecId: number;
  /** Id of the dictionary in the table, 0 without one. */
  readonly dictionaryId: number;
  /** A `SUITE_*` number. */
  readonly suiteId: number;
  /** Epoch of the key, 0 without encryption. */
  readonly keyEpoch: number;
  /** The code of the blocks, numbered as in its record (ecc/options.ts); 0 without one. */
  readonly eccScheme: number;
  readonly eccDataShards: number;
  readonly eccParityShards: number;
  /** Wall time at which it was written, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Version of the table writer, counted from 1. */
  readonly writerVersion: number;
  /** 1 when each entry is stored with its checksum, 0 otherwise. */
  readonly entryChecksums: number;
  /**
   * No entry is of a later write, also where seqnos were set to 0; undefined in a table of an older
   * version.
   */
  readonly asOfSeqno: number | undefined;
  /** Undefined in a table of an older version. */
  readonly origin: TableOrigin | undefined;
  /** Chunks and units of a stripe; absent in a table without stripes. */
  readonly stripeDataChunks?: number | undefined;
  readonly stripeParityUnits?: number | undefined;
}

const NUMBERS = [
  'entryCount',
  'tombstoneCount',
  'rawKeyBytes',
  'rawValueBytes',
  'smallestSeqno',
  'largestSeqno',
  'blockCount',
  'filterKind',
  'filterMillibitsPerKey',
  'codecId',
  'dictionaryId',
  'suiteId',
  'keyEpoch',
  'eccScheme',
  'eccDataShards',
  'eccParityShards',
  'createdAtMs',
  'writerVersion',
  'entryChecksums',
] as const;
const LATER_NUMBERS = ['asOfSeqno', 'stripeDataChunks', 'stripeParityUnits'] as const;
const KEYS = ['smallestKey', 'largestKey'] as const;
const NAME_BYTES_MAX = 64;
const VALUE_SCRATCH_BYTES = 16;

/** Appends the content of the properties block. */
export function encodeProperties(out: ByteWriter, properties: TableProperties): void {
  const value = new ByteWriter(VALUE_SCRATCH_BYTES);
  const numbers = [...NUMBERS, ...LATER_NUMBERS].filter((name) => properties[name] !== undefined);
  const { origin } = properties;
  const originCount = origin === undefined ? 0 : ORIGIN_PROPERTIES;
  out.varint(numbers.length + KEYS.length + originCount);
  for (const name of numbers) {
    writeName(out, name);
    value.reset();
    value.varint(properties[name]!);
    out.lengthPrefixed(value.buf, 0, value.length);
  }
  for (const name of KEYS) {
    writeName(out, name);
    out.lengthPrefixed(properties[name], 0, properties[name].length);
  }
  if (origin === undefined) return;
  encodeOrigin(origin, (name, bytes, length) => {
    writeName(out, name);
    out.lengthPrefixed(bytes, 0, length);
  });
}

/**
 * Decodes the content of a properties block. Borrows `buf`; keys are fresh copies.
 * @returns undefined when the content is damaged or a property is missing
 */
export function decodeProperties(
  buf: Uint8Array,
  off: number,
  len: number,
): TableProperties | undefined {
  const reader = new VarintReader(buf, off, off + len);
  const values = new Map<string, Uint8Array>();
  for (let left = reader.next(); left > 0 && !reader.failed; left--) {
    const nameLen = reader.next();
    const nameOff = reader.skip(nameLen);
    const valueLen = reader.next();
    const valueOff = reader.skip(valueLen);
    if (reader.failed || nameLen > NAME_BYTES_MAX) return undefined;
    const name = String.fromCharCode(...buf.subarray(nameOff, nameOff + nameLen));
    values.set(name, buf.slice(valueOff, valueOff + valueLen));
  }
  if (reader.failed || reader.off !== reader.end) return undefined;
  const origin = decodeOrigin(values);
  if (origin === 'damaged') return undefined;
  const properties: Partial<Record<keyof TableProperties, number | Uint8Array>> = {};
  const later = LATER_NUMBERS.filter((name) => values.has(name));
  for (const name of [...NUMBERS, ...later]) {
    const value = values.get(name);
    if (value === undefined) return undefined;
    const number = new VarintReader(value, 0, value.length);
    properties[name] = number.next();
    if (number.failed || number.off !== number.end) return undefined;
  }
  for (const name of KEYS) {
    const value = values.get(name);
    if (value === undefined) return undefined;
    properties[name] = value;
  }
  const found = { ...properties, origin: origin === 'none' ? undefined : origin };
  return found as unknown as TableProperties;
}

function writeName(out: ByteWriter, name: string): void {
  out.varint(name.length);
  for (let i = 0; i < name.length; i++) out.u8(name.charCodeAt(i));
}
