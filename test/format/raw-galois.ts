/**
 * The matrices of the Reed-Solomon codes, built as docs/FORMAT.md says, section "The code", from
 * the numbers in the page's own table.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project-root.ts';

/** Which parity packets are sums of which data packets. */
export interface RawMatrix {
  /** w: packets of a shard. */
  readonly packets: number;
  /** For each parity packet, shard by shard, the data packets that it is the xor of. */
  readonly sources: readonly (readonly number[])[];
}

/** Rows of the page's table by k, each with one cell for m = 2, 3, 4, 5, 6. */
const TABLE = new Map<number, number[][]>();
{
  const page = readFileSync(join(projectRoot(), 'docs/FORMAT.md'), 'utf8');
  const rows = /^\| k \| m = 2: P \|.*\n\|[-|]*\n((?:\|.*\n)+)/m.exec(page)?.[1] ?? '';
  for (const row of rows.trim().split('\n')) {
    const [k, ...cells] = row.split('|').slice(1, -1);
    TABLE.set(
      Number(k),
      cells.map((cell) => cell.trim().split(' ').map(Number)),
    );
  }
}

/** The matrix for k data and m parity shards. */
export function rawMatrix(k: number, m: number): RawMatrix {
  if (k === 1 || m === 1) {
    return { packets: 1, sources: Array.from({ length: m }, () => [...Array(k).keys()]) };
  }
  const cell = TABLE.get(k)?.[m - 2];
  assert.ok(cell !== undefined && cell.length === (m === 2 ? 1 : 3), `the table has ${k}, ${m}`);
  const [polynomial, x, y] = cell as [number, number, number];
  const field = new Field(polynomial);
  const e = m === 2 ? lightest(field, k) : cauchy(field, k, m, x, y);
  const sources: number[][] = [];
  for (let r = 0; r < m; r++) {
    for (let b = 0; b < field.w; b++) {
      const row: number[] = [];
      for (let c = 0; c < k; c++) {
        for (let a = 0; a < field.w; a++) {
          if ((field.times(e[r]![c]!, 1 << a) >> b) & 1) row.push(c * field.w + a);
        }
      }
      sources.push(row);
    }
  }
  return { packets: field.w, sources };
}

/** GF(2^w) by schoolbook arithmetic. */
class Field {
  readonly w: number;
  private readonly modulus: number;

  constructor(polynomial: number) {
    this.w = polynomial === 7 ? 2 : polynomial === 19 ? 4 : 8;
    this.modulus = this.w === 8 ? polynomial + 256 : polynomial;
  }

  times(a: number, b: number): number {
    let product = 0;
    for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) product ^= a << bit;
    for (let bit = 15; bit >= this.w; bit--) {
      if ((product >> bit) & 1) product ^= this.modulus << (bit - this.w);
    }
    return product;
  }

  inverse(a: number): number {
    for (let b = 1; b < 1 << this.w; b++) if (this.times(a, b) === 1) return b;
    throw new Error('0 has no inverse');
  }

  weight(element: number): number {
    let ones = 0;
    for (let a = 0; a < this.w; a++) {
      for (let rest = this.times(element, 1 << a); rest > 0; rest >>= 1) ones += rest & 1;
    }
    return ones;
  }
}

function lightest(field: Field, k: number): number[][] {
  const elements = Array.from({ length: (1 << field.w) - 1 }, (_, i) => i + 1);
  elements.sort((a, b) => field.weight(a) - field.weight(b) || a - b);
  return [Array<number>(k).fill(1), elements.slice(0, k)];
}

function cauchy(field: Field, k: number, m: number, x: number, y: number): number[][] {
  const sum = (row: readonly number[]): number =>
    row.reduce((total, element) => total + field.weight(element), 0);
  return Array.from({ length: m }, (_, r) => {
    const row = Array.from({ length: k }, (_, c) =>
      field.times(field.inverse((y + r) ^ (x + c)), y ^ (x + c)),
    );
    if (r === 0) return row;
    const divided = row.map((own) => row.map((each) => field.times(each, field.inverse(own))));
    return [row, ...divided].reduce((best, each) => (sum(each) < sum(best) ? each : best));
  });
}
