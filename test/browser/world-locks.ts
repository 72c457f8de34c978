/**
 * Web Locks of a simulated browser: granted in the order of the requests, and freed when their
 * holder dies.
 * @module
 */
import type { HostLocks } from '../../src/browser/locks.ts';

/** Who may hold locks. */
export interface Context {
  readonly isDead: boolean;
}

interface LockRequest {
  readonly context: Context;
  readonly name: string;
  readonly isShared: boolean;
  readonly grant: (lock: unknown) => void;
}

/** See the module head. */
export class WorldLocks {
  readonly #held: LockRequest[];
  readonly #waiting: LockRequest[];
  readonly #later: (context: Context, task: () => void) => void;

  /** @param later runs a task of a context, in a while */
  constructor(later: (context: Context, task: () => void) => void) {
    this.#held = [];
    this.#waiting = [];
    this.#later = later;
  }

  /** The locks as a page or worker has them. */
  of(context: Context): HostLocks {
    return {
      request: (name, options, callback) =>
        new Promise((resolve, reject) => {
          if (context.isDead) return;
          const request: LockRequest = {
            context,
            name,
            isShared: options.mode === 'shared',
            grant: (lock) => {
              this.#later(context, () => {
                const release = (): void => this.#release(request);
                const held = callback(lock);
                void Promise.resolve(held).then(release, release);
                resolve(held);
              });
            },
          };
          if (options.ifAvailable === true && !this.#isFree(request)) {
            request.grant(null);
            return;
          }
          options.signal?.addEventListener('abort', () => {
            if (remove(this.#waiting, request)) reject(options.signal?.reason);
          });
          this.#waiting.push(request);
          this.#grantAll();
        }),
      query: async () => ({ held: this.#held.map(({ name }) => ({ name })) }),
    };
  }

  /** Takes a lock from whoever has it, who is not told. */
  steal(name: string): void {
    for (const request of [...this.#held]) if (request.name === name) this.#release(request);
  }

  /** Whether anybody has the lock. */
  isHeld(name: string): boolean {
    return this.#held.some((request) => request.name === name);
  }

  /** A page or worker is gone. */
  end(context: Context): void {
    for (const request of [...this.#waiting]) {
      if (request.context === context) remove(this.#waiting, request);
    }
    for (const request of [...this.#held]) {
      if (request.context === context) this.#release(request);
    }
  }

  #isFree(wanted: LockRequest): boolean {
    const isAhead = ({ name }: LockRequest): boolean => name === wanted.name;
    if (this.#waiting.some((request) => request !== wanted && isAhead(request))) return false;
    return this.#fits(wanted);
  }

  #fits(wanted: LockRequest): boolean {
    return this.#held.every(
      ({ name, isShared }) => name !== wanted.name || (isShared && wanted.isShared),
    );
  }

  #grantAll(): void {
    const passed = new Set<string>();
    for (const request of [...this.#waiting]) {
      if (passed.has(request.name)) continue;
      if (!this.#fits(request)) {
        passed.add(request.name);
        continue;
      }
      remove(this.#waiting, request);
      this.#held.push(request);
      request.grant({ name: request.name });
    }
  }

  #release(request: LockRequest): void {
    if (remove(this.#held, request)) this.#grantAll();
  }
}

function remove<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}
