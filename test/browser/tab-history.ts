/**
 * What tabs have written and read, and what must hold of it: nothing acknowledged is lost, and no
 * write takes effect twice. Times are counts of calls and answers.
 * @module
 */
import assert from 'node:assert/strict';

interface Read {
  readonly value: string | undefined;
  readonly asked: number;
  readonly answered: number;
}

/** See the module head. */
export class TabHistory {
  /** By tab, the number of its newest write that was acknowledged, and of its newest one. */
  readonly acknowledged: Map<string, number>;
  readonly written: Map<string, number>;
  readonly #reads: Map<string, Read[]>;
  #now: number;

  constructor() {
    this.acknowledged = new Map();
    this.written = new Map();
    this.#reads = new Map();
    this.#now = 0;
  }

  tick(): number {
    return ++this.#now;
  }

  acknowledge(tab: string, n: number): void {
    this.acknowledged.set(tab, Math.max(this.acknowledged.get(tab) ?? 0, n));
  }

  noteRead(register: string, value: string | undefined, asked: number): void {
    const reads = this.#reads.get(register) ?? [];
    this.#reads.set(register, reads);
    reads.push({ value, asked, answered: this.tick() });
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
          (read) => read.value !== value && read.asked > since && read.answered < until,
        );
        const text = `${register}: ${value} came back after ${between?.value}`;
        assert.equal(between, undefined, text);
      }
    }
  }

  /** @param numbers of the writes of a tab that are there, ascending; @param newest as it says */
  checkWrites(tab: string, numbers: readonly number[], newest: number): void {
    numbers.forEach((n, i) => {
      assert.equal(n, i + 1, `${tab}: write ${i + 1} is lost`);
    });
    assert.equal(newest, numbers.length, `${tab}: the newest write of a batch`);
    const acknowledged = this.acknowledged.get(tab) ?? 0;
    assert.ok(newest >= acknowledged, `${tab}: ${newest} of ${acknowledged} acknowledged writes`);
    const written = this.written.get(tab) ?? 0;
    assert.ok(newest <= written, `${tab}: ${newest} of ${written} writes`);
  }
}
