/**
 * Numbers as people read them.
 * @module
 */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const COUNT = new Intl.NumberFormat('en');

/** Bytes with three significant digits, in powers of 1000. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A number with its thousands apart. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `1 file`, `2 files`. */
export function items(value: number, one: string, many: string = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A share of one. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 || share > 0.995 ? 1 : 0)} %`;
}

/** A date and time, short. */
export function moment(milliseconds: number): string {
  const format = { dateStyle: 'medium', timeStyle: 'short' } as const;
  return new Intl.DateTimeFormat('en', format).format(milliseconds);
}
