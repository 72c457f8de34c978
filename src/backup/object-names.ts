/**
 * The names of the objects in a backup target.
 *
 *     backup-000012-0123456789abcdef      inventory of backup 12
 *     pending-0123456789abcdef            a backup is being made, or was cut off
 *     renewed-0123456789abcdef            its maker was alive then
 *     000005.sst-0123456789abcdef         a file of a database, as that backup has stored it
 *     *.part                              what a put left that was cut off
 *
 * Behind the last hyphen is the id of the backup that made it: 16 hexadecimal digits, random.
 * No name is ever used for a second content, renewals excepted.
 * @module
 */
import { parseFileName } from '../manifest/file-names.ts';

/** What a put that was cut off has left may have this behind its name. */
export const PART_SUFFIX = '.part';
const ID_BYTES = 8;

/** What a name says. */
export interface ParsedObjectName {
  readonly kind: 'backup' | 'pending' | 'renewed' | 'file' | 'part';
  /** Of the backup that made it. */
  readonly id: string;
  /** Of an inventory; else 0. */
  readonly number: number;
}

export function inventoryName(number: number, id: string): string {
  return `backup-${String(number).padStart(6, '0')}-${id}`;
}

export function pendingName(id: string): string {
  return `pending-${id}`;
}

export function renewedName(id: string): string {
  return `renewed-${id}`;
}

/** @param fileName in the directory of the database */
export function fileObjectName(fileName: string, id: string): string {
  return `${fileName}-${id}`;
}

/** The inverse of the above; undefined for names that are none of ours. */
export function parseObjectName(name: string): ParsedObjectName | undefined {
  if (name.endsWith(PART_SUFFIX)) {
    const whole = parseObjectName(name.slice(0, -PART_SUFFIX.length));
    // The first word of a backup that is just beginning is left alone: nothing else protects it.
    if (whole === undefined || whole.kind === 'pending') return undefined;
    return { ...whole, kind: 'part', number: 0 };
  }
  const match = /^(.+)-([0-9a-f]{16})$/.exec(name);
  if (match === null) return undefined;
  const [, what, id] = match as unknown as [string, string, string];
  if (what === 'pending' || what === 'renewed') return { kind: what, id, number: 0 };
  const digits = /^backup-(\d{6,15})$/.exec(what)?.[1];
  if (digits !== undefined) {
    const number = Number(digits);
    const isOurs = number > 0 && inventoryName(number, id) === name;
    return isOurs ? { kind: 'backup', id, number } : undefined;
  }
  const kind = parseFileName(what)?.kind;
  return kind === undefined || kind === 'lock' ? undefined : { kind: 'file', id, number: 0 };
}

/** The id in 8 random bytes. */
export function idOf(random: { fill(bytes: Uint8Array): void }): string {
  const bytes = new Uint8Array(ID_BYTES);
  random.fill(bytes);
  return toHex(bytes);
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
