/**
 * Snapshots: the seqnos at which somebody still reads.
 * @module
 */
import { VarveError } from '../errors.ts';

/**
 * A fixed view of all column families: reads that are given it see what was written before it was
 * taken and nothing later. Costs space until it is released, because compaction keeps what it sees.
 */
export class Snapshot {
  /** Writes up to and including this one are visible. */
  readonly seqno: number;
  #list: SnapshotList | undefined;
  readonly #place: Place;

  /** Made by `db.snapshot()`. */
  constructor(place: Place, list: SnapshotList) {
    this.seqno = place.seqno;
    this.#list = list;
    this.#place = place;
  }

  /** Gives the view up; releasing twice is allowed. */
  release(): void {
    this.#list?.remove(this.#place);
    this.#list = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /**
   * The seqno to read at, for the read path.
   * @throws VarveError `CLOSED` after release, `INVALID` for a snapshot of another database
   */
  static seqnoFor(snapshot: Snapshot, list: SnapshotList): number {
    if (snapshot.#list === undefined) {
      throw new VarveError('CLOSED', 'the snapshot has been released');
    }
    if (snapshot.#list !== list) {
      throw new VarveError('INVALID', 'the snapshot belongs to another database');
    }
    return snapshot.seqno;
  }
}

/** A live snapshot among its neighbours by age. */
interface Place {
  readonly seqno: number;
  older: Place | undefined;
  newer: Place | undefined;
}

/**
 * The live snapshots of one database: a linked list by age, for they are taken in the order of
 * their seqnos and released in any order, and there may be many.
 */
export class SnapshotList {
  #oldest: Place | undefined;
  #newest: Place | undefined;
  #count: number;
  /** See {@link distinct}; undefined after a change. */
  #distinct: readonly number[] | undefined;

  constructor() {
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#count = 0;
    this.#distinct = undefined;
  }

  /** Number of live snapshots. */
  get count(): number {
    return this.#count;
  }

  /** Seqno of the oldest live snapshot. */
  get oldest(): number | undefined {
    return this.#oldest?.seqno;
  }

  /** @param seqno the newest write; never less than that of an earlier snapshot */
  take(seqno: number): Snapshot {
    const place: Place = { seqno, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
    this.#count++;
    this.#distinct = undefined;
    return new Snapshot(place, this);
  }

  /** @param place of a snapshot that was taken here and not removed yet */
  remove(place: Place): void {
    const { older, newer } = place;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    this.#count--;
    this.#distinct = undefined;
  }

  /** The distinct live seqnos, ascending; a list that does not change any more. */
  distinct(): readonly number[] {
    if (this.#distinct === undefined) {
      const seqnos = new Set<number>();
      for (let at = this.#oldest; at !== undefined; at = at.newer) seqnos.add(at.seqno);
      this.#distinct = [...seqnos];
    }
    return this.#distinct;
  }
}
