/**
 * Databases that go from Node to a browser and back: how they are stored, and what they hold.
 * @module
 */
import type { BatchOperation } from '../../src/browser.ts';
import type { DbOptions } from '../../src/db/options.ts';

/** Compression, encryption and error correction, each on or off. */
export const COMBINATIONS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];
/** Name of what is written last. */
export const MARK = 'zz-mark';
const COUNT = 1200;
const KEY = new Uint8Array(32).fill(7);

export function optionsOf(bits: number): DbOptions {
  const isCompressed = (bits & 1) !== 0;
  return {
    writeBufferBytes: 65_536,
    compression: isCompressed ? ['lz4', 'zstd'] : 'none',
    walCompression: isCompressed ? 'lz4' : 'none',
    ...((bits & 2) !== 0 && {
      encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: KEY } } as const,
    }),
    ecc:
      (bits & 4) !== 0 &&
      ({ scheme: 'reed-solomon', data: 4, parity: 2, stripe: { data: 4, parity: 1 } } as const),
  };
}

/** What the options say, for names of tests. */
export function combinationName(bits: number): string {
  const names = ['compressed', 'encrypted', 'protected'].filter((_, i) => (bits & (1 << i)) !== 0);
  return names.join(', ') || 'plain';
}

/** What is written; half of it is to be in tables. */
export function operationsOf(writer: string): BatchOperation[] {
  const operations: BatchOperation[] = [];
  for (let n = 0; n < COUNT; n++) {
    const key = `key ${String((n * 7919) % COUNT).padStart(5, '0')}`;
    operations.push({ type: 'put', key, value: `${writer} ${n} `.repeat((n % 9) + 1) });
    if (n % 5 === 0) operations.push({ type: 'delete', key });
  }
  return operations;
}

/** Keys and values that are there then. */
export function contentOf(writer: string): Map<string, string> {
  const content = new Map<string, string>();
  for (const operation of operationsOf(writer)) {
    if (operation.type === 'put') content.set(`${operation.key}`, `${operation.value}`);
    else content.delete(`${operation.key}`);
  }
  return content;
}

/** Says what is missing, too much or different; undefined if nothing is. */
export function differenceOf(
  found: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
): string | undefined {
  if (found.size !== wanted.size) return `${found.size} entries instead of ${wanted.size}`;
  for (const [key, value] of wanted) if (found.get(key) !== value) return `${key} is different`;
  return undefined;
}
