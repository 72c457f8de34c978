/**
 * Progress bars: on standard error, and only when that is a terminal.
 * @module
 */
import cliProgress from 'cli-progress';
import { formatBytes, formatRate } from './format.ts';

/** One long piece of work, measured in bytes. */
export class Progress {
  readonly #bar: cliProgress.SingleBar | undefined;
  readonly #totalBytes: number | undefined;
  readonly #begin: number;

  /**
   * @param label what is going on
   * @param totalBytes of the whole work; undefined when nobody knows, as with a pipe
   * @param isWanted false for output that programs read
   */
  constructor(label: string, totalBytes: number | undefined, isWanted: boolean) {
    this.#totalBytes = totalBytes;
    this.#begin = performance.now();
    this.#bar = undefined;
    if (!isWanted || process.stderr.isTTY !== true) return;
    const amount = totalBytes === undefined ? '{done}' : '{bar} {percentage}% | {done} of {all}';
    this.#bar = new cliProgress.SingleBar({
      format: `${label} ${amount} | {rate}`,
      stream: process.stderr,
      barsize: 24,
      barCompleteChar: '#',
      barIncompleteChar: '.',
      clearOnComplete: true,
      // Otherwise the terminal stays without line wrapping when the process is killed.
      linewrap: true,
    });
    const all = totalBytes === undefined ? '' : formatBytes(totalBytes);
    this.#bar.start(Math.max(1, totalBytes ?? 1), 0, { done: '0 B', all, rate: '-' });
  }

  /** Shows how far the work is. */
  update(doneBytes: number): void {
    this.#bar?.update(this.#totalBytes === 0 ? 1 : doneBytes, {
      done: formatBytes(doneBytes),
      rate: formatRate(doneBytes, performance.now() - this.#begin),
    });
  }

  /** Removes the bar; stopping twice is allowed. */
  stop(): void {
    this.#bar?.stop();
  }
}

/** Told how far work is. */
export type OnProgress = (bytesDone: number, bytesTotal: number) => void;

/**
 * Shows a bar from the first time that work tells how far it is, until it ends.
 * @param isWanted as in {@link Progress}
 */
export async function withProgress<T>(
  label: string,
  isWanted: boolean,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  let progress: Progress | undefined;
  try {
    return await work((bytesDone, bytesTotal) => {
      progress ??= new Progress(label, bytesTotal, isWanted);
      progress.update(bytesDone);
    });
  } finally {
    progress?.stop();
  }
}
