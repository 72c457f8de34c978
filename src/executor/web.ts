/**
 * Web workers of browsers, for a database whose thread is a worker too and may block. What its
 * threads say to each other stands in web-protocol.ts.
 * @module
 */
import { VarveError } from '../errors.ts';
import { MailboxReceiver, makeMailbox } from './mailbox.ts';
import type { ModuleExport } from './module-export.ts';
import { decodePlainData } from './plain-data.ts';
import type { WorkerEndpoint, WorkerListener, WorkerThreads } from './port.ts';
import { type Order, REPORTS_WORD, type Report } from './protocol.ts';
import type { NamedExport, StewardOrder, StewardStart, WorkerEnded } from './web-protocol.ts';

/** More do not help one database. */
const DEFAULT_COUNT_MAX = 4;

/** What the workers of {@link webThreads} are given. */
export interface WebThreadsOptions {
  /**
   * The function that makes the file system of a worker, called once in each with `argument`; what
   * it returns, or resolves to, is an `Fs` with the same files as that of the database.
   */
  readonly fs: ModuleExport;
  /**
   * The program of the thread that looks after the workers, where a bundler does not find it by
   * itself: an absolute URL of `varve/workers/web-steward.js`, or of a bundle of it.
   */
  readonly stewardUrl?: string | { readonly href: string };
  /** The same, for the program of a worker: `varve/workers/web-worker.js`. */
  readonly workerUrl?: string | { readonly href: string };
}

/** What the environment of `openDatabase` takes as `threads`; for several databases if need be. */
export interface WebThreads extends WorkerThreads {
  /** Ends all threads; after the databases that have them were closed. */
  close(): void;
}

/**
 * Makes background work run on web workers. `DbOptions.workers` says on how many: by default as
 * many as the machine has cores, 4 at most; they start when they are needed. One more thread looks
 * after them.
 * @throws TypeError for wrong options
 * @throws VarveError `UNSUPPORTED` on the main thread of a page, where nothing may block, without
 * SharedArrayBuffer, and where workers cannot start
 */
export async function webThreads(options: WebThreadsOptions): Promise<WebThreads> {
  const fs = checkedFs(options);
  const stewardUrl = checkedUrl(options.stewardUrl, 'stewardUrl');
  const workerUrl = checkedUrl(options.workerUrl, 'workerUrl');
  requireSharedMemory();
  requireBlocking();
  const threads = new Threads(stewardUrl);
  try {
    await threads.open(fs, workerUrl);
  } catch (error) {
    threads.close();
    throw error;
  }
  return threads;
}

/** How the database hears of the end of a worker. */
type OnEnded = (cause: string | undefined) => void;

class Threads implements WebThreads {
  readonly defaultCount: number;
  readonly #steward: Worker;
  readonly #port: MessagePort;
  readonly #stewardPort: MessagePort;
  readonly #running: Map<number, OnEnded>;
  #nextId: number;
  #isClosed: boolean;

  constructor(stewardUrl: string | undefined) {
    this.defaultCount = Math.min(navigator.hardwareConcurrency, DEFAULT_COUNT_MAX);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#stewardPort = port2;
    this.#running = new Map();
    this.#nextId = 0;
    this.#isClosed = false;
    this.#steward = makeSteward(stewardUrl);
  }

  /** Resolves when workers can be started from then on, even if this thread blocks. */
  async open(fs: NamedExport, workerUrl: string | undefined): Promise<void> {
    const port = this.#stewardPort;
    await new Promise((resolve, reject) => {
      this.#steward.onerror = (event) => {
        event.preventDefault();
        const cause = new Error(event.message ?? 'its program cannot be loaded');
        reject(new VarveError('UNSUPPORTED', 'a worker cannot be started', { cause }));
      };
      this.#port.onmessage = resolve;
      const start: StewardStart = { port, fs, workerUrl };
      try {
        this.#steward.postMessage(start, [port]);
      } catch (cause) {
        reject(new TypeError('the argument of fs must be cloneable', { cause }));
      }
    });
    this.#port.onmessage = ({ data: { id, cause } }: MessageEvent<WorkerEnded>) => {
      const onEnded = this.#running.get(id);
      this.#running.delete(id);
      onEnded?.(cause);
    };
  }

  start(signals: Int32Array, number: number, listener: WorkerListener): WorkerEndpoint {
    if (this.#isClosed) throw new VarveError('CLOSED', 'the threads were closed');
    const id = this.#nextId++;
    const mailbox = makeMailbox();
    const receiver = new MailboxReceiver(mailbox);
    const { port1, port2 } = new MessageChannel();
    const ended = new Promise<void>((resolve) => {
      this.#running.set(id, (cause) => {
        port1.close();
        if (cause !== undefined) listener.onDeath(new Error(cause));
        resolve();
      });
    });
    port1.onmessage = () => {
      receiver.payAttention();
      listener.onReport();
    };
    this.#tell({ type: 'start', id, signals, number, mailbox, port: port2 }, [port2]);
    return {
      send: (order: Order) => port1.postMessage(order),
      receive: () => {
        const message = receiver.receive();
        return message === undefined ? undefined : (decodePlainData(message) as Report);
      },
      // A browser does not end for lack of work.
      hold: () => {},
      terminate: () => {
        this.#tell({ type: 'end', id }, []);
        return ended;
      },
    };
  }

  wait(signals: Int32Array, seen: number, milliseconds: number): void {
    Atomics.wait(signals, REPORTS_WORD, seen, milliseconds);
  }

  timer(milliseconds: number, callback: () => void): () => void {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  }

  /** A browser does not end for lack of work. */
  later(milliseconds: number, callback: () => void): () => void {
    return this.timer(milliseconds, callback);
  }

  close(): void {
    this.#isClosed = true;
    this.#steward.terminate();
    this.#port.close();
    // The workers end with their maker.
    for (const onEnded of this.#running.values()) onEnded('the threads were closed');
    this.#running.clear();
  }

  #tell(order: StewardOrder, transferred: MessagePort[]): void {
    this.#port.postMessage(order, transferred);
  }
}

function makeSteward(url: string | undefined): Worker {
  const options = { type: 'module', name: 'varve steward' } as const;
  if (url !== undefined) return new Worker(url, options);
  // Bundlers look for exactly this.
  return new Worker(new URL('./web-steward.js', import.meta.url), { type: 'module' });
}

function checkedUrl(
  url: string | { readonly href: string } | undefined,
  name: string,
): string | undefined {
  if (url === undefined) return undefined;
  const href = typeof url === 'string' ? url : url?.href;
  if (typeof href !== 'string' || !URL.canParse(href)) {
    throw new TypeError(`${name} must be an absolute URL`);
  }
  return href;
}

/** Checks the options. */
function checkedFs({ fs }: WebThreadsOptions): NamedExport {
  const { module, export: name, argument } = fs;
  if (typeof name !== 'string') throw new TypeError('the export of fs must be a name');
  const url = typeof module === 'string' ? module : module.href;
  if (!URL.canParse(url)) {
    throw new TypeError(`the module of fs must be an absolute URL, not '${url}'`);
  }
  return { module: url, export: name, argument };
}

/** Where it is missing, the headers of the page are nearly always the reason. */
function requireSharedMemory(): void {
  const isShared = typeof SharedArrayBuffer !== 'undefined';
  if (isShared && globalThis.crossOriginIsolated !== false) return;
  const text =
    'webThreads needs SharedArrayBuffer: the page, and the scripts of its workers, must be served' +
    " with the headers 'Cross-Origin-Opener-Policy: same-origin' and" +
    " 'Cross-Origin-Embedder-Policy: require-corp'";
  throw new VarveError('UNSUPPORTED', text);
}

function requireBlocking(): void {
  const text = 'webThreads needs a web worker around it, and workers and locks inside:';
  if (typeof Worker === 'undefined' || globalThis.navigator?.locks === undefined) {
    throw new VarveError('UNSUPPORTED', `${text} this runtime has none`);
  }
  try {
    // Returns at once, where it is allowed.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
  } catch (cause) {
    const why = 'the main thread of a page may not block';
    throw new VarveError('UNSUPPORTED', `${text} ${why}`, { cause });
  }
}
