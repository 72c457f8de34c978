/**
 * Copying in steps: the host has a turn after each, progress is told, limits on the rate are kept,
 * and a signal ends it.
 * @module
 */
import type { Clock, HostLoop, StopSignal } from '../env/port.ts';
import { throwIfStopped } from '../env/stop.ts';
import { newRateShare, type RateLimiter, type RateShare } from '../job/rate-limiter.ts';
import { CopyRate } from './copy-rate.ts';
import { PIECE_BYTES } from './file-bytes.ts';

/** A wait for a limit looks this often whether it was called off. */
const PAUSE_MS_MAX = 100;

/** How somebody follows work on whole databases. */
export interface FollowOptions {
  /** Ends the work when it is aborted: an `AbortSignal`. It then rejects with the reason. */
  readonly signal?: StopSignal | undefined;
  /** Called after each 4 MiB at most. What it throws ends the work. */
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

/** Options of what copies or reads whole databases. */
export interface CopyOptions extends FollowOptions {
  /** Copy or read no more than this, on all threads together; as fast as possible if absent. */
  readonly bytesPerSecond?: number | undefined;
}

/** What a pace needs of where the work is done. */
export interface PacePorts {
  readonly hostLoop: HostLoop;
  readonly clock: Clock;
  /** Of all background work of an open database; undefined without a limit. */
  readonly limiter?: RateLimiter | undefined;
  /** Whether other threads take part. */
  readonly isShared?: boolean;
  /** Throws when the work has to end, for instance because the database is closed. */
  readonly check?: () => void;
}

/** See the module head. */
export class CopyPace {
  /** The limit of the options, for those on other threads who take part; undefined without one. */
  readonly rate: RateShare | undefined;
  readonly #ports: PacePorts;
  readonly #bytesTotal: number;
  readonly #follower: FollowOptions;
  readonly #limits: CopyRate;
  #bytesDone: number;
  /** By the thread of the pace. */
  #bytesCopied: number;

  constructor(ports: PacePorts, bytesTotal: number, options: CopyOptions) {
    const { bytesPerSecond } = options;
    this.rate =
      bytesPerSecond === undefined
        ? undefined
        : newRateShare(bytesPerSecond, ports.isShared === true);
    this.#ports = ports;
    this.#bytesTotal = bytesTotal;
    this.#follower = options;
    this.#limits = new CopyRate(ports.limiter, this.rate, ports.clock);
    this.#bytesDone = 0;
    this.#bytesCopied = 0;
  }

  /** Calls the work off. */
  get signal(): StopSignal | undefined {
    return this.#follower.signal;
  }

  /** Room for one piece, of a size that keeps an even pace; fresh. */
  newRoom(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#limits.stepBytes(PIECE_BYTES));
  }

  /** Counts bytes that another thread is through with, which keeps to the limits by itself. */
  tell(bytes: number): void {
    this.#bytesDone += bytes;
    this.#follower.onProgress?.(this.#bytesDone, this.#bytesTotal);
  }

  /** Counts bytes that need not be copied, gives the host a turn, and throws if work is to end. */
  async skip(bytes: number): Promise<void> {
    this.tell(bytes);
    await this.#ports.hostLoop.turn();
    this.assertGoesOn();
  }

  /** The same for bytes that were copied; waits as the limits say. */
  async step(bytes: number): Promise<void> {
    this.#bytesCopied += bytes;
    this.#limits.note(this.#bytesCopied);
    await this.skip(bytes);
    const { hostLoop } = this.#ports;
    for (let pauseMs = this.#limits.pauseMs; pauseMs > 0; pauseMs = this.#limits.pauseMs) {
      await (hostLoop.delay?.(Math.min(pauseMs, PAUSE_MS_MAX)) ?? hostLoop.turn());
      this.assertGoesOn();
    }
  }

  /** @throws the reason of the signal, once it is aborted; and what the check throws */
  assertGoesOn(): void {
    throwIfStopped(this.#follower.signal);
    this.#ports.check?.();
  }
}
