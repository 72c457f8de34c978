/**
 * Which failures of a database have a reason from outside: what went wrong on the disk, threads
 * that were lost, a family that was dropped meanwhile, the end of the database. All others are
 * defects.
 * @module
 */
import { isVarveError } from '../../src/errors.ts';

/** So many threads in a row may be lost without an error. */
const LOSSES_MAX = 3;
/** A thread that does nothing for so long may be given up. */
const SILENCE_MS = 20_000;
const LOSS = /^it (was killed|showed no sign of life)$/;
/** How errors of a `TroubledDisk` begin, and that of a compaction which sees that it is full. */
const TROUBLE = /^(injected fault: |no space to |a compaction needs \d+ bytes, of which )/;

/** For one database that is open. */
export class Judge {
  isClosing: boolean;
  /** Threads that may have been lost since a job was done. */
  private lossesInRow: number;
  private jobsAtLoss: number;

  constructor() {
    this.isClosing = false;
    this.lossesInRow = 0;
    this.jobsAtLoss = 0;
  }

  /** @throws the error of a call unless it has a reason from outside */
  accept(error: unknown): void {
    if (this.isClosing && isVarveError(error, 'CLOSED')) return;
    // A compaction whose family goes meanwhile.
    if (isVarveError(error, 'INVALID') && error.message.endsWith('was dropped')) return;
    if (!isFromDisk(error) && !LOSS.test(firstMessage(error))) throw error;
  }

  /** @throws the error that stopped writing unless it has a reason from outside that is enough */
  acceptStop(error: unknown): void {
    if (isFromDisk(error)) return;
    if (this.lossesInRow <= LOSSES_MAX || !LOSS.test(firstMessage(error))) throw error;
  }

  /**
   * Notes threads that were lost.
   * @param jobs that were done before the database noticed
   */
  noteLosses(count: number, jobs: number): void {
    this.lossesInRow = jobs === this.jobsAtLoss ? this.lossesInRow + count : count;
    this.jobsAtLoss = jobs;
  }

  /** Notes that time passed, after which threads may seem to be lost: all, if it was long. */
  notePause(milliseconds: number, jobs: number): void {
    this.noteLosses(((LOSSES_MAX + 1) * milliseconds) / SILENCE_MS, jobs);
  }
}

/** True when an error goes back to what went wrong on the disk. */
export function isFromDisk(error: unknown): boolean {
  return TROUBLE.test(firstMessage(error));
}

/** The message of the error that led to this one. */
function firstMessage(error: unknown): string {
  let first = error;
  while (first instanceof Error && first.cause !== undefined) first = first.cause;
  return first instanceof Error ? first.message : String(first);
}
