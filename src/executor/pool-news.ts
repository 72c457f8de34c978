/**
 * Who learns that tasks of the pool have settled: callers who wait for it with turns of the host,
 * and databases whose tasks they were.
 * @module
 */
import type { PoolClient } from './pool-task.ts';
import type { WorkerThreads } from './port.ts';

/** See the module head. */
export class PoolNews {
  readonly #threads: WorkerThreads;
  readonly #clients: ReadonlySet<PoolClient>;
  readonly #hold: (isHeld: boolean) => void;
  /** Each ends one wait. */
  readonly #waiters: Set<() => void>;
  /** A timer is set that will tell. */
  #isDue: boolean;

  /**
   * @param clients of the pool; borrowed
   * @param hold says whether the host must not end before workers report
   */
  constructor(
    threads: WorkerThreads,
    clients: ReadonlySet<PoolClient>,
    hold: (isHeld: boolean) => void,
  ) {
    this.#threads = threads;
    this.#clients = clients;
    this.#hold = hold;
    this.#waiters = new Set();
    this.#isDue = false;
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Resolves when there is news, or after a while. @param onTimeout called in the latter case */
  async wait(milliseconds: number, onTimeout: () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      const callOff = this.#threads.timer(milliseconds, () => {
        onTimeout();
        done();
        this.tell();
      });
      const done = (): void => {
        callOff();
        this.#waiters.delete(done);
        if (this.#waiters.size === 0) this.#hold(false);
        resolve();
      };
      this.#waiters.add(done);
      this.#hold(true);
    });
  }

  /** Tells the clients, all but the one who looks itself, when nobody is in the midst of a call. */
  spread(asker: PoolClient): void {
    this.#wake();
    if (this.#isDue) return;
    for (const client of this.#clients) this.#isDue ||= client.hasNews && client !== asker;
    if (this.#isDue) this.#threads.timer(0, () => this.tell());
  }

  /** To be called in a turn of the host. */
  tell(): void {
    this.#wake();
    this.#isDue = false;
    for (const client of [...this.#clients]) if (client.hasNews) client.onNews();
  }

  #wake(): void {
    for (const { hasNews } of this.#clients) {
      if (!hasNews) continue;
      for (const waiter of [...this.#waiters]) waiter();
      return;
    }
  }
}
