/**
 * The files that the databases of one process keep open, within one limit.
 *
 * Whoever keeps files open that could be opened again is a holder. Together they keep to the
 * capacity, and give up more than that when the system refuses to open another file: then somebody
 * else in the process needs more than the capacity leaves.
 * @module
 */
import type { HandleHolder, HandlePool } from './port.ts';

/** See the module head. */
export class SharedHandles implements HandlePool {
  readonly #findCapacity: () => number;
  #capacity: number | undefined;
  /** Weakly, so that a reader that is dropped without being closed does not stay for that. */
  #holders: WeakRef<HandleHolder>[];

  /** @param findCapacity called once, when the capacity is first needed */
  constructor(findCapacity: () => number) {
    this.#findCapacity = findCapacity;
    this.#capacity = undefined;
    this.#holders = [];
  }

  get hasRoom(): boolean {
    this.#capacity ??= this.#findCapacity();
    let count = 0;
    for (const holder of this.#holders) count += holder.deref()?.handleCount ?? 0;
    return count < this.#capacity;
  }

  add(holder: HandleHolder): void {
    this.#holders.push(new WeakRef(holder));
  }

  remove(holder: HandleHolder): void {
    this.#holders = this.#holders.filter((other) => {
      const found = other.deref();
      return found !== undefined && found !== holder;
    });
  }

  makeRoom(): void {
    while (!this.hasRoom && this.shed());
  }

  /** Lets the holder of the most files close one; false when nobody can. */
  shed(): boolean {
    const holders = this.#holders.flatMap((holder) => holder.deref() ?? []);
    holders.sort((a, b) => b.handleCount - a.handleCount);
    return holders.some((holder) => holder.giveUpHandle());
  }
}
