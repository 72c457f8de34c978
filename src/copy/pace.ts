/**
 * Copying in steps: the host has a turn after each, progress is told, and a signal ends it.
 * @module
 */
import type { HostLoop, StopSignal } from '../env/port.ts';
import { throwIfStopped } from '../env/stop.ts';

/** Options of what copies or reads whole databases. */
export interface CopyOptions {
  /** Ends the work when it is aborted: an `AbortSignal`. It then rejects with the reason. */
  readonly signal?: StopSignal | undefined;
  /** Called after each step, of at most 1 MiB. What it throws ends the work. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

/** See the module head. */
export class CopyPace {
  readonly #hostLoop: HostLoop;
  readonly #bytesTotal: number;
  readonly #options: CopyOptions;
  readonly #check: () => void;
  #bytesDone: number;

  /** @param check throws when the work has to end, for instance because the database is closed */
  constructor(
    hostLoop: HostLoop,
    bytesTotal: number,
    options: CopyOptions,
    check: () => void = () => {},
  ) {
    this.#hostLoop = hostLoop;
    this.#bytesTotal = bytesTotal;
    this.#options = options;
    this.#check = check;
    this.#bytesDone = 0;
  }

  /** Counts bytes, gives the host a turn, and throws if the work is to end. */
  async step(bytes: number): Promise<void> {
    this.#bytesDone += bytes;
    this.#options.onProgress?.(this.#bytesDone, this.#bytesTotal);
    await this.#hostLoop.turn();
    this.assertGoesOn();
  }

  /** @throws the reason of the signal, once it is aborted; and what the check throws */
  assertGoesOn(): void {
    throwIfStopped(this.#options.signal);
    this.#check();
  }
}
