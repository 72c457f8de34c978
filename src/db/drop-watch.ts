/**
 * Notices cursors and snapshots whose users have dropped them without closing them.
 *
 * What such an object holds of the database is kept apart from the object, in its hold, from which
 * the object cannot be reached: so the garbage collector can tell that nobody has the object any
 * more, and the hold is released then.
 *
 * To watch an object costs more than to make it, and most are closed at once. So new ones are kept
 * alive at first. Those that are open still are watched when there are many of them, or when
 * `watchNew` is called because what they hold begins to cost something.
 * @module
 */

/** New objects that are kept alive. */
const NEW_MAX = 64;

/** What an object holds. */
export interface Hold {
  /** Cleared by whoever releases it. */
  isOpen: boolean;
}

/** Watches objects that hold an `H`. */
export class DropWatch<H extends Hold> {
  readonly #registry: FinalizationRegistry<H>;
  readonly #new: Map<object, H>;
  readonly #onWatched: (hold: H) => void;

  /**
   * @param onDropped called with the hold of an open object that nobody has any more
   * @param onWatched called with the hold of each open object that is no longer new
   */
  constructor(onDropped: (hold: H) => void, onWatched: (hold: H) => void) {
    this.#registry = new FinalizationRegistry((hold) => {
      if (hold.isOpen) onDropped(hold);
    });
    this.#new = new Map();
    this.#onWatched = onWatched;
  }

  /** Number of open objects that are not watched yet. */
  get newCount(): number {
    return this.#new.size;
  }

  /** @param hold of the object, which must not be reachable from it */
  add(object: object, hold: H): void {
    this.#new.set(object, hold);
    if (this.#new.size >= NEW_MAX) this.watchNew();
  }

  /**
   * The object is closed. The registry is not told, which would cost more than it saves.
   * @returns whether it was new
   */
  remove(object: object): boolean {
    return this.#new.delete(object);
  }

  /** Watches what is open. */
  watchNew(): void {
    if (this.#new.size === 0) return;
    for (const [object, hold] of this.#new) {
      this.#registry.register(object, hold);
      this.#onWatched(hold);
    }
    this.#new.clear();
  }
}
