/**
 * Parity sections, written and used as docs/FORMAT.md says, section "Error correction". Slow: bits,
 * bytes and plain elimination.
 * @module
 */
import assert from 'node:assert/strict';
import { Bytes, littleEndian, xxh32 } from './raw-bytes.ts';
import { type RawMatrix, rawMatrix } from './raw-galois.ts';

/** The code of a file, as in its protection. */
export interface RawCode {
  /** 0 none, 1 SEC-DED, 2 XOR, 3 Reed-Solomon. */
  readonly scheme: number;
  readonly k: number;
  readonly m: number;
}

export const NO_CODE: RawCode = { scheme: 0, k: 0, m: 0 };
export const SEC_DED: RawCode = { scheme: 1, k: 0, m: 0 };

/** Bytes of the section of n bytes. */
export function sectionBytes(code: RawCode, n: number): number {
  if (code.scheme === 0) return 0;
  if (code.scheme === 1) return Math.ceil(n / 8);
  const { s, d } = cut(code, n);
  return code.m * (s + 4 * d + 4);
}

/** Bytes of the data shards of a block of n bytes, and of its parity shards. */
export function shardBytes(code: RawCode, n: number): [data: number, parity: number] {
  const { s, d } = cut(code, n);
  return [s, s + 4 * d + 4];
}

/** The section of a block. */
export function section(code: RawCode, block: Uint8Array): Uint8Array {
  if (code.scheme === 0) return new Uint8Array(0);
  if (code.scheme === 1) return checkBytes(block);
  return new Shards(code, block.length).section(block);
}

/**
 * What a damaged block was before, by its section, which may be damaged too; undefined when nothing
 * that the section suggests is sound.
 */
export function correct(
  code: RawCode,
  block: Uint8Array,
  stored: Uint8Array,
  isSound: (candidate: Uint8Array) => boolean,
): Uint8Array | undefined {
  if (code.scheme === 0) return undefined;
  const candidates =
    code.scheme === 1
      ? [turnedBack(block, stored)]
      : new Shards(code, block.length).candidates(block, stored);
  return candidates.find(isSound);
}

const COLUMNS: number[] = [];
for (let byte = 0; byte < 256; byte++) {
  if ([...byte.toString(2)].filter((bit) => bit === '1').length === 3) COLUMNS.push(byte);
}
for (let by = 0; by < 8; by++) COLUMNS.push(((0x1f << by) | (0x1f >> (8 - by))) & 0xff);

function checkBytes(block: Uint8Array): Uint8Array {
  const checks = new Uint8Array(Math.ceil(block.length / 8));
  for (let i = 0; i < block.length * 8; i++) {
    if ((block[i >> 3]! >> (i & 7)) & 1) checks[i >> 6]! ^= COLUMNS[i & 63]!;
  }
  return checks;
}

function turnedBack(block: Uint8Array, stored: Uint8Array): Uint8Array {
  const result = block.slice();
  for (const [word, check] of checkBytes(block).entries()) {
    const bit = COLUMNS.indexOf(check ^ stored[word]!);
    const at = word * 8 + (bit >> 3);
    if (bit >= 0 && at < result.length) result[at]! ^= 1 << (bit & 7);
  }
  return result;
}

const matrices = new Map<string, RawMatrix>();

function matrixOf({ k, m }: RawCode): RawMatrix {
  const name = `${k} ${m}`;
  const matrix = matrices.get(name) ?? rawMatrix(k, m);
  matrices.set(name, matrix);
  return matrix;
}

function cut(code: RawCode, n: number): { s: number; g: number; d: number } {
  const w = matrixOf(code).packets;
  const { k } = code;
  const roundedUp = (step: number): number => Math.ceil(Math.ceil(n / k) / step) * step;
  let g = 1;
  let s = roundedUp(4 * w);
  while (((1 + k * w) * s) / (w * g) > 2 ** 20) {
    g *= 2;
    s = roundedUp(16 * w * g);
  }
  return { s, g, d: Math.ceil(n / s) };
}

/** A sum of unknown packets, and its value. */
interface Equation {
  readonly unknowns: Set<number>;
  readonly value: Uint8Array;
}

/** How a block of n bytes is cut, and what follows. */
class Shards {
  private readonly code: RawCode;
  private readonly matrix: RawMatrix;
  private readonly n: number;
  private readonly s: number;
  private readonly g: number;
  private readonly d: number;

  constructor(code: RawCode, n: number) {
    this.code = code;
    this.matrix = matrixOf(code);
    this.n = n;
    ({ s: this.s, g: this.g, d: this.d } = cut(code, n));
  }

  section(block: Uint8Array): Uint8Array {
    const { k, m } = this.code;
    const padded = this.padded(block);
    const shards = new Uint8Array(m * this.s);
    for (let part = 0; part < this.g; part++) {
      for (const [row, sources] of this.matrix.sources.entries()) {
        const packet = this.packet(shards, row, part);
        for (const source of sources) addTo(packet, this.packet(padded, source, part));
      }
    }
    assert.ok(padded.length === k * this.s);
    const list = this.list(padded);
    return Buffer.concat(
      Array.from({ length: m }, (_, j) => {
        const shard = this.shard(shards, j);
        return Buffer.concat([shard, list, littleEndian(this.paritySum(shard, list, j), 4)]);
      }),
    );
  }

  /** What the block may have been: one for each list that a sound parity shard has. */
  candidates(block: Uint8Array, stored: Uint8Array): Uint8Array[] {
    const padded = this.padded(block);
    const own = this.list(padded);
    const length = this.s + 4 * this.d + 4;
    const byList = new Map<string, Map<number, Uint8Array>>();
    for (let j = 0; j < this.code.m; j++) {
      const reader = new Bytes(stored.subarray(j * length, (j + 1) * length));
      const shard = reader.take(this.s);
      const list = reader.take(4 * this.d);
      if (reader.u32() !== this.paritySum(shard, list, j)) continue;
      const name = Buffer.from(list).toString('hex');
      byList.set(name, (byList.get(name) ?? new Map()).set(j, shard));
    }
    return [...byList].flatMap(([name, parity]) => {
      const list = Buffer.from(name, 'hex');
      const lost = [...Array(this.d).keys()].filter(
        (i) => !list.subarray(4 * i, 4 * i + 4).equals(own.subarray(4 * i, 4 * i + 4)),
      );
      return lost.length > parity.size ? [] : [this.restored(padded, lost, parity)];
    });
  }

  private padded(block: Uint8Array): Uint8Array {
    const padded = new Uint8Array(this.code.k * this.s);
    padded.set(block);
    return padded;
  }

  private shard(shards: Uint8Array, i: number): Uint8Array {
    return shards.subarray(i * this.s, (i + 1) * this.s);
  }

  /** Packet `number`, counted over all shards, of one part of them. */
  private packet(shards: Uint8Array, number: number, part: number): Uint8Array {
    const w = this.matrix.packets;
    const size = this.s / this.g / w;
    const from = Math.floor(number / w) * this.s + (part * w + (number % w)) * size;
    return shards.subarray(from, from + size);
  }

  private sum(shard: Uint8Array, seed: number): number {
    const size = this.s / this.g;
    let sum = seed;
    for (let part = 0; part < this.g; part++) {
      sum = xxh32(shard.subarray(part * size, (part + 1) * size), sum);
    }
    return sum;
  }

  private paritySum(shard: Uint8Array, list: Uint8Array, j: number): number {
    return xxh32(list, this.sum(shard, j));
  }

  /** Checksums of the data shards. */
  private list(padded: Uint8Array): Buffer {
    const sums = Array.from({ length: this.d }, (_, i) => this.sum(this.shard(padded, i), 0));
    return Buffer.concat(sums.map((sum) => littleEndian(sum, 4)));
  }

  private restored(
    padded: Uint8Array,
    lost: readonly number[],
    parity: ReadonlyMap<number, Uint8Array>,
  ): Uint8Array {
    const w = this.matrix.packets;
    const result = padded.slice();
    const isLost = (packet: number): boolean => lost.includes(Math.floor(packet / w));
    for (let part = 0; part < this.g; part++) {
      const equations: Equation[] = [];
      for (const [j, shard] of parity) {
        for (let b = 0; b < w; b++) {
          const sources = this.matrix.sources[j * w + b]!;
          const value = this.packet(shard, b, part).slice();
          for (const known of sources) {
            if (!isLost(known)) addTo(value, this.packet(padded, known, part));
          }
          equations.push({ unknowns: new Set(sources.filter(isLost)), value });
        }
      }
      for (const [packet, value] of solve(equations)) this.packet(result, packet, part).set(value);
    }
    return result.subarray(0, this.n);
  }
}

/** Gauss and Jordan's elimination over GF(2). */
function solve(equations: Equation[]): Map<number, Uint8Array> {
  const solved = new Map<number, Equation>();
  for (const [i, equation] of equations.entries()) {
    const [unknown] = equation.unknowns;
    if (unknown === undefined) continue;
    solved.set(unknown, equation);
    for (const [other, { unknowns, value }] of equations.entries()) {
      if (other === i || !unknowns.has(unknown)) continue;
      for (const each of equation.unknowns) if (!unknowns.delete(each)) unknowns.add(each);
      addTo(value, equation.value);
    }
  }
  return new Map([...solved].map(([unknown, { value }]) => [unknown, value]));
}

function addTo(target: Uint8Array, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) target[i]! ^= bytes[i]!;
}
