/**
 * Keys and values as text: of arguments, for people, and in JSON.
 *
 * In JSON, bytes that are UTF-8 are a string and all others `{"base64": "..."}`; with the encodings
 * hex and base64 they always are `{"hex": "..."}` and `{"base64": "..."}`. Every form is read back
 * to exactly the same bytes.
 *
 * For people, bytes that are UTF-8 are shown as text with these escapes, so that two different keys
 * never look the same: `\\`, `\n`, `\r`, `\t`, `\u{n}` for a character that is not printable, and
 * `\xNN` for a byte that is not UTF-8.
 * @module
 */
import { isUtf8 } from 'node:buffer';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../key/kind.ts';
import { shortened, usageError } from './failure.ts';

/** How bytes are written as text. */
export type Encoding = 'utf8' | 'hex' | 'base64';
export const ENCODINGS: readonly Encoding[] = ['utf8', 'hex', 'base64'];

/** Bytes in JSON. */
export type JsonBytes = string | { readonly base64: string } | { readonly hex: string };

/** Longer values are written as base64 in any case: escaped they could exceed a string's length. */
const JSON_TEXT_BYTES_MAX = 67_108_864;

const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes as a string, or undefined when they are not UTF-8. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  // Not with a decoder that throws: binary keys and values would take many times as long.
  return isUtf8(bytes) ? utf8Decoder.decode(bytes) : undefined;
}

/**
 * The bytes of a key that was given as an argument; fresh.
 * @throws CommandError `USAGE` when it is not of the encoding, or too long
 */
export function keyArgument(text: string, encoding: Encoding): Uint8Array {
  return bytesArgument(text, encoding, 'key', KEY_BYTES_MAX);
}

/** The bytes of a value that was given as an argument; fresh. Throws as {@link keyArgument}. */
export function valueArgument(text: string, encoding: Encoding): Uint8Array {
  return bytesArgument(text, encoding, 'value', VALUE_BYTES_MAX);
}

/** Bytes for JSON output. */
export function toJson(bytes: Uint8Array, encoding: Encoding): JsonBytes {
  if (encoding === 'hex') return { hex: bufferOf(bytes).toString('hex') };
  if (encoding === 'utf8' && bytes.length <= JSON_TEXT_BYTES_MAX) {
    const text = utf8Of(bytes);
    if (text !== undefined) return text;
  }
  return { base64: bufferOf(bytes).toString('base64') };
}

/** Bytes from parsed JSON, fresh; undefined for anything that {@link toJson} does not make. */
export function fromJson(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') {
    return value.isWellFormed() ? Buffer.from(value, 'utf8') : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = Object.entries(value);
  if (fields.length !== 1) return undefined;
  const [name, text] = fields[0]!;
  if ((name !== 'base64' && name !== 'hex') || typeof text !== 'string') return undefined;
  return parseBytes(text, name);
}

/** Bytes for people; one line without control characters. */
export function toText(bytes: Uint8Array, encoding: Encoding): string {
  return encoding === 'utf8' ? escapeBytes(bytes) : bufferOf(bytes).toString(encoding);
}

/**
 * As {@link toText}, but no longer than about `bytesMax` bytes of content: what is left out is
 * counted at the end, in a form that no escaped text has.
 */
export function toShortText(bytes: Uint8Array, encoding: Encoding, bytesMax: number): string {
  if (bytes.length <= bytesMax) return toText(bytes, encoding);
  let end = bytesMax;
  // Not within a character.
  while (end > bytesMax - 4 && (bytes[end]! & 0xc0) === 0x80) end--;
  return `${toText(bytes.subarray(0, end), encoding)}\\...(${bytes.length - end} bytes more)`;
}

function bytesArgument(
  text: string,
  encoding: Encoding,
  what: string,
  lengthMax: number,
): Uint8Array {
  const bytes = parseBytes(text, encoding);
  if (bytes === undefined) throw usageError(`the ${what} '${shortened(text)}' is not ${encoding}`);
  if (bytes.length > lengthMax) {
    throw usageError(`the ${what} of ${bytes.length} bytes exceeds ${lengthMax} bytes`);
  }
  return bytes;
}

function parseBytes(text: string, encoding: Encoding): Uint8Array | undefined {
  if (encoding === 'utf8') return text.isWellFormed() ? Buffer.from(text, 'utf8') : undefined;
  const bytes = Buffer.from(text, encoding);
  // Buffer.from passes over what it does not understand; only exact text counts.
  const back = bytes.toString(encoding).replace(/=+$/, '');
  const exact = encoding === 'hex' ? text.toLowerCase() : text.replace(/=+$/, '');
  return back === exact ? bytes : undefined;
}

function escapeBytes(bytes: Uint8Array): string {
  const text = utf8Of(bytes);
  if (text !== undefined) return escapeText(text);
  let escaped = '';
  for (let off = 0; off < bytes.length; ) {
    const length = sequenceLength(bytes[off]!);
    const char = length === 0 ? undefined : utf8Of(bytes.subarray(off, off + length));
    escaped +=
      char === undefined ? `\\x${bytes[off]!.toString(16).padStart(2, '0')}` : escapeText(char);
    off += char === undefined ? 1 : length;
  }
  return escaped;
}

/** Length of the UTF-8 sequence that a byte begins; 0 when it begins none. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 0;
}

function escapeText(text: string): string {
  return text.replace(/[\\\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === '\\') return '\\\\';
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\\t';
    return `\\u{${char.codePointAt(0)!.toString(16)}}`;
  });
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
