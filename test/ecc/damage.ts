/**
 * Ways to damage what an ECC codec protects, and the frame that asks it for a repair.
 * @module
 */
import assert from 'node:assert/strict';
import type { EccCodec, EccRepair } from '../../src/ecc/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

/** Bytes around the block that nobody may touch. */
const MARGIN = 5;
const MARGIN_BYTE = 0xa5;

/** Random bytes that are the same in every run. */
export function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  new SeededRandom(seed).fill(bytes);
  return bytes;
}

/** A block with its section at an odd offset of a buffer, as written and as damaged. */
export class ProtectedBlock {
  readonly codec: EccCodec;
  readonly block: Uint8Array;
  readonly off: number;
  readonly end: number;
  readonly written: Uint8Array;
  readonly buf: Uint8Array;
  /** How often the last repair asked whether a block is sound. */
  questions: number;

  constructor(codec: EccCodec, block: Uint8Array) {
    this.codec = codec;
    this.block = block;
    this.off = MARGIN;
    this.end = this.off + block.length + codec.parityBytes(block.length);
    this.buf = new Uint8Array(this.end + MARGIN).fill(MARGIN_BYTE);
    this.buf.set(block, this.off);
    codec.append(this.buf, this.off, block.length);
    this.written = this.buf.slice();
    this.questions = 0;
  }

  /** Offset and end in `buf` of every shard, data first. */
  shards(): [number, number][] {
    const layout = this.codec.layout(this.block.length);
    const section = this.off + this.block.length;
    const data = Array.from({ length: layout.dataShards }, (_, i): [number, number] => {
      const from = this.off + i * layout.dataShardBytes;
      return [from, Math.min(from + layout.dataShardBytes, section)];
    });
    const parity = Array.from({ length: layout.parityShards }, (_, j): [number, number] => {
      const from = section + j * layout.parityShardBytes;
      return [from, from + layout.parityShardBytes];
    });
    return [...data, ...parity];
  }

  reset(): void {
    this.buf.set(this.written);
  }

  repair(): EccRepair | undefined {
    const { off, block } = this;
    this.questions = 0;
    return this.codec.repair(this.buf, off, block.length, () => {
      this.questions++;
      return Buffer.compare(this.buf.subarray(off, off + block.length), block) === 0;
    });
  }

  isAsWritten(): boolean {
    return Buffer.compare(this.buf, this.written) === 0;
  }

  /** Repairs what was damaged; block, section and surroundings are then as written. */
  expectRepaired(what: string): EccRepair {
    const repair = this.repair();
    assert.ok(repair !== undefined, `${what}: not repaired`);
    assert.ok(this.isAsWritten(), `${what}: not as written`);
    return repair;
  }

  /** The damage is beyond repair: reported, and left as it is. */
  expectRefused(what: string): void {
    const damaged = this.buf.slice();
    assert.equal(this.repair(), undefined, what);
    assert.equal(Buffer.compare(this.buf, damaged), 0, `${what}: not left as it was`);
  }
}

/** Damages `buf[from, to)`; the bytes differ afterwards. */
export type Damage = (buf: Uint8Array, from: number, to: number) => void;

export const DAMAGES: Readonly<Record<string, Damage>> = {
  'first bit': (buf, from) => {
    buf[from] = buf[from]! ^ 1;
  },
  'last bit': (buf, _, to) => {
    buf[to - 1] = buf[to - 1]! ^ 0x80;
  },
  'every bit': (buf, from, to) => {
    for (let at = from; at < to; at++) buf[at] = buf[at]! ^ 0xff;
  },
  zeros: (buf, from, to) => {
    buf.fill(0, from, to);
  },
  noise: (buf, from, to) => {
    // With a seed that no block was made from: the same bytes would be no damage.
    buf.set(randomBytes(to - from, 1_000_000 + from + to), from);
  },
};

/** All subsets of 0 to n - 1 with `size` members. */
export function subsets(n: number, size: number, first = 0): number[][] {
  if (size === 0) return [[]];
  const found: number[][] = [];
  for (let i = first; i < n; i++) {
    for (const rest of subsets(n, size - 1, i + 1)) found.push([i, ...rest]);
  }
  return found;
}
