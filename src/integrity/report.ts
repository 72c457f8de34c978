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

  constructor(file: string, fileClass: FileClassName, sink: FindingSink) {
    this.#file = file;
    this.#fileClass = fileClass;
    this.#sink = sink;
  }

  /** @param source who knows the right bytes, which are lent */
  healable(damaged: Damaged, source: string, restored: readonly RestoredRange[]): void {
    const ranges = restored.map(({ offset, bytes }) => ({ offset, lengthBytes: bytes.length }));
    this.#sink({ ...this.#facts(damaged), state: 'healable', source, ranges }, restored);
  }

  lost(damaged: Damaged): void {
    this.#sink({ ...this.#facts(damaged), state: 'lost', source: '', ranges: [] }, []);
  }

  #facts(damaged: Damaged) {
    return { file: this.#file, fileClass: this.#fileClass, ...damaged };
  }
}
