/**
 * What has been replaced and goes as soon as nobody reads it any more.
 *
 * Holds are counted, so that letting go of one thing looks at nothing else: a program may have many
 * cursors open, over many families and tables.
 * @module
 */

/** See the module head; of memtables or of tables. */
export class Retired<Thing> {
  /** How many hold a thing, whether it was replaced or not; none is absent. */
  readonly #holds: Map<Thing, number>;
  /** Replaced, and held. */
  readonly #held: Set<Thing>;
  /** Replaced; held by nobody, or only since. */
  #loose: Thing[];

  constructor() {
    this.#holds = new Map();
    this.#held = new Set();
    this.#loose = [];
  }

  /** Keeps a thing until it is let go of as often. */
  hold(thing: Thing): void {
    this.#holds.set(thing, (this.#holds.get(thing) ?? 0) + 1);
  }

  /** Ends one {@link hold}. */
  letGo(thing: Thing): void {
    const left = this.#holds.get(thing)! - 1;
    if (left > 0) {
      this.#holds.set(thing, left);
      return;
    }
    this.#holds.delete(thing);
    if (this.#held.delete(thing)) this.#loose.push(thing);
  }

  /** The thing is no part of the database any more. */
  add(thing: Thing): void {
    this.#loose.push(thing);
  }

  /** Those that nobody holds, which are the caller's from now on; fresh. */
  takeFree(): Thing[] {
    if (this.#loose.length === 0) return [];
    const free: Thing[] = [];
    for (const thing of this.#loose) {
      if (this.#holds.has(thing)) this.#held.add(thing);
      else free.push(thing);
    }
    this.#loose = [];
    return free;
  }

  /** All that were added and not taken. */
  *[Symbol.iterator](): Generator<Thing> {
    yield* this.#held;
    yield* this.#loose;
  }
}
