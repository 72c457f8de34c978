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

  constructor(seqno: number, list: SnapshotList) {
    this.seqno = seqno;
    this.#list = list;
  }

  /** Gives the view up; releasing twice is allowed. */
  release(): void {
    this.#list?.remove(this.seqno);
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

/** The live snapshots of one database. */
export class SnapshotList {
  /** Live seqnos ascending; one entry per snapshot, so equal ones may stand side by side. */
  readonly #seqnos: number[];

  constructor() {
    this.#seqnos = [];
  }

  /** Number of live snapshots. */
  get count(): number {
    return this.#seqnos.length;
  }

  /** Seqno of the oldest live snapshot. */
  get oldest(): number | undefined {
    return this.#seqnos[0];
  }

  /** @param seqno the newest write; never less than that of an earlier snapshot */
  take(seqno: number): Snapshot {
    this.#seqnos.push(seqno);
    return new Snapshot(seqno, this);
  }

  remove(seqno: number): void {
    this.#seqnos.splice(this.#seqnos.indexOf(seqno), 1);
  }

  /** Fresh list of the distinct live seqnos, ascending. */
  distinct(): number[] {
    return [...new Set(this.#seqnos)];
  }
}
