/**
 * The smallest pieces of the file format, read as docs/FORMAT.md says: integers, checksums, byte
 * order. Nothing in this folder but the tests imports anything of `src`.
 * @module
 */
import assert from 'node:assert/strict';
import xxhash from 'xxhash-wasm';

const { h64Raw, h32Raw } = await xxhash();

/** XXH64 as a number of 64 bits. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  return h64Raw(bytes, seed);
}

export function xxh32(bytes: Uint8Array, seed = 0): number {
  return h32Raw(bytes, seed) >>> 0;
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

/** The bytes of an unsigned integer, little-endian. */
export function littleEndian(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt(value);
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

export function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Bytewise order. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
