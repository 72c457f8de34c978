/**
 * How many files this process may have open.
 * @module
 */
import { readFileSync } from 'node:fs';

/** The smallest limit that is usual: that of macOS. */
const DESCRIPTORS_ASSUMED = 256;
/** The runtime, its threads, the lock, logs, manifest, and what jobs read and write. */
const DESCRIPTORS_RESERVED = 32;
const TABLES_MIN = 8;

/** The limit of the process, as far as the system tells. */
function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const limit = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
    if (limit === 'unlimited') return Number.POSITIVE_INFINITY;
    if (limit !== undefined) return Number(limit);
  } catch {
    // There is no such file, or it may not be read.
  }
  return DESCRIPTORS_ASSUMED;
}

/** How many tables the databases of the process may keep open: half is the program's. */
export function openTablesLimit(limit: number = descriptorLimit()): number {
  return Math.max(TABLES_MIN, Math.floor((limit - DESCRIPTORS_RESERVED) / 2));
}
