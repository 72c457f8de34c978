/**
 * Stripes of tables, checked and used as docs/FORMAT.md says, section "Stripes".
 * @module
 */
import assert from 'node:assert/strict';
import { Bytes, littleEndian, xxh32 } from './raw-bytes.ts';
import { correct, type RawCode, section } from './raw-codes.ts';

const CHUNK_BYTES = 4096;
const HEADER_COPY_BYTES = 64;
const NO_CHUNK = new Uint8Array(CHUNK_BYTES);

/** Data chunks and units of a stripe. */
export interface RawStripe {
  readonly k: number;
  readonly m: number;
}

interface RawUnit {
  readonly parity: Uint8Array;
  readonly list: Uint8Array;
  readonly isSound: boolean;
}

/** B: where the stripe section begins, from the size of the file. */
export function bodyBytes(stripe: RawStripe, fileBytes: number): number {
  for (let count = Math.ceil(3 / stripe.m); ; count++) {
    const body = fileBytes - HEADER_COPY_BYTES - stripe.m * count * unitBytes(stripe);
    assert.ok(body > 0, 'a body leads to the size of the file');
    if (stripeCount(stripe, body) === count) return body;
  }
}

/** Every unit is the one that the body leads to. */
export function checkStripes(file: Uint8Array, stripe: RawStripe, salt: Uint8Array): void {
  const stripes = new RawStripes(file, stripe, salt);
  for (let r = 0; r < stripes.count; r++) stripes.check(r);
}

/** Restores chunks and units of every stripe in `file`, as far as they can be. */
export function restoreStripes(file: Uint8Array, stripe: RawStripe, salt: Uint8Array): void {
  const stripes = new RawStripes(file, stripe, salt);
  for (let r = 0; r < stripes.count; r++) stripes.restore(r);
}

function unitBytes({ k }: RawStripe): number {
  return CHUNK_BYTES + 4 * k + 4;
}

function stripeCount({ k, m }: RawStripe, body: number): number {
  return Math.max(Math.ceil(Math.ceil(body / CHUNK_BYTES) / k), Math.ceil(3 / m));
}

class RawStripes {
  /** S. */
  readonly count: number;
  private readonly file: Uint8Array;
  private readonly stripe: RawStripe;
  private readonly code: RawCode;
  private readonly salt: number;
  private readonly body: number;
  private readonly chunkCount: number;

  constructor(file: Uint8Array, stripe: RawStripe, salt: Uint8Array) {
    this.file = file;
    this.stripe = stripe;
    this.code = { scheme: stripe.m === 1 ? 2 : 3, ...stripe };
    this.salt = new Bytes(salt).u32();
    this.body = bodyBytes(stripe, file.length);
    this.count = stripeCount(stripe, this.body);
    this.chunkCount = Math.ceil(this.body / CHUNK_BYTES);
  }

  check(r: number): void {
    const shards = this.shards(r);
    for (let j = 0; j < this.stripe.m; j++) {
      const { parity, list, isSound } = this.unit(r, j);
      assert.ok(isSound, `unit ${j} of stripe ${r}`);
      assert.deepEqual(Buffer.from(list), this.listOf(r, shards), 'checksums of the chunks');
      assert.deepEqual(Buffer.from(parity), Buffer.from(this.parityOf(shards, j)), 'parity');
    }
  }

  restore(r: number): void {
    const { k, m } = this.stripe;
    const shards = this.shards(r);
    const units = Array.from({ length: m }, (_, j) => this.unit(r, j));
    const sound = units.find(({ isSound }) => isSound);
    const list = sound?.list ?? this.listOf(r, shards);
    // As the section of a block of k chunks, with those that are none as chunks of zeros.
    const all = list.slice();
    for (let i = 0; i < k; i++) {
      if (this.chunkOf(r, i) < 0) all.set(littleEndian(xxh32(NO_CHUNK, 0), 4), 4 * i);
    }
    const stored = units.map(({ parity, isSound }, j) => {
      const sum = isSound ? xxh32(all, xxh32(parity, j)) : 0;
      return Buffer.concat([parity, all, littleEndian(sum, 4)]);
    });
    const isListed = (block: Uint8Array): boolean =>
      this.listOf(r, block).equals(Buffer.from(list));
    const block = isListed(shards)
      ? shards
      : correct(this.code, shards, Buffer.concat(stored), isListed);
    if (block === undefined) return;
    for (let i = 0; i < k; i++) {
      const chunk = this.chunkOf(r, i);
      if (chunk < 0) continue;
      const end = Math.min((chunk + 1) * CHUNK_BYTES, this.body);
      const from = i * CHUNK_BYTES;
      const bytes = block.subarray(from, from + end - chunk * CHUNK_BYTES);
      this.file.set(bytes, chunk * CHUNK_BYTES);
    }
    for (let j = 0; j < m; j++) {
      const parity = this.parityOf(block, j);
      const sum = littleEndian(this.sumOf(r, j, parity, list), 4);
      this.file.set(Buffer.concat([parity, list, sum]), this.unitAt(r, j));
    }
  }

  private chunkOf(r: number, i: number): number {
    return this.chunkCount + r - (i + 1) * this.count;
  }

  /** All shards of a stripe, back to back. */
  private shards(r: number): Uint8Array {
    const shards = new Uint8Array(this.stripe.k * CHUNK_BYTES);
    for (let i = 0; i < this.stripe.k; i++) {
      const chunk = this.chunkOf(r, i);
      if (chunk < 0) continue;
      const end = Math.min((chunk + 1) * CHUNK_BYTES, this.body);
      shards.set(this.file.subarray(chunk * CHUNK_BYTES, end), i * CHUNK_BYTES);
    }
    return shards;
  }

  private listOf(r: number, shards: Uint8Array): Buffer {
    return Buffer.concat(
      Array.from({ length: this.stripe.k }, (_, i) => {
        const chunk = shards.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
        return littleEndian(this.chunkOf(r, i) < 0 ? 0 : xxh32(chunk, 0), 4);
      }),
    );
  }

  /** The parity of a block of k chunks is that of the stripe. */
  private parityOf(shards: Uint8Array, j: number): Uint8Array {
    const from = j * unitBytes(this.stripe);
    return section(this.code, shards).subarray(from, from + CHUNK_BYTES);
  }

  private unitAt(r: number, j: number): number {
    return this.body + (j * this.count + r) * unitBytes(this.stripe);
  }

  private unit(r: number, j: number): RawUnit {
    const reader = new Bytes(this.file, this.unitAt(r, j));
    const parity = reader.take(CHUNK_BYTES).slice();
    const list = reader.take(4 * this.stripe.k).slice();
    return { parity, list, isSound: reader.u32() === this.sumOf(r, j, parity, list) };
  }

  private sumOf(r: number, j: number, parity: Uint8Array, list: Uint8Array): number {
    const seed = (this.salt + j * this.count + r) % 2 ** 32;
    return xxh32(list, xxh32(parity, seed));
  }
}
