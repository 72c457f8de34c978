/**
 * What the demo prints, and the list of what it checked and how long it took. Plain lines, the same
 * for a terminal and a file.
 * @module
 */
import { formatBytes, formatRate, formatSeconds, formatTable } from '../src/cli/format.ts';

/** A timed step; bytes are undefined where no rate makes sense. */
interface Timing {
  readonly what: string;
  readonly milliseconds: number;
  readonly bytes: number | undefined;
}

/** See the module head. */
export class Screen {
  readonly failures: string[];
  checkCount: number;
  readonly #write: (text: string) => void;
  readonly #timings: Timing[];
  #stepCount: number;

  /** @param write receives whole lines with their ends */
  constructor(write: (text: string) => void) {
    this.failures = [];
    this.checkCount = 0;
    this.#write = write;
    this.#timings = [];
    this.#stepCount = 0;
  }

  /** Begins a step. */
  step(title: string): void {
    this.#stepCount++;
    this.#write(`\n${this.#stepCount}. ${title}\n`);
  }

  line(text: string): void {
    this.#write(`   ${text}\n`);
  }

  /** Prints text that has its own line ends. */
  block(text: string): void {
    this.#write(text);
  }

  /**
   * Notes whether something that must hold does.
   * @param claim what must hold
   * @param counterexamples what contradicts it; none means that it holds
   */
  check(claim: string, counterexamples: readonly string[]): void {
    this.checkCount++;
    if (counterexamples.length === 0) {
      this.#write(`   ok      ${claim}\n`);
      return;
    }
    this.failures.push(claim);
    this.#write(`   FAILED  ${claim}\n`);
    for (const example of counterexamples.slice(0, 3)) this.#write(`           ${example}\n`);
    const more = counterexamples.length - 3;
    if (more > 0) this.#write(`           and ${more} more\n`);
  }

  /** Notes a duration for the table at the end. */
  time(what: string, milliseconds: number, bytes?: number): void {
    this.#timings.push({ what, milliseconds, bytes });
  }

  /** The table of all durations. */
  timesText(): string {
    const rows = this.#timings.map(({ what, milliseconds, bytes }) => [
      what,
      formatSeconds(milliseconds),
      bytes === undefined ? '-' : formatBytes(bytes),
      bytes === undefined ? '-' : formatRate(bytes, milliseconds),
    ]);
    return formatTable(['what', 'time', 'content', 'rate'], rows);
  }
}
