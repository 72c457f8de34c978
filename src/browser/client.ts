/**
 * A database for a page: the engine runs in a dedicated worker, over OPFS, and the page has its
 * verbs as promises. Tabs of a site that open the same one share it.
 * @module
 */
import type { DbEvent } from '../db/events.ts';
import type { DbOptions } from '../db/options.ts';
import { VarveError } from '../errors.ts';
import { Connection } from './connection.ts';
import { browserHost } from './host.ts';
import { PageDb } from './page-db.ts';
import { Tab } from './tab.ts';

/** Options of {@link openInWorker}. */
export interface OpenInWorkerOptions {
  /** Options of the database, as far as they can be cloned: no functions. */
  readonly db?: Omit<DbOptions, 'onEvent'>;
  /** Told of what the database does in the background. */
  readonly onEvent?: (event: DbEvent) => void;
  /** Files of the browser that may be open, 8 to 2000, default 128. */
  readonly handlesMax?: number;
  /** Asks the browser not to evict the data; default false. */
  readonly persist?: boolean;
  /**
   * Whether other tabs can have the database too; true if absent. One worker has the files, that of
   * the tab that leads; when that tab ends or is frozen, another one goes on, with its own `db`,
   * `handlesMax` and `persist`: give the same ones in all tabs.
   */
  readonly shared?: boolean;
  /** Address of the worker's program where a bundler does not find it: `varve/workers/opfs.js`. */
  readonly workerUrl?: string | { readonly href: string };
}

/**
 * Opens a database in a worker.
 * @param name of its directory in OPFS, made if it is not there
 * @throws TypeError for options that cannot be cloned
 * @throws VarveError `UNSUPPORTED` naming what the browser lacks, or when the worker cannot start;
 * `LOCKED` while another tab has it and one of the two does not share; whatever `open` throws
 */
export async function openInWorker(
  name: string,
  options: OpenInWorkerOptions = {},
): Promise<PageDb> {
  const { db = {}, handlesMax, persist, onEvent, shared = true, workerUrl } = options;
  if (globalThis.navigator?.locks === undefined) {
    throw new VarveError('UNSUPPORTED', 'there are no Web Locks (navigator.locks) here');
  }
  const host = browserHost(typeof workerUrl === 'object' ? workerUrl.href : workerUrl);
  const hasEvents = onEvent !== undefined;
  const order = { name, db, handlesMax, persist, hasEvents, isShared: shared };
  const connection = new Connection(onEvent);
  const tab = new Tab(host, order, connection);
  await tab.join();
  return new PageDb(connection, (reason) => tab.leave(reason));
}
