/**
 * Makes findings of one file out of what its checks see.
 * @module
 */
import type { FileClassName, Finding, FindingSink, RestoredRange } from './finding.ts';

/** What a check says of a damage. */
export type Damaged = Pick<Finding, 'part' | 'offset' | 'lengthBytes' | 'blockType' | 'cause'>;

/** Tells the findings of one file. */
export class Report {
  readonly #file: string;
  readonly #fileClass: FileClassName;
  readonly #sink: FindingSink;
  /** Findings so far. */
  findingCount: number;

  constructor(file: string, fileClass: FileClassName, sink: FindingSink) {
    this.#file = file;
    this.#fileClass = fileClass;
    this.#sink = sink;
    this.findingCount = 0;
  }

  /** @param source who knows the right bytes, which are lent */
  healable(damaged: Damaged, source: string, restored: readonly RestoredRange[]): void {
    this.findingCount++;
    const ranges = restored.map(({ offset, bytes }) => ({ offset, lengthBytes: bytes.length }));
    this.#sink({ ...this.#facts(damaged), state: 'healable', source, ranges }, restored);
  }

  lost(damaged: Damaged): void {
    this.findingCount++;
    this.#sink({ ...this.#facts(damaged), state: 'lost', source: '', ranges: [] }, []);
  }

  #facts(damaged: Damaged) {
    return { file: this.#file, fileClass: this.#fileClass, ...damaged };
  }
}
