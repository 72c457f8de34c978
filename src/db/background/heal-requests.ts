/**
 * Places that reads have put right for themselves, and that are to be healed on disk.
 * @module
 */
import type { Correction } from '../../block/block-reader.ts';

/** Places that wait, at most; a scrub finds the others. */
const WAITING_MAX = 1000;

/** Places that wait to be healed, by path of the file. */
export class HealRequests {
  readonly #isWanted: boolean;
  readonly #places: Map<string, Set<number>>;
  #count: number;
  /** Called when the first one comes. */
  onFirst: () => void;

  /** @param isWanted false where nothing is to be healed */
  constructor(isWanted: boolean) {
    this.#isWanted = isWanted;
    this.#places = new Map();
    this.#count = 0;
    this.onFirst = () => {};
  }

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  note({ file, offset }: Correction): void {
    if (!this.#isWanted || this.#count >= WAITING_MAX) return;
    const places = this.#places.get(file) ?? new Set();
    if (places.has(offset)) return;
    const isFirst = this.isEmpty;
    this.#places.set(file, places.add(offset));
    this.#count++;
    if (isFirst) this.onFirst();
  }

  /** Takes out what waits for one file; undefined when nothing does. */
  take(): { readonly path: string; readonly offsets: ReadonlySet<number> } | undefined {
    for (const [path, offsets] of this.#places) {
      this.#places.delete(path);
      this.#count -= offsets.size;
      return { path, offsets };
    }
    return undefined;
  }
}
