/**
 * What a tab needs of its browser to share a database with other tabs. Tests bring their own.
 * @module
 */
import type { HostLocks } from './locks.ts';
import type { Link } from './protocol.ts';

/** A worker, as far as it is used. */
export interface HostWorker {
  onmessage: ((event: { readonly data: never }) => void) | null;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
  postMessage(message: unknown, transfer?: object[]): void;
  terminate(): void;
}

/** See the module head. */
export interface TabHost {
  readonly locks: HostLocks;
  /** Random, 16 characters. */
  randomName(): string;
  /** Starts the program of worker.ts. */
  startWorker(): HostWorker;
  /** A pipe; the second end can be transferred. */
  pipe(): readonly [mine: Link, theirs: Link & object];
  /** A `BroadcastChannel`. */
  channel(name: string): Link;
  /**
   * Calls `pause` before the page is frozen or put away, and `resume` when it is back.
   * @returns what ends that
   */
  watchLifecycle(pause: () => void, resume: () => void): () => void;
}

/**
 * The browser that this page is in.
 * @param workerUrl of the program, if a bundler is not to find it
 */
export function browserHost(workerUrl: string | undefined): TabHost {
  return {
    locks: navigator.locks as unknown as HostLocks,
    randomName: () => {
      const bytes = crypto.getRandomValues(new Uint8Array(12));
      return btoa(String.fromCharCode(...bytes));
    },
    startWorker: () => {
      const worker =
        workerUrl === undefined
          ? // Bundlers look for exactly this.
            new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
          : new Worker(workerUrl, { type: 'module' });
      return worker as unknown as HostWorker;
    },
    pipe: () => {
      const { port1, port2 } = new MessageChannel();
      return [port1 as unknown as Link, port2 as unknown as Link];
    },
    channel: (name) => new BroadcastChannel(name) as unknown as Link,
    watchLifecycle,
  };
}

function watchLifecycle(pause: () => void, resume: () => void): () => void {
  const document = globalThis.document as Document | undefined;
  // `persisted`: the page may come back.
  const onHide = (event: Event): void => {
    if ((event as PageTransitionEvent).persisted) pause();
  };
  const events: [EventTarget | undefined, string, (event: Event) => void][] = [
    [document, 'freeze', pause],
    [document, 'resume', resume],
    [globalThis, 'pagehide', onHide],
    [globalThis, 'pageshow', resume],
  ];
  for (const [target, type, listener] of events) target?.addEventListener(type, listener);
  return () => {
    for (const [target, type, listener] of events) target?.removeEventListener(type, listener);
  };
}
