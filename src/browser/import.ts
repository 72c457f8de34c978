/**
 * Import of a whole database by a page, in a worker of its own.
 * @module
 */
import type { ImportReport } from '../backup/import.ts';
import { VarveError } from '../errors.ts';
import { errorOf } from './connection.ts';
import { browserHost, type HostWorker } from './host.ts';
import type { ImportNews, ImportPiece, ImportStart } from './import-protocol.ts';
import { holdLock } from './locks.ts';
import type { PageTaskOptions } from './page-db.ts';

/** How a page imports. */
export interface ImportInWorkerOptions extends PageTaskOptions {
  /** Address of the worker's program where a bundler does not find it: `varve/workers/opfs.js`. */
  readonly workerUrl?: string | { readonly href: string };
}

/** Bytes of a file in pieces: a `ReadableStream`, or whatever `for await` takes. */
export type ImportSource =
  | AsyncIterable<Uint8Array>
  | {
      getReader(): {
        read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
        cancel(reason?: unknown): Promise<unknown>;
      };
    };

/**
 * Makes a database of an export file: all of it or, after a failure or when the tab is closed
 * meanwhile, none. A piece is asked for when the one before is written.
 * @param name of its directory in OPFS, by which `openInWorker` opens it, with the same keys
 * @param source the bytes, which are copied: `file.stream()`, `response.body`
 * @throws VarveError `INVALID` for another file, or when there is a database of that name; `LOCKED`
 * while it is open; `CORRUPTION` when any byte is not what it was, or is missing; `UNSUPPORTED`,
 * `NOSPACE`, `IO`; what the source throws; the reason of the signal
 */
export async function importInWorker(
  name: string,
  source: ImportSource,
  options: ImportInWorkerOptions = {},
): Promise<ImportReport> {
  const { signal, workerUrl } = options;
  signal?.throwIfAborted();
  if (globalThis.navigator?.locks === undefined) {
    throw new VarveError('UNSUPPORTED', 'there are no Web Locks (navigator.locks) here');
  }
  const host = browserHost(typeof workerUrl === 'object' ? workerUrl.href : workerUrl);
  const release = await holdLock(host.locks, `varve-share:${name}`, { ifAvailable: true });
  if (release === undefined) throw new VarveError('LOCKED', `${name} is open in a tab`);
  const pieces = new Pieces(source);
  const worker = host.startWorker();
  try {
    return await feed(worker, { importInto: name }, pieces, options);
  } finally {
    worker.terminate();
    release();
    await pieces.close();
  }
}

/** Sends what the worker asks for, until it says what came of it. */
function feed(
  worker: HostWorker,
  start: ImportStart,
  pieces: Pieces,
  { signal, onProgress }: PageTaskOptions,
): Promise<ImportReport> {
  return new Promise((resolve, reject) => {
    /** Why the worker is told to give up. */
    let failure: { readonly reason: unknown } | undefined;
    const answer = async (): Promise<ImportPiece> => {
      try {
        signal?.throwIfAborted();
        return { piece: await pieces.next() };
      } catch (reason) {
        failure = { reason };
        return { piece: undefined, isBroken: true };
      }
    };
    worker.onmessage = ({ data }: { readonly data: ImportNews }) => {
      const { wantsPiece, progress, report } = data;
      if (wantsPiece === true) void answer().then((piece) => worker.postMessage(piece));
      else if (progress !== undefined) onProgress?.(...progress);
      else if (report !== undefined) resolve(report);
      else reject(failure === undefined ? errorOf(data.failure!) : failure.reason);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message ?? 'its program cannot be loaded';
      reject(new VarveError('UNSUPPORTED', `the worker of the import failed: ${why}`));
    };
    worker.postMessage(start);
  });
}

/** A source, whichever kind it is. */
class Pieces {
  readonly #next: () => Promise<{ readonly done?: boolean; readonly value?: unknown }>;
  readonly #end: () => unknown;

  constructor(source: ImportSource) {
    if ('getReader' in source) {
      const reader = source.getReader();
      this.#next = () => reader.read();
      this.#end = () => reader.cancel();
    } else {
      const iterator = source[Symbol.asyncIterator]();
      this.#next = () => iterator.next();
      this.#end = () => iterator.return?.();
    }
  }

  /** Undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#next();
    return done === true ? undefined : (value as Uint8Array);
  }

  /** Nobody wants more of it. */
  async close(): Promise<void> {
    try {
      await this.#end();
    } catch {
      // What matters of it has been told.
    }
  }
}
