/**
 * The names of the files in a database directory.
 *
 *     CURRENT          names the manifest (current.ts)
 *     CURRENT.new      what is to replace it, of a process that died over it
 *     HEALED.new       what is to replace a damaged file, of a scrub that died over it
 *     LOCK             belongs to the Fs
 *     UNFINISHED       without CURRENT: a copy that is being made, or was cut off; no database
 *     SCRUB            how far the scrub has come (integrity/scrub-file.ts); nothing depends on it
 *     MANIFEST-000012  manifest
 *     000012.sst       table
 *     000012.wal       log
 *     000012.sst.lost  what nothing refers to, and yet may hold data: kept for its owner to look at
 *
 * All numbered files share one sequence of numbers, and no number is used twice. Numbers have at
 * least six digits.
 * @module
 */

export const CURRENT_NAME = 'CURRENT';
/** Nothing ever depends on this one. */
export const CURRENT_REPLACEMENT_NAME = 'CURRENT.new';
/** Nor on this one. */
export const REPLACEMENT_NAME = 'HEALED.new';
export const LOCK_NAME = 'LOCK';
/** Marks a directory that is being filled by a checkpoint or restore (copy/new-directory.ts). */
export const UNFINISHED_NAME = 'UNFINISHED';
/** Nothing depends on this one either. */
export const SCRUB_NAME = 'SCRUB';

const MANIFEST_PREFIX = 'MANIFEST-';
const LOST_SUFFIX = '.lost';

export type FileKind = 'current' | 'lock' | 'manifest' | 'scrub' | 'table' | 'wal';

/** What a name says about its file. */
export interface ParsedFileName {
  readonly kind: FileKind;
  /** 0 for names without one. */
  readonly number: number;
}

export function tableName(fileNumber: number): string {
  return `${digits(fileNumber)}.sst`;
}

export function walName(fileNumber: number): string {
  return `${digits(fileNumber)}.wal`;
}

export function manifestName(fileNumber: number): string {
  return MANIFEST_PREFIX + digits(fileNumber);
}

/** The inverse of the functions above; undefined for every name that they do not make. */
export function parseFileName(name: string): ParsedFileName | undefined {
  if (name === CURRENT_NAME || name === CURRENT_REPLACEMENT_NAME) {
    return { kind: 'current', number: 0 };
  }
  if (name === LOCK_NAME) return { kind: 'lock', number: 0 };
  if (name === SCRUB_NAME) return { kind: 'scrub', number: 0 };
  const match = /^(MANIFEST-)?(\d{6,16})(\.sst|\.wal)?$/.exec(name);
  if (match === null) return undefined;
  const number = Number(match[2]);
  if (number === 0 || !Number.isSafeInteger(number)) return undefined;
  if (name === manifestName(number)) return { kind: 'manifest', number };
  if (name === tableName(number)) return { kind: 'table', number };
  if (name === walName(number)) return { kind: 'wal', number };
  return undefined;
}

/** The number of the table at a path; undefined for any other file. */
export function tableNumberOf(path: string): number | undefined {
  const parsed = parseFileName(path.slice(path.lastIndexOf('/') + 1));
  return parsed?.kind === 'table' ? parsed.number : undefined;
}

/** The name under which a file is kept that nothing refers to. */
export function lostName(name: string): string {
  return name + LOST_SUFFIX;
}

/** What the name of such a file says of it; undefined for every other name. */
export function parseLostName(name: string): ParsedFileName | undefined {
  if (!name.endsWith(LOST_SUFFIX)) return undefined;
  const parsed = parseFileName(name.slice(0, -LOST_SUFFIX.length));
  return parsed?.kind === 'lock' ? undefined : parsed;
}

function digits(fileNumber: number): string {
  return String(fileNumber).padStart(6, '0');
}
