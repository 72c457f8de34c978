/**
 * What a simulated table holds, without its entries: how many keys of each part of the key space
 * have a value in it, and how many a tombstone. The key space is cut into cells; in a cell, keys
 * that are written equally often form a group. Among `n` keys of a group, a table with `a` of them
 * and an older one with `b`, independent of each other, have `a*b/n` in common.
 * @module
 */

/** The key space. */
export interface KeySpace {
  readonly cellCount: number;
  /** Keys of each group in one cell. */
  readonly groupKeys: readonly number[];
  /** Bytes of an entry with a value, and of a tombstone. */
  readonly entryBytes: number;
  readonly tombstoneBytes: number;
}

/** Expected counts for some neighbouring cells, group by group. */
export class Contents {
  readonly firstCell: number;
  readonly endCell: number;
  readonly puts: Float32Array;
  readonly deletes: Float32Array;

  constructor(firstCell: number, endCell: number, groupCount: number) {
    this.firstCell = firstCell;
    this.endCell = endCell;
    this.puts = new Float32Array((endCell - firstCell) * groupCount);
    this.deletes = new Float32Array((endCell - firstCell) * groupCount);
  }

  /** Lays this over `older`, the merge of what is newer over what is older; returns `older`. */
  mergeOver(older: Contents, space: KeySpace): void {
    const groups = space.groupKeys.length;
    const shift = (this.firstCell - older.firstCell) * groups;
    let group = 0;
    for (let i = 0; i < this.puts.length; i++) {
      const puts = this.puts[i]!;
      const deletes = this.deletes[i]!;
      const keys = space.groupKeys[group]!;
      if (++group === groups) group = 0;
      if (puts === 0 && deletes === 0) continue;
      const visible = Math.max(0, 1 - (puts + deletes) / keys);
      older.puts[i + shift] = puts + older.puts[i + shift]! * visible;
      older.deletes[i + shift] = deletes + older.deletes[i + shift]! * visible;
    }
  }

  /** A copy of some of the cells. */
  slice(firstCell: number, endCell: number, groupCount: number): Contents {
    const part = new Contents(firstCell, endCell, groupCount);
    const from = (firstCell - this.firstCell) * groupCount;
    const end = (endCell - this.firstCell) * groupCount;
    part.puts.set(this.puts.subarray(from, end));
    part.deletes.set(this.deletes.subarray(from, end));
    return part;
  }

  /** Entries with a value and tombstones of one cell. */
  countsAt(cell: number, groupCount: number): { puts: number; deletes: number } {
    let puts = 0;
    let deletes = 0;
    const from = (cell - this.firstCell) * groupCount;
    for (let i = from; i < from + groupCount; i++) {
      puts += this.puts[i]!;
      deletes += this.deletes[i]!;
    }
    return { puts, deletes };
  }
}
