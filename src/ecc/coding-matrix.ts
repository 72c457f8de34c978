/**
 * Which parity packet is the XOR of which data packets: the bit matrix of a Reed-Solomon code for k
 * data and m parity shards, equal to that of @ronomon/reed-solomon 6 (Joran Dirk Greef, MIT).
 *
 * The method is Cauchy Reed-Solomon coding (Bloemer et al., "An XOR-based erasure-resilient coding
 * scheme", 1995; Plank and Xu, "Optimizing Cauchy Reed-Solomon codes", 2006): each coefficient of a
 * matrix over GF(2^w) becomes a w x w matrix of bits, and a shard is cut into w packets. Field and
 * Cauchy points below are those that give the fewest ones; they are part of the format.
 * @module
 */
import { GaloisField } from './galois-field.ts';

/** Most data shards of a code. */
export const DATA_SHARDS_MAX = 24;
/** Most parity shards of a code. */
export const PARITY_SHARDS_MAX = 6;

/**
 * One row for each k from 1: the polynomials for m = 1 and m = 2, then for m = 3 to 6 polynomial,
 * first Cauchy point of the columns and first Cauchy point of the rows.
 */
const PARAMETERS: readonly (readonly number[])[] = [
  [7, 7, 7, 0, 1, 19, 0, 1, 19, 0, 1, 19, 0, 1],
  [7, 7, 19, 0, 4, 19, 0, 5, 19, 2, 9, 19, 4, 10],
  [7, 19, 19, 0, 9, 19, 1, 8, 19, 1, 9, 19, 0, 9],
  [19, 19, 19, 0, 9, 19, 3, 11, 19, 3, 11, 19, 11, 4],
  [19, 19, 19, 4, 13, 19, 3, 12, 19, 0, 9, 19, 0, 9],
  [19, 19, 19, 2, 12, 19, 2, 12, 19, 0, 9, 19, 0, 9],
  [19, 19, 19, 1, 13, 19, 2, 12, 19, 0, 9, 19, 7, 0],
  [19, 19, 19, 2, 13, 19, 2, 12, 19, 0, 9, 19, 0, 8],
  [19, 19, 19, 1, 13, 19, 2, 12, 19, 0, 9, 19, 1, 10],
  [19, 19, 19, 1, 13, 19, 0, 12, 19, 0, 11, 19, 0, 10],
  [19, 19, 19, 0, 13, 19, 0, 12, 19, 0, 11, 135, 58, 188],
  [19, 19, 19, 3, 0, 19, 0, 12, 113, 24, 208, 135, 57, 188],
  [19, 19, 19, 0, 13, 135, 59, 189, 113, 27, 236, 113, 27, 236],
  [19, 19, 169, 4, 252, 135, 58, 189, 135, 58, 189, 135, 58, 188],
  [19, 135, 113, 24, 209, 135, 58, 189, 101, 28, 232, 113, 120, 241],
  [29, 135, 113, 22, 213, 113, 22, 212, 101, 28, 232, 101, 28, 232],
  [29, 135, 113, 22, 213, 135, 58, 189, 101, 27, 232, 101, 27, 232],
  [29, 135, 113, 24, 213, 113, 22, 212, 195, 8, 32, 113, 205, 126],
  [29, 135, 113, 22, 213, 113, 23, 212, 195, 7, 32, 195, 3, 60],
  [29, 135, 113, 22, 213, 113, 22, 212, 195, 4, 238, 113, 21, 233],
  [29, 135, 113, 21, 213, 113, 21, 212, 195, 3, 60, 195, 3, 60],
  [29, 135, 113, 20, 213, 113, 21, 212, 195, 35, 28, 195, 3, 60],
  [29, 135, 113, 19, 213, 113, 19, 212, 195, 3, 238, 113, 205, 126],
  [29, 135, 113, 18, 213, 195, 125, 91, 195, 3, 238, 195, 42, 225],
];

/** The encoding half of a code; the data shards themselves stand as they are. */
export interface CodingMatrix {
  /** w: packets in a shard. */
  readonly shardPackets: number;
  /**
   * Rows of `columns` entries of 0 or 1, row by row: row `r * w + b` is packet b of parity shard r,
   * column `c * w + a` packet a of data shard c.
   */
  readonly ones: Uint8Array;
  /** Entries in a row: k * w. */
  readonly columns: number;
}

/** Builds the matrix for `dataShards` (1 to 24) and `parityShards` (1 to 6). */
export function codingMatrix(dataShards: number, parityShards: number): CodingMatrix {
  // All coefficients are 1: parity is a copy or the XOR of the shards, however they are cut.
  if (dataShards === 1 || parityShards === 1) {
    const ones = new Uint8Array(dataShards * parityShards).fill(1);
    return { shardPackets: 1, ones, columns: dataShards };
  }
  const row = PARAMETERS[dataShards - 1]!;
  const at = parityShards === 2 ? 1 : 2 + (parityShards - 3) * 3;
  const polynomial = row[at]!;
  const field = new GaloisField(polynomial === 7 ? 2 : polynomial === 19 ? 4 : 8, polynomial);
  const coefficients =
    parityShards === 2
      ? lightRows(field, dataShards)
      : cauchyRows(field, dataShards, parityShards, row[at + 1]!, row[at + 2]!);
  return bitMatrix(field, coefficients, dataShards, parityShards);
}

/** Two rows: ones, and the k elements of least weight. */
function lightRows(field: GaloisField, dataShards: number): number[] {
  const elements = Array.from({ length: (1 << field.bits) - 1 }, (_, i) => i + 1);
  elements.sort((a, b) => field.weight(a) - field.weight(b) || a - b);
  return [...elements.slice(0, dataShards).fill(1), ...elements.slice(0, dataShards)];
}

/** A Cauchy matrix, its columns scaled so that row 0 is ones, its other rows to least weight. */
function cauchyRows(
  field: GaloisField,
  dataShards: number,
  parityShards: number,
  columnPoint: number,
  rowPoint: number,
): number[] {
  const coefficients: number[] = [];
  for (let r = 0; r < parityShards; r++) {
    const row: number[] = [];
    for (let c = 0; c < dataShards; c++) {
      const first = field.divide(1, rowPoint ^ (columnPoint + c));
      row.push(field.divide(field.divide(1, (rowPoint + r) ^ (columnPoint + c)), first));
    }
    coefficients.push(...(r === 0 ? row : lightest(field, row)));
  }
  return coefficients;
}

/** The row divided by that of its entries that leaves the fewest ones; as it is if none does. */
function lightest(field: GaloisField, row: readonly number[]): readonly number[] {
  let best = row;
  let bestWeight = rowWeight(field, row);
  for (const divisor of row) {
    const scaled = row.map((coefficient) => field.divide(coefficient, divisor));
    const weight = rowWeight(field, scaled);
    if (weight >= bestWeight) continue;
    best = scaled;
    bestWeight = weight;
  }
  return best;
}

function rowWeight(field: GaloisField, row: readonly number[]): number {
  return row.reduce((sum, coefficient) => sum + field.weight(coefficient), 0);
}

/** Column a of a coefficient's bit matrix is the coefficient times 2^a. */
function bitMatrix(
  field: GaloisField,
  coefficients: readonly number[],
  dataShards: number,
  parityShards: number,
): CodingMatrix {
  const w = field.bits;
  const columns = dataShards * w;
  const ones = new Uint8Array(parityShards * w * columns);
  for (let r = 0; r < parityShards; r++) {
    for (let c = 0; c < dataShards; c++) {
      let element = coefficients[r * dataShards + c]!;
      for (let a = 0; a < w; a++) {
        for (let b = 0; b < w; b++) ones[(r * w + b) * columns + c * w + a] = (element >> b) & 1;
        element = field.multiply(element, 2);
      }
    }
  }
  return { shardPackets: w, ones, columns };
}
