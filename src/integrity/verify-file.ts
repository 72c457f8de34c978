/**
 * What a verification is given to look at, and what it says of it.
 * @module
 */
import type { TableMeta } from '../sstable/table-meta.ts';
import type { ExpectedFile, Finding } from './finding.ts';

/**
 * How closely files are looked at:
 *
 * - `checksums` every byte is held against its checksum, parity section or copies
 * - `full` also what the bytes say: order, index, filter and counts of tables, the checksums of
 *   entries, records of logs, and the manifest against all files
 */
export type VerifyDepth = 'checksums' | 'full';

/** A file of the database. */
export interface VerifyFile {
  /** In the directory. */
  readonly name: string;
  readonly expected: ExpectedFile;
  /** About. */
  readonly sizeBytes: number;
  /** Of the key that it is sealed under; undefined in the clear. */
  readonly epoch: number | undefined;
  /** Of a table. */
  readonly table: TableMeta | undefined;
  /** Name of the family that a table is of. */
  readonly columnFamily: string | undefined;
}

/** Damage in one place of one file, and what it means for keys. */
export interface Damage extends Finding {
  /** Name of the family that is concerned; undefined if it is not one alone. */
  readonly columnFamily: string | undefined;
  /** First user key that may be affected; undefined where no table is concerned. */
  readonly smallestKey: Uint8Array | undefined;
  /** Last user key that may be affected. */
  readonly largestKey: Uint8Array | undefined;
}

/** Takes damages, in the order of a file. */
export type DamageSink = (damage: Damage) => void;

/** Damage that is of no table. */
export function plainDamage(finding: Finding): Damage {
  return { ...finding, columnFamily: undefined, smallestKey: undefined, largestKey: undefined };
}

/** A sound place says what it must not: no checksum is wrong, and nothing puts it right. */
export function contentFinding(
  file: string,
  { expected }: Pick<VerifyFile, 'expected'>,
  offset: number,
  cause: string,
): Finding {
  return {
    ...{ file, fileClass: expected.fileClass, part: 'content', offset, lengthBytes: 0 },
    ...{ blockType: 0, state: 'lost', cause, source: '', ranges: [] },
  };
}

/** True if the place of a fault is one that a finding has. */
export function isFoundAt(findings: readonly Finding[], offset: number): boolean {
  return findings.some(({ offset: from, lengthBytes, state }) => {
    return state === 'lost' && offset >= from && offset < from + Math.max(1, lengthBytes);
  });
}
