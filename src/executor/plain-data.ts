/**
 * Plain data as bytes, for messages between threads of one process that cannot travel as objects.
 *
 * Data are undefined, null, booleans, numbers, strings, Uint8Arrays, arrays and objects of data,
 * and errors. Each value is a tag byte and what follows it:
 *
 *     tag  value              follows
 *     0    undefined
 *     1    null
 *     2    false
 *     3    true
 *     4    integer 0..2^53-1  varint
 *     5    other number       8 bytes, IEEE 754, little-endian
 *     6    string             length (varint), UTF-8
 *     7    Uint8Array         length (varint), bytes
 *     8    array              count (varint), values
 *     9    object             count (varint), then for each property a string and a value
 *     10   Error              name, message, stack and cause, each a value
 * @module
 */

import { ByteWriter } from '../bytes/byte-writer.ts';
import { isBytes } from '../bytes/is-bytes.ts';
import { VarintReader } from '../bytes/varint.ts';
import { assert, isError } from '../errors.ts';

const TAG_UNDEFINED = 0;
const TAG_NULL = 1;
const TAG_FALSE = 2;
const TAG_TRUE = 3;
const TAG_INTEGER = 4;
const TAG_NUMBER = 5;
const TAG_STRING = 6;
const TAG_BYTES = 7;
const TAG_ARRAY = 8;
const TAG_OBJECT = 9;
const TAG_ERROR = 10;

/** Causes of causes are kept up to here; an error may be its own cause. */
const CAUSE_DEPTH_MAX = 8;
const CAPACITY_BYTES = 1024;
const DOUBLE_BYTES = 8;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes of plain data; fresh. Lone surrogates of strings become U+FFFD. */
export function encodePlainData(value: unknown): Uint8Array {
  const writer = new ByteWriter(CAPACITY_BYTES);
  encode(value, writer, 0);
  return writer.buf.subarray(0, writer.length);
}

/** What {@link encodePlainData} was given; byte arrays are copies. Borrows `bytes`. */
export function decodePlainData(bytes: Uint8Array): unknown {
  const reader = new VarintReader(bytes, 0, bytes.length);
  const value = decode(reader);
  assert(!reader.failed && reader.off === bytes.length, 'what a thread sends is whole');
  return value;
}

/** @param depth of errors around the value */
function encode(value: unknown, writer: ByteWriter, depth: number): void {
  if (value === undefined) writer.u8(TAG_UNDEFINED);
  else if (value === null) writer.u8(TAG_NULL);
  else if (typeof value === 'boolean') writer.u8(value ? TAG_TRUE : TAG_FALSE);
  else if (typeof value === 'number') encodeNumber(value, writer);
  else if (typeof value === 'string') encodeBytes(TAG_STRING, textEncoder.encode(value), writer);
  else if (isBytes(value)) encodeBytes(TAG_BYTES, value, writer);
  else if (isError(value)) encodeError(value, writer, depth);
  else if (Array.isArray(value)) {
    encodeCount(TAG_ARRAY, value.length, writer);
    for (const item of value) encode(item, writer, depth);
  } else {
    assert(typeof value === 'object', 'what a thread sends is plain data');
    const properties = Object.entries(value);
    encodeCount(TAG_OBJECT, properties.length, writer);
    for (const [name, item] of properties) {
      encode(name, writer, depth);
      encode(item, writer, depth);
    }
  }
}

function encodeNumber(value: number, writer: ByteWriter): void {
  if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) {
    encodeCount(TAG_INTEGER, value, writer);
    return;
  }
  writer.u8(TAG_NUMBER);
  const double = new Uint8Array(DOUBLE_BYTES);
  new DataView(double.buffer).setFloat64(0, value, true);
  writer.bytes(double, 0, DOUBLE_BYTES);
}

function encodeCount(tag: number, count: number, writer: ByteWriter): void {
  writer.u8(tag);
  writer.varint(count);
}

function encodeBytes(tag: number, bytes: Uint8Array, writer: ByteWriter): void {
  writer.u8(tag);
  writer.lengthPrefixed(bytes, 0, bytes.length);
}

function encodeError(error: Error, writer: ByteWriter, depth: number): void {
  const { name, message, stack, cause } = error;
  writer.u8(TAG_ERROR);
  for (const text of [name, message, stack]) encode(text, writer, depth);
  const isKept = isError(cause) && depth < CAUSE_DEPTH_MAX;
  encode(isKept || cause === undefined ? cause : String(cause), writer, depth + 1);
}

function decode(reader: VarintReader): unknown {
  const tag = reader.byte();
  if (tag === TAG_UNDEFINED) return undefined;
  if (tag === TAG_NULL) return null;
  if (tag === TAG_FALSE || tag === TAG_TRUE) return tag === TAG_TRUE;
  if (tag === TAG_INTEGER) return reader.next();
  if (tag === TAG_NUMBER) return decodeNumber(reader);
  if (tag === TAG_STRING) return textDecoder.decode(take(reader, reader.next()));
  if (tag === TAG_BYTES) return take(reader, reader.next()).slice();
  if (tag === TAG_ARRAY) return Array.from({ length: reader.next() }, () => decode(reader));
  if (tag === TAG_ERROR) return decodeError(reader);
  assert(tag === TAG_OBJECT, 'what a thread sends has tags of this table');
  const properties = Array.from({ length: reader.next() }, () => [decode(reader), decode(reader)]);
  return Object.fromEntries(properties);
}

function decodeNumber(reader: VarintReader): number {
  const { buffer, byteOffset } = take(reader, DOUBLE_BYTES);
  return new DataView(buffer, byteOffset, DOUBLE_BYTES).getFloat64(0, true);
}

function decodeError(reader: VarintReader): Error {
  const [name, message, stack, cause] = Array.from({ length: 4 }, () => decode(reader));
  const error = new Error(String(message), cause === undefined ? undefined : { cause });
  // As on other errors: there, and not among what is listed.
  const hidden = { configurable: true, writable: true, enumerable: false };
  Object.defineProperty(error, 'name', { ...hidden, value: name });
  Object.defineProperty(error, 'stack', { ...hidden, value: stack });
  return error;
}

/** A view of the next `length` bytes. */
function take(reader: VarintReader, length: number): Uint8Array {
  const start = reader.skip(length);
  return reader.buf.subarray(start, start + length);
}
