/**
 * What tabs have written and read, and what must hold of it: nothing acknowledged is lost, and no
 * write takes effect twice. Runs in Node and in pages.
 * @module
 */

/** @throws Error saying what does not hold */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** A read of a register. */
export interface Read {
  readonly value: string | undefined;
  readonly asked: number;
  readonly answered: number;
}

/** What a database shows of the writes of a tab. */
export interface Shown {
  readonly tab: string;
  /** Of the writes that are there, ascending. */
  readonly numbers: number[];
  readonly newest: number;
}

/** See the module head. */
export class TabHistory {
  /** By tab, the number of its newest write that was acknowledged, and of its newest one. */
  readonly acknowledged: Map<string, number>;
  readonly written: Map<string, number>;
  readonly #reads: Map<string, Read[]>;
  /** By so much clocks may differ. */
  readonly #tolerance: number;
  #now: number;

  constructor(tolerance = 0) {
    this.#tolerance = tolerance;
    this.acknowledged = new Map();
    this.written = new Map();
    this.#reads = new Map();
    this.#now = 0;
  }

  /** The time: a count of calls and answers. */
  tick(): number {
    return ++this.#now;
  }

  acknowledge(tab: string, n: number): void {
    this.acknowledged.set(tab, Math.max(this.acknowledged.get(tab) ?? 0, n));
  }

  noteRead(register: string, value: string | undefined, asked: number): void {
    this.addRead(register, { value, asked, answered: this.tick() });
  }

  addRead(register: string, read: Read): void {
    const reads = this.#reads.get(register) ?? [];
    this.#reads.set(register, reads);
    reads.push(read);
  }

  /** Holds what a database shows in the end against what was written. */
  check(shown: readonly Shown[]): void {
    for (const { tab, numbers, newest } of shown) this.checkWrites(tab, numbers, newest);
    this.checkReads();
  }

  /** Every write has a value of its own: one that was replaced does not come back. */
  checkReads(): void {
    for (const [register, reads] of this.#reads) {
      const first = new Map<string | undefined, number>();
      const last = new Map<string | undefined, number>();
      for (const { value, asked, answered } of reads) {
        first.set(value, Math.min(first.get(value) ?? Number.POSITIVE_INFINITY, answered));
        last.set(value, Math.max(last.get(value) ?? 0, asked));
      }
      for (const [value, since] of first) {
        const until = last.get(value)!;
        const between = reads.find(
          (read) =>
            read.value !== value &&
            read.asked > since + this.#tolerance &&
            read.answered + this.#tolerance < until,
        );
        check(between === undefined, `${register}: ${value} came back after ${between?.value}`);
      }
    }
  }

  /** @param numbers of the writes of a tab that are there, ascending; @param newest as it says */
  checkWrites(tab: string, numbers: readonly number[], newest: number): void {
    numbers.forEach((n, i) => {
      check(n === i + 1, `${tab}: write ${i + 1} is lost`);
    });
    check(newest === numbers.length, `${tab}: of a batch only a part is there`);
    const acknowledged = this.acknowledged.get(tab) ?? 0;
    check(newest >= acknowledged, `${tab}: ${newest} of ${acknowledged} acknowledged writes`);
    const written = this.written.get(tab) ?? 0;
    check(newest <= written, `${tab}: ${newest} of ${written} writes`);
  }
}
