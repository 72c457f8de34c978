/**
 * Snapshots: the seqnos at which somebody still reads.
 * @module
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { VarveError } from '../errors.ts';
import { DropWatch, type Hold } from './drop-watch.ts';
import { type Family, FamilyView } from './family.ts';

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
    this.#list?.release(this, this.#place);
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

  /** What it sees of a family, after {@link seqnoFor}; the newest view if that serves. */
  static viewFor(snapshot: Snapshot, familyId: number, newest: FamilyView): FamilyView {
    const { views } = snapshot.#place;
    return views === undefined ? newest : (views.get(familyId) ?? NOTHING);
  }
}

/** What a read looks at, as of a snapshot if one is given, which is open. */
export function viewOf({ handle, view }: Family, snapshot: Snapshot | undefined): FamilyView {
  return snapshot === undefined ? view : Snapshot.viewFor(snapshot, handle.id, view);
}

/** Of a family that was not there yet. */
const NOTHING = new FamilyView([], [[]]);

/** A live snapshot among its neighbours by age. */
interface Place extends Hold {
  readonly seqno: number;
  readonly takenAtMs: number;
  /** Pinned, by family; undefined where the newest views keep what the snapshot sees. */
  readonly views: ReadonlyMap<number, FamilyView> | undefined;
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
  readonly #watch: DropWatch<Place>;
  readonly #unpin: (view: FamilyView) => void;

  /**
   * @param onDropped called with the seqno of each that was dropped and not released
   * @param unpin called with the views of each that is gone
   */
  constructor(onDropped: (seqno: number) => void, unpin: (view: FamilyView) => void = ignore) {
    this.#unpin = unpin;
    this.#watch = new DropWatch((place) => {
      onDropped(place.seqno);
      this.#unlink(place);
    }, ignore);
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#count = 0;
    this.#distinct = undefined;
  }

  /** Number of live snapshots. */
  get count(): number {
    return this.#count;
  }

  /** The oldest live snapshot. */
  get oldest(): { readonly seqno: number; readonly takenAtMs: number } | undefined {
    return this.#oldest;
  }

  /**
   * @param seqno the newest write; never less than that of an earlier snapshot
   * @param takenAtMs the monotonic time
   * @param views pinned by the caller, for the snapshot
   */
  take(seqno: number, takenAtMs = 0, views?: ReadonlyMap<number, FamilyView>): Snapshot {
    const older = this.#newest;
    const place: Place = { seqno, takenAtMs, views, older, newer: undefined, isOpen: true };
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
    this.#count++;
    this.#distinct = undefined;
    const snapshot = new Snapshot(place, this);
    this.#watch.add(snapshot, place);
    return snapshot;
  }

  /** What snapshots see begins to cost: those that were dropped shall be noticed from now on. */
  watchNew(): void {
    this.#watch.watchNew();
  }

  /** @param place of the snapshot, which was taken here and not released yet */
  release(snapshot: Snapshot, place: Place): void {
    this.#watch.remove(snapshot);
    this.#unlink(place);
  }

  #unlink(place: Place): void {
    const { older, newer } = place;
    place.isOpen = false;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    this.#count--;
    this.#distinct = undefined;
    for (const view of place.views?.values() ?? []) this.#unpin(view);
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

function ignore(): void {}
