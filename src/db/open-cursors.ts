/**
 * What the open cursors of a database hold.
 * @module
 */
import { EmptyCursor } from '../iterator/empty-cursor.ts';
import { UserCursor } from '../iterator/user-cursor.ts';
import { DropWatch } from './drop-watch.ts';
import { FamilyView } from './family.ts';

/** Of one cursor. Once it is released, it keeps no memtable and no block. */
export class CursorHold {
  entries: UserCursor;
  view: FamilyView;
  readonly seqno: number;
  isOpen: boolean;

  /** @param entries taken */
  constructor(entries: UserCursor, view: FamilyView, seqno: number) {
    this.entries = entries;
    this.view = view;
    this.seqno = seqno;
    this.isOpen = true;
  }
}

const NO_ENTRIES = new UserCursor(new EmptyCursor(), 0);
const NO_VIEW = new FamilyView([], [[]]);

/** See the module head. */
export class OpenCursors {
  readonly #watch: DropWatch<CursorHold>;
  /** Of cursors that are watched. */
  readonly #watched: Set<CursorHold>;
  readonly #unpin: (view: FamilyView) => void;

  /**
   * @param unpin called with the view of each cursor that is closed
   * @param onDropped called with the hold of each that was dropped, before it is closed
   */
  constructor(unpin: (view: FamilyView) => void, onDropped: (hold: CursorHold) => void) {
    this.#unpin = unpin;
    this.#watched = new Set();
    this.#watch = new DropWatch(
      (hold) => {
        onDropped(hold);
        this.#watched.delete(hold);
        this.#release(hold);
      },
      (hold) => this.#watched.add(hold),
    );
  }

  get count(): number {
    return this.#watch.newCount + this.#watched.size;
  }

  /** Pins the view for a new cursor. */
  add(cursor: object, hold: CursorHold): void {
    hold.view.pins++;
    this.#watch.add(cursor, hold);
  }

  /** What cursors hold begins to cost: those that were dropped shall be noticed from now on. */
  watchNew(): void {
    this.#watch.watchNew();
  }

  /** Lets go of what a cursor holds. Releasing twice is allowed. */
  release(cursor: object, hold: CursorHold): void {
    if (!hold.isOpen) return;
    if (!this.#watch.remove(cursor)) this.#watched.delete(hold);
    this.#release(hold);
  }

  /** Releases what is open. */
  releaseAll(): void {
    this.#watch.watchNew();
    for (const hold of this.#watched) this.#release(hold);
    this.#watched.clear();
  }

  #release(hold: CursorHold): void {
    const { entries, view } = hold;
    hold.isOpen = false;
    hold.entries = NO_ENTRIES;
    hold.view = NO_VIEW;
    entries.close();
    this.#unpin(view);
  }
}
