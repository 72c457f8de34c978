/**
 * The words for the numbers on disk.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_MANIFEST_EDIT,
  BLOCK_PROPERTIES,
  BLOCK_WAL_RECORD,
} from '../block/block-format.ts';
import { FILE_CLASS_MANIFEST, FILE_CLASS_TABLE, FILE_CLASS_WAL } from '../block/file-header.ts';
import { CODEC_LZ4, CODEC_NONE, CODEC_ZSTD, CODEC_ZSTD_DICTIONARY } from '../compress/port.ts';
import { SUITE_AES_256_GCM, SUITE_CHACHA20_POLY1305, SUITE_NONE } from '../crypto/port.ts';
import type { InspectedKind } from './parts.ts';

const TYPE_NAMES = new Map([
  [BLOCK_DATA, 'data'],
  [BLOCK_INDEX, 'index'],
  [BLOCK_FILTER, 'filter'],
  [BLOCK_PROPERTIES, 'properties'],
  [BLOCK_FOOTER, 'footer'],
  [BLOCK_DICTIONARY, 'dictionary'],
  [BLOCK_WAL_RECORD, 'WAL record'],
  [BLOCK_MANIFEST_EDIT, 'manifest edit'],
]);
const CODEC_NAMES = new Map([
  [CODEC_NONE, 'none'],
  [CODEC_LZ4, 'lz4'],
  [CODEC_ZSTD, 'zstd'],
  [CODEC_ZSTD_DICTIONARY, 'zstd with dictionary'],
]);
const SUITE_NAMES = new Map([
  [SUITE_NONE, 'none'],
  [SUITE_AES_256_GCM, 'aes-256-gcm'],
  [SUITE_CHACHA20_POLY1305, 'chacha20-poly1305'],
]);
const CLASS_NAMES = new Map<number, InspectedKind>([
  [FILE_CLASS_TABLE, 'table'],
  [FILE_CLASS_WAL, 'wal'],
  [FILE_CLASS_MANIFEST, 'manifest'],
]);

/** The name of a block type. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `unknown type ${type}`;
}

/** The name of a codec. */
export function codecName(codec: number): string {
  return CODEC_NAMES.get(codec) ?? `unknown codec ${codec}`;
}

/** The name of a cipher suite. */
export function suiteName(suite: number): string {
  return SUITE_NAMES.get(suite) ?? `unknown suite ${suite}`;
}

/** What files of a class are; `unknown` for other classes. */
export function kindOfClass(fileClass: number): InspectedKind {
  return CLASS_NAMES.get(fileClass) ?? 'unknown';
}

/** The letter of a file class, and what it stands for. */
export function className(fileClass: number): string {
  const letter = fileClass > 0x20 && fileClass < 0x7f ? String.fromCharCode(fileClass) : '?';
  return `${letter} (${kindOfClass(fileClass)})`;
}

/** Lowercase hexadecimal digits. Borrows `bytes`. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
