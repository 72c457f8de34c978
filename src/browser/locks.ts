/**
 * Web Locks, which die with the page or worker that holds them.
 * @module
 */

/** Web Locks, as far as they are used. */
export interface HostLocks {
  request(
    name: string,
    options: {
      readonly mode?: 'exclusive' | 'shared';
      readonly ifAvailable?: boolean;
      readonly signal?: AbortSignal;
    },
    callback: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
  query(): Promise<{ readonly held?: { readonly name?: string }[] }>;
}

/** Takes a lock until it is given up. @returns what does so; undefined if it is not available */
export function holdLock(
  locks: HostLocks,
  name: string,
  options: { readonly mode?: 'exclusive' | 'shared'; readonly ifAvailable?: boolean } = {},
): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    const onLock = (lock: unknown): Promise<void> | undefined => {
      if (lock !== null) return new Promise<void>((release) => resolve(release));
      resolve(undefined);
      return undefined;
    };
    locks.request(name, options, onLock).catch(reject);
  });
}

/** Calls back once when nobody holds the lock any more. */
export function whenFree(locks: HostLocks, name: string, onFree: () => void): void {
  const onLock = (): undefined => {
    onFree();
    return undefined;
  };
  locks.request(name, {}, onLock).catch(() => {});
}
