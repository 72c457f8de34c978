/**
 * Watches the processes that run test files: ends a run that gets nowhere, and says which files
 * take long. Both are measured in processor time, so a busy machine changes neither. Where
 * the system does not tell it, nothing is watched.
 * @module
 */
import { relative } from 'node:path';
import { root } from './ensure.mjs';
import { childProcesses } from './processor-time.mjs';

const INTERVAL_MS = 2000;
/** A file that takes more says `@slow` in its head. */
const SLOW_SECONDS = 5;
/** After that many looks with less than `IDLE_SECONDS` of work nothing will come. */
const IDLE_LOOKS = 450;
const IDLE_SECONDS = 1;
/** Nothing works that long from one test to the next; a loop without end does. */
const BUSY_SECONDS = 3600;

export class TestWatch {
  /** Processor time by file. */
  #seconds = new Map();
  /** Of all processes that run. */
  #total = 0;
  #totalAtProgress = 0;
  #totalBeforeIdle = 0;
  #idleLooks = 0;
  #onHang;
  #timer;

  /** @param onHang called once, with the reason, when the tests get nowhere */
  constructor(onHang) {
    this.#onHang = onHang;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** To be called whenever a test has ended. */
  progress() {
    this.#totalAtProgress = this.#total;
    this.#idleLooks = 0;
  }

  /**
   * Ends the watch.
   * @param isSlow what a file says of itself
   * @returns a line for each file that took long without saying so, or says so and took a moment
   */
  end(isSlow) {
    clearInterval(this.#timer);
    return [...this.#seconds].flatMap(([file, seconds]) => {
      const isWrong = isSlow(file) ? seconds < SLOW_SECONDS / 3 : seconds > SLOW_SECONDS;
      if (!isWrong) return [];
      const says = isSlow(file) ? 'says @slow' : 'does not say @slow';
      return [`${file} took ${seconds.toFixed(1)} s of processor time and ${says} in its head.`];
    });
  }

  #look() {
    const running = childProcesses().flatMap(({ args, seconds }) => {
      const path = args.find((argument) => argument.endsWith('.test.js'));
      return path === undefined ? [] : [{ file: relative(root, path), seconds }];
    });
    if (running.length === 0) return;
    let total = 0;
    for (const { file, seconds } of running) {
      this.#seconds.set(file, seconds);
      total += seconds;
    }
    // It falls when a process has ended.
    if (total < this.#total) this.progress();
    this.#total = total;
    this.#judge(running.map(({ file }) => file));
  }

  #judge(files) {
    if (Math.abs(this.#total - this.#totalBeforeIdle) >= IDLE_SECONDS) {
      this.#totalBeforeIdle = this.#total;
      this.#idleLooks = 0;
    } else {
      this.#idleLooks++;
    }
    const waits = this.#idleLooks > IDLE_LOOKS;
    const spins = this.#total - this.#totalAtProgress > BUSY_SECONDS;
    if (!waits && !spins) return;
    clearInterval(this.#timer);
    const why = waits ? 'they only wait' : 'no test comes to its end';
    this.#onHang(`The tests get nowhere: ${why}. Running: ${files.join(', ')}.`);
  }
}
