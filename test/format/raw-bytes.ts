/**
 * The smallest pieces of the file format, read as docs/FORMAT.md says: integers, checksums, file
 * headers, blocks, record logs. Nothing in this folder but the tests imports anything of `src`.
 * @module
 */
import assert from 'node:assert/strict';
import xxhash from 'xxhash-wasm';

const { h64Raw, h32Raw } = await xxhash();

const HEADER_COPY_BYTES = 64;
export const FILE_HEADER_BYTES = 128;
const BLOCK_HEADER_BYTES = 16;
export const BLOCK_OVERHEAD_BYTES = 24;

/** XXH64 as a number of 64 bits. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  return h64Raw(bytes, seed);
}

/** XXH32 with seed 0. */
export function xxh32(bytes: Uint8Array): number {
  return h32Raw(bytes, 0) >>> 0;
}

/** Reads values one after the other; every length is held against the end. */
export class Bytes {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    const from = this.skip(length);
    return this.bytes.subarray(from, this.at);
  }

  /** Passes the next bytes; returns where they begin. */
  private skip(length: number): number {
    assert.ok(length >= 0 && length <= this.left, `${length} bytes of ${this.left}`);
    this.at += length;
    return this.at - length;
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    return this.view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  /** All 64 bits. */
  wide(): bigint {
    return this.view.getBigUint64(this.skip(8), true);
  }

  u64(): number {
    return toNumber(this.wide());
  }

  varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      assert.ok(shift < 56n, 'a varint has at most 8 bytes');
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return toNumber(value);
    }
  }

  /** A varint length and so many bytes. */
  prefixed(): Uint8Array {
    return this.take(this.varint());
  }
}

function toNumber(value: bigint): number {
  assert.ok(value <= BigInt(Number.MAX_SAFE_INTEGER), `${value} is too large`);
  return Number(value);
}

export interface RawHeader {
  readonly fileClass: string;
  readonly fileNumber: number;
  readonly seed: bigint;
  readonly previousNumber: number;
  readonly baseSeqno: number;
}

/** The header of a file from its first sound copy; undefined without one. */
export function readFileHeader(file: Uint8Array): RawHeader | undefined {
  for (const start of [0, HEADER_COPY_BYTES]) {
    const copy = file.subarray(start, start + HEADER_COPY_BYTES);
    if (copy.length < HEADER_COPY_BYTES) return undefined;
    const reader = new Bytes(copy);
    if (ascii(reader.take(5)) !== 'VARVE') continue;
    if (new Bytes(copy, 56).wide() !== xxh64(copy.subarray(0, 56))) continue;
    const fileClass = ascii(reader.take(1));
    assert.equal(reader.u16(), 1, 'format version');
    const fileNumber = reader.u64();
    const seed = reader.wide();
    reader.take(8);
    return { fileClass, fileNumber, seed, previousNumber: reader.u64(), baseSeqno: reader.u64() };
  }
  return undefined;
}

export interface RawBlock {
  readonly type: number;
  readonly content: Uint8Array;
  /** Where the next block begins. */
  readonly end: number;
}

/** The block at a position of a file; undefined when what stands there does not verify. */
export function readBlock(file: Uint8Array, position: number, seed: bigint): RawBlock | undefined {
  if (file.length - position < BLOCK_OVERHEAD_BYTES) return undefined;
  const reader = new Bytes(file, position);
  const [type, codec, suite, checksumKind] = reader.take(4);
  const epoch = reader.u16();
  const reserved = reader.u16();
  const payloadLength = reader.u32();
  const contentLength = reader.u32();
  if (checksumKind !== 1 || reserved !== 0 || payloadLength > reader.left - 8) return undefined;
  const payload = reader.take(payloadLength);
  const whole = file.subarray(position, position + BLOCK_HEADER_BYTES + payloadLength);
  if (reader.wide() !== (xxh64(whole, seed) ^ BigInt(position))) return undefined;
  assert.deepEqual([codec, suite, epoch], [0, 0, 0], 'stages that this reader does not know');
  assert.equal(payloadLength, contentLength);
  return { type: type!, content: payload, end: reader.at };
}

/** A block that must be there. */
export function expectBlock(
  file: Uint8Array,
  position: number,
  length: number,
  type: number,
  seed: bigint,
): Uint8Array {
  const block = readBlock(file, position, seed);
  assert.ok(block !== undefined, `block at ${position} does not verify`);
  assert.equal(block.type, type, `type of the block at ${position}`);
  assert.equal(block.end, position + length, `end of the block at ${position}`);
  return block.content;
}

export function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Bytewise order. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
