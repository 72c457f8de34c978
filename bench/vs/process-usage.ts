/**
 * What a process has taken from the system: from /proc, so on Linux only.
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes that a process has written. */
export interface Written {
  /** In write calls, to files, pipes and terminals. */
  readonly wcharBytes: number;
  /** In pages made dirty that go to a disk; also those written through a memory map. */
  readonly diskBytes: number;
}

/** @returns undefined where the system does not tell, or the process has ended */
export function writtenBy(id: number | 'self'): Written | undefined {
  const text = readOrUndefined(`/proc/${id}/io`);
  if (text === undefined) return undefined;
  return { wcharBytes: field(text, 'wchar'), diskBytes: field(text, 'write_bytes') };
}

/** The largest resident size that a process had so far, in bytes. */
export function peakRssOf(id: number): number | undefined {
  const text = readOrUndefined(`/proc/${id}/status`);
  if (text === undefined) return undefined;
  return field(text, 'VmHWM') * 1024 || undefined;
}

/** Bytes of all files in a folder; 0 if there is none. */
export function sizeOf(folder: string): number {
  let total = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    total += entry.isDirectory() ? sizeOf(path) : statSync(path).size;
  }
  return total;
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
