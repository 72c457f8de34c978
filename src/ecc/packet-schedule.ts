/**
 * A schedule: a straight line of XORs over numbered packets, for one code or one erasure pattern.
 *
 * It is a list of 32-bit integers, one operation behind the other: target packet, number of sources
 * (1 to 8), source packets. An operation sets its target to the XOR of its sources, of which the
 * target may be the first. Packet `s * w + a` is packet a of shard s, parity shards after data.
 * @module
 */
import { assert } from '../errors.ts';
import type { CodingMatrix } from './coding-matrix.ts';
import { xor1, xor2, xor3, xor4, xor5, xor6, xor7, xor8 } from './xor-kernels.ts';

/** Most sources of one operation: more would not fit the registers of a 64-bit machine. */
const SOURCES_MAX = 8;
/**
 * Words of each packet that are done before the next: 2 KiB, so that the packets of common codes
 * stay in the first-level cache from one operation to the next.
 */
const TILE_WORDS = 512;

/** Appends the operations that set `target` to the XOR of one or more `sources`. */
export function scheduleXor(schedule: number[], target: number, sources: readonly number[]): void {
  let first = sources.slice(0, SOURCES_MAX);
  let at = first.length;
  schedule.push(target, first.length, ...first);
  while (at < sources.length) {
    first = [target, ...sources.slice(at, at + SOURCES_MAX - 1)];
    at += first.length - 1;
    schedule.push(target, first.length, ...first);
  }
}

/** The schedule that computes all parity packets from the data packets. */
export function encodeSchedule(matrix: CodingMatrix): Int32Array {
  const { ones, columns } = matrix;
  const schedule: number[] = [];
  for (let row = 0; row * columns < ones.length; row++) {
    scheduleXor(schedule, columns + row, columnsSet(ones, row * columns, columns));
  }
  return Int32Array.from(schedule);
}

/**
 * The schedule that restores the data shards `lost` from all other data shards and as many parity
 * shards `used`; it leaves intermediate values in the packets of `used`.
 *
 * A parity packet minus what the surviving data adds to it is a sum of lost packets only; these
 * sums are first made in place, then multiplied by the inverse of their bit matrix.
 */
export function decodeSchedule(
  matrix: CodingMatrix,
  lost: readonly number[],
  used: readonly number[],
): Int32Array {
  const { ones, columns, shardPackets: w } = matrix;
  const schedule: number[] = [];
  const lostPackets = lost.flatMap((shard) => packetsOf(shard, w));
  const sums = used.flatMap((shard) => packetsOf(shard, w));
  const square = new Uint8Array(sums.length * sums.length);
  for (const [row, sum] of sums.entries()) {
    const from = sum * columns;
    const known = columnsSet(ones, from, columns).filter((packet) => !lostPackets.includes(packet));
    if (known.length > 0) scheduleXor(schedule, columns + sum, [columns + sum, ...known]);
    for (const [column, packet] of lostPackets.entries()) {
      square[row * sums.length + column] = ones[from + packet]!;
    }
  }
  const inverse = invert(square, sums.length);
  for (const [row, packet] of lostPackets.entries()) {
    const sources = columnsSet(inverse, row * sums.length, sums.length);
    scheduleXor(
      schedule,
      packet,
      sources.map((column) => columns + sums[column]!),
    );
  }
  return Int32Array.from(schedule);
}

function packetsOf(shard: number, shardPackets: number): number[] {
  return Array.from({ length: shardPackets }, (_, packet) => shard * shardPackets + packet);
}

function columnsSet(ones: Uint8Array, from: number, columns: number): number[] {
  const set: number[] = [];
  for (let column = 0; column < columns; column++) if (ones[from + column] === 1) set.push(column);
  return set;
}

/** Inverts a square matrix of bits, which is destroyed (Gauss and Jordan's elimination). */
function invert(square: Uint8Array, size: number): Uint8Array {
  const inverse = new Uint8Array(size * size);
  for (let i = 0; i < size; i++) inverse[i * size + i] = 1;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    while (pivot < size && square[pivot * size + column] === 0) pivot++;
    assert(pivot < size, 'every square part of a coding matrix has an inverse');
    if (pivot !== column) {
      addRow(square, pivot, column, size);
      addRow(inverse, pivot, column, size);
    }
    for (let row = 0; row < size; row++) {
      if (row === column || square[row * size + column] === 0) continue;
      addRow(square, column, row, size);
      addRow(inverse, column, row, size);
    }
  }
  return inverse;
}

function addRow(bits: Uint8Array, from: number, to: number, size: number): void {
  for (let i = 0; i < size; i++)
    bits[to * size + i] = bits[to * size + i]! ^ bits[from * size + i]!;
}

/**
 * Runs a schedule over packets of `packetWords` words each that stand one behind the other from
 * `words[0]`. Borrows both.
 */
export function runSchedule(schedule: Int32Array, words: Int32Array, packetWords: number): void {
  for (let start = 0; start < packetWords; start += TILE_WORDS) {
    const count = Math.min(TILE_WORDS, packetWords - start);
    for (let at = 0; at < schedule.length; at += 2 + schedule[at + 1]!) {
      runOperation(schedule, at, words, packetWords, start, count);
    }
  }
}

function runOperation(
  schedule: Int32Array,
  at: number,
  words: Int32Array,
  packetWords: number,
  start: number,
  n: number,
): void {
  const sources = schedule[at + 1]!;
  const t = Math.imul(schedule[at]!, packetWords) + start;
  const a = Math.imul(schedule[at + 2]!, packetWords) + start;
  if (sources === 1) {
    xor1(words, n, t, a);
    return;
  }
  const b = Math.imul(schedule[at + 3]!, packetWords) + start;
  if (sources === 2) {
    xor2(words, n, t, a, b);
    return;
  }
  const c = Math.imul(schedule[at + 4]!, packetWords) + start;
  if (sources === 3) {
    xor3(words, n, t, a, b, c);
    return;
  }
  const d = Math.imul(schedule[at + 5]!, packetWords) + start;
  if (sources === 4) {
    xor4(words, n, t, a, b, c, d);
    return;
  }
  const e = Math.imul(schedule[at + 6]!, packetWords) + start;
  if (sources === 5) {
    xor5(words, n, t, a, b, c, d, e);
    return;
  }
  const f = Math.imul(schedule[at + 7]!, packetWords) + start;
  if (sources === 6) {
    xor6(words, n, t, a, b, c, d, e, f);
    return;
  }
  const g = Math.imul(schedule[at + 8]!, packetWords) + start;
  if (sources === 7) {
    xor7(words, n, t, a, b, c, d, e, f, g);
    return;
  }
  const h = Math.imul(schedule[at + 9]!, packetWords) + start;
  xor8(words, n, t, a, b, c, d, e, f, g, h);
}
