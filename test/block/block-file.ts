/**
 * A file of blocks in memory, as its writer left it, and ways to tamper with it.
 * @module
 */
import assert from 'node:assert/strict';
import xxhash from 'xxhash-wasm';
import { BLOCK_HEADER_BYTES, BLOCK_TRAILER_BYTES } from '../../src/block/block-format.ts';
import type { BlockReader } from '../../src/block/block-reader.ts';
import type { BlockCompression, BlockWriter } from '../../src/block/block-writer.ts';
import {
  encodeFileHeader,
  FILE_CLASS_TABLE,
  type FileHeader,
  fileHeaderBytes,
} from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { createEccCodec } from '../../src/ecc/codec.ts';
import { type BlockCodeOptions, blockCodeOf } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';

const { h64Raw } = await xxhash();

export const FILE_PATH = 'd/000007.sst';
export const FILE_NUMBER = 7;

/** Every kind of code, and none. */
export const ECC_CHOICES: readonly (BlockCodeOptions | undefined)[] = [
  undefined,
  { scheme: 'reed-solomon', data: 4, parity: 2 },
  { scheme: 'reed-solomon', data: 3, parity: 6 },
  { scheme: 'xor', data: 5 },
  { scheme: 'secded' },
];

/** For test names. */
export function eccName(ecc: BlockCodeOptions | undefined): string {
  if (ecc === undefined) return 'no code';
  if (ecc.scheme === 'secded') return ecc.scheme;
  return ecc.scheme === 'xor' ? `xor(${ecc.data})` : `rs(${ecc.data},${ecc.parity})`;
}

/** A block of a {@link BlockFile}. */
export interface PlacedBlock {
  readonly type: number;
  readonly content: Uint8Array;
  readonly position: number;
  /** Without the parity section. */
  readonly length: number;
}

/** See the module head. */
export class BlockFile {
  readonly fs: MemoryFs;
  readonly header: FileHeader;
  readonly blocks: PlacedBlock[];
  readonly #writer: BlockWriter;
  #sizeBytes: number;

  constructor(pipeline: Pipeline, ecc?: BlockCodeOptions, fileNumber: number = FILE_NUMBER) {
    this.fs = new MemoryFs();
    this.fs.createDirectory('d');
    this.header = pipeline.newHeader({
      fileClass: FILE_CLASS_TABLE,
      fileNumber,
      previousNumber: 0,
      baseSeqno: 0,
      protection: pipeline.protection(true, ecc),
    });
    this.blocks = [];
    this.#writer = pipeline.writer(FILE_PATH, this.header);
    this.#sizeBytes = fileHeaderBytes(this.header.protection);
    this.fs.open(FILE_PATH, 'create').close();
    this.change(0, encodeFileHeader(this.header));
  }

  /** Seals a content behind the blocks before it. */
  add(type: number, content: Uint8Array, compression?: BlockCompression): PlacedBlock {
    const out = new ByteWriter(8);
    out.reset(BLOCK_HEADER_BYTES);
    out.bytes(content, 0, content.length);
    const position = this.#sizeBytes;
    const length = this.#writer.seal(type, out, BLOCK_HEADER_BYTES, position, compression);
    assert.equal(out.length, length + this.#writer.parityBytes(length));
    this.change(position, out.buf.subarray(0, out.length));
    this.#sizeBytes += out.length;
    const block = { type, content, position, length };
    this.blocks.push(block);
    return block;
  }

  /** Bytes of a block and its parity section. */
  storedBytes({ length }: PlacedBlock): number {
    return length + this.#writer.parityBytes(length);
  }

  reader(pipeline: Pipeline, header: FileHeader = this.header): BlockReader {
    return pipeline.reader(this.fs.open(FILE_PATH, 'read'), header);
  }

  bytes(offset = 0, length: number = this.#sizeBytes - offset): Uint8Array {
    const bytes = new Uint8Array(length);
    this.fs.fileAt(FILE_PATH)!.read(bytes, 0, length, offset);
    return bytes;
  }

  change(offset: number, bytes: Uint8Array): void {
    this.fs.fileAt(FILE_PATH)!.write(bytes, 0, bytes.length, offset);
  }

  /** Changes a block and writes the right checksum and parity section over it. */
  forge(block: PlacedBlock, change: (bytes: Uint8Array) => void): void {
    const { position, length } = block;
    const bytes = this.bytes(position, this.storedBytes(block));
    change(bytes);
    resealChecksum(bytes, length, this.header.salt, position);
    const ecc = blockCodeOf(this.header.protection.ecc);
    if (ecc !== undefined) createEccCodec(ecc).append(bytes, 0, length);
    this.change(position, bytes);
  }
}

/** Writes the right checksum over a changed block of `length` bytes at the start of `buf`. */
export function resealChecksum(
  buf: Uint8Array,
  length: number,
  salt: Uint8Array,
  position: number,
): void {
  const seed = new DataView(salt.buffer, salt.byteOffset).getBigUint64(0, true);
  const end = length - BLOCK_TRAILER_BYTES;
  const digest = h64Raw(buf.subarray(0, end), seed) ^ BigInt(position);
  new DataView(buf.buffer, buf.byteOffset + end, 8).setBigUint64(0, digest, true);
}

/** The content of the block that was decoded last, as a copy. */
export function contentOf(reader: BlockReader): Uint8Array {
  return reader.buf.slice(reader.contentOff, reader.contentOff + reader.contentLen);
}

/** That `open` throws CORRUPTION at this position of the file. */
export function assertCorrupt(
  open: () => void,
  position: number,
  text: RegExp = /./,
  what = 'a corrupt block',
): void {
  const isExpected = (error: unknown): true => {
    assert.ok(isVarveError(error, 'CORRUPTION'), `${what}: ${error}`);
    assert.deepEqual([error.file, error.offset], [FILE_PATH, position], what);
    assert.match(error.message, text, what);
    return true;
  };
  assert.throws(open, isExpected, what);
}
