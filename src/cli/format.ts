/**
 * Numbers and tables for people.
 * @module
 */
import Table from 'cli-table3';
import type { EccOptions } from '../index.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `12.3 MB`; decimal units. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1 file`, `2,000 files`. */
export function formatItems(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** `0.42 s`, `12.3 s`. */
export function formatSeconds(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

/** `85 MB/s`, or `-` when the time was too short to tell. */
export function formatRate(bytes: number, milliseconds: number): string {
  return milliseconds < 1 ? '-' : `${formatBytes((bytes * 1000) / milliseconds)}/s`;
}

/** `1.23`, or `-` for what is not known. */
export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '-' : ratio.toFixed(2);
}

/** `reed-solomon 4+2`, `none`, `secded, stripe 20+2`. */
export function eccName(ecc: EccOptions | undefined): string {
  const code = codeName(ecc);
  const stripe = ecc?.stripe;
  return stripe === undefined ? code : `${code}, stripe ${stripe.data}+${stripe.parity}`;
}

function codeName(ecc: EccOptions | undefined): string {
  if (ecc === undefined || ecc.scheme === 'none') return 'none';
  if (ecc.scheme === 'secded') return 'secded';
  return `${ecc.scheme} ${ecc.data}+${ecc.scheme === 'xor' ? 1 : ecc.parity}`;
}

/** `stallCount` -> `stall count`. */
export function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A cell; numbers are formatted as counts and stand to the right. */
export type Cell = string | number;

/**
 * A table without lines and colours, so that it reads the same in a file. Columns in which every
 * cell begins with a digit or a dash stand to the right.
 */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? formatCount(cell) : cell)),
  );
  const isNumeric = head.map((_, column) =>
    texts.every((row) => /^(\d|-$|$)/.test(row[column] ?? '')),
  );
  const table = new Table({
    head: [...head],
    colAligns: isNumeric.map((numeric) => (numeric ? 'right' : 'left')),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(...texts);
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}\n`)
    .join('');
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
