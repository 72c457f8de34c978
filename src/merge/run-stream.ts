/**
 * The entries of a sorted run of tables, once, as an input of a merge: all, or those of a range of
 * user keys. It pins the table that it reads, one at a time.
 * @module
 */
import type { Room } from '../bytes/room.ts';
import type { Table } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { type TableRun, TableStream } from '../sstable/table-stream.ts';
import type { TableCache } from '../tables/table-cache.ts';

export class RunStream extends TableStream {
  /**
   * @param run sorted by key and disjoint; borrowed
   * @param readAheadBytes as in `TableStreamOptions`
   * @param room as in `TableStreamOptions`
   * @param from first user key, undefined for no bound
   * @param to the user key behind the last, undefined for no bound
   */
  constructor(
    run: readonly TableMeta[],
    tables: TableCache,
    readAheadBytes: number,
    room: Room,
    from: Uint8Array | undefined,
    to: Uint8Array | undefined,
  ) {
    super(new CachedRun(run, tables), { readAheadBytes, room, from, to });
  }
}

/** A run whose tables are those of a cache. */
class CachedRun implements TableRun {
  readonly metas: readonly TableMeta[];
  readonly #tables: TableCache;

  constructor(metas: readonly TableMeta[], tables: TableCache) {
    this.metas = metas;
    this.#tables = tables;
  }

  open(index: number): Table {
    const slot = this.#tables.slot(this.metas[index]!);
    const table = this.#tables.open(slot);
    slot.pins++;
    return table;
  }

  release(index: number): void {
    this.#tables.slot(this.metas[index]!).pins--;
  }
}
