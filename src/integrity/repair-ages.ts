/**
 * Which of two tables is the newer one, as their entries tell.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import { isVarveError } from '../errors.ts';
import type { Cursor } from '../key/cursor.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import type { Table } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { TableCache } from '../tables/table-cache.ts';
import type { CompareAge } from './repair-levels.ts';

const READ_AHEAD_BYTES = 0x1_0000;

/**
 * Looks for the first key that both have, in versions of different age. In tables of one database
 * all keys that both have say the same.
 * @param tables opens them; borrowed
 * @param onDamage called with two tables of which not all can be read
 */
export function compareByEntries(
  tables: TableCache,
  onDamage: (a: TableMeta, b: TableMeta) => void,
): CompareAge {
  return (a, b) => {
    const slots = [tables.slot(a), tables.slot(b)];
    for (const slot of slots) slot.pins++;
    try {
      const [first, second] = slots.map((slot) => tables.open(slot));
      return compareEntries(cursorOf(first!), cursorOf(second!));
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      onDamage(a, b);
      return undefined;
    } finally {
      for (const slot of slots) slot.pins--;
    }
  };
}

function cursorOf(table: Table): Cursor {
  return table.cursor({ fillCache: false, readAheadBytes: READ_AHEAD_BYTES });
}

/** Negative if `a` has the newer version of a key; 0 if no key is in both in different versions. */
function compareEntries(a: Cursor, b: Cursor): number {
  try {
    for (let more = a.first() && b.first(); more; ) {
      const order = compareBytes(a.keyBuf, a.keyOff, a.keyLen, b.keyBuf, b.keyOff, b.keyLen);
      if (order < 0) more = a.seek(b.keyBuf, b.keyOff, b.keyLen, SEQNO_MAX);
      else if (order > 0) more = b.seek(a.keyBuf, a.keyOff, a.keyLen, SEQNO_MAX);
      else if (a.seqno !== b.seqno) return b.seqno - a.seqno;
      else more = a.next() && b.next();
    }
    return 0;
  } finally {
    a.close();
    b.close();
  }
}
