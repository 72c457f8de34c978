/**
 * Which parts of the engine an input has reached: V8's own block coverage, asked through the
 * inspector of the running process.
 * @module
 */
import { Session } from 'node:inspector';

/** Compiled modules of the engine. */
const ENGINE = /\/build\/src\//;

interface CoverageRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface CoverageResult {
  readonly result: readonly {
    readonly scriptId: string;
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly CoverageRange[] }[];
  }[];
}

/** Remembers all parts that were ever reached. */
export class Coverage {
  readonly #session: Session;
  readonly #reached: Set<string>;

  constructor() {
    this.#session = new Session();
    this.#session.connect();
    this.#reached = new Set();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Parts that were ever reached. */
  get size(): number {
    return this.#reached.size;
  }

  /** Parts that were reached since the last call, and never before. */
  takeNew(): number {
    const before = this.#reached.size;
    const { result } = this.#post('Profiler.takePreciseCoverage') as CoverageResult;
    for (const { scriptId, url, functions } of result) {
      if (!ENGINE.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) this.#reached.add(`${scriptId} ${startOffset} ${endOffset}`);
        }
      }
    }
    return this.#reached.size - before;
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** The session of the own process answers before the call returns. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error: Error | null, result?: object) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}
