/**
 * What a tab knows of the writes of all tabs by their change events alone, and by reading again
 * where it was told that it missed some.
 * @module
 */
import type { PageDb, WatchEvent } from '../../src/browser.ts';
import { isVarveError } from '../../src/errors.ts';
import { check } from './tab-history.ts';

/** See the module head. */
export class TabView {
  /** By tab, the number of its newest write. */
  readonly newest: Map<string, number>;
  missedCount: number;
  readonly #db: PageDb;
  #seqno: number;
  /** Numbers that a read has shown, which may be told once more. */
  readonly #read: Map<string, number>;
  #onChange: () => void;

  constructor(db: PageDb) {
    this.newest = new Map();
    this.missedCount = 0;
    this.#db = db;
    this.#seqno = 0;
    this.#read = new Map();
    this.#onChange = () => {};
  }

  /** Follows until the database is closed. */
  async run(): Promise<void> {
    const watch = this.#db.watch({ prefix: 'own/' });
    await this.#readAgain();
    for await (const event of watch) {
      check(event.seqno >= this.#seqno, `events go back from ${this.#seqno} to ${event.seqno}`);
      this.#seqno = event.seqno;
      if (event.type === 'missed') {
        this.missedCount++;
        await this.#readAgain();
      } else if (event.type === 'batch') this.#note(event);
      this.#onChange();
    }
  }

  /** Resolves when it knows of all these writes. */
  until(newest: ReadonlyMap<string, number>): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        const isThere = [...newest].every(([tab, n]) => (this.newest.get(tab) ?? 0) >= n);
        if (isThere) resolve();
      };
      this.#onChange();
    });
  }

  /** The writes of each tab come one after another, each once. */
  #note({ operations }: WatchEvent & { readonly type: 'batch' }): void {
    for (const { key } of operations) {
      const [, tab = '', n = 0] = new TextDecoder().decode(key).split('/');
      const known = this.newest.get(tab) ?? 0;
      if (Number(n) <= (this.#read.get(tab) ?? 0)) continue;
      check(Number(n) === known + 1, `${tab}: write ${n} is told after ${known}`);
      this.newest.set(tab, Number(n));
    }
  }

  async #readAgain(): Promise<void> {
    for (;;) {
      try {
        for await (const [key, value] of this.#db.entries({ prefix: 'newest/' })) {
          const decoder = new TextDecoder();
          const tab = decoder.decode(key).slice('newest/'.length);
          const n = Number(decoder.decode(value));
          check(
            n >= (this.newest.get(tab) ?? 0),
            `${tab}: ${n} is read after later ones were told`,
          );
          this.newest.set(tab, n);
          this.#read.set(tab, n);
        }
        return;
      } catch (error) {
        // Another tab leads, and the iterator with its moment is gone.
        if (!isVarveError(error, 'STALE')) throw error;
      }
    }
  }
}
