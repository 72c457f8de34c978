/**
 * A database for a page: `varve/browser`. It has no part of the engine, which runs in a worker.
 * @module
 */

export type { ImportReport } from './backup/import.ts';
export { type OpenInWorkerOptions, openInWorker } from './browser/client.ts';
export type { PageProgress } from './browser/connection.ts';
export {
  type ImportInWorkerOptions,
  type ImportSource,
  importInWorker,
} from './browser/import.ts';
export {
  type PageByteStream,
  type PageCompactOptions,
  PageDb,
  type PagePutOptions,
  type PageRangeOptions,
  type PageReadOptions,
  type PageScrubOptions,
  PageSnapshot,
  type PageTaskOptions,
  type PageVerifyOptions,
  type PageWriteOptions,
} from './browser/page-db.ts';
export type {
  BatchOperation,
  PageWatchRange,
  ScrubFields,
  VerifyFields,
} from './browser/protocol.ts';
export { Watch, type WatchOptions } from './db/watch.ts';
export type {
  WatchEvent,
  WatchedBatch,
  WatchedDrop,
  WatchedOperation,
  WatchMissed,
} from './db/watch-events.ts';
export type { AbortLike } from './env/port.ts';
export { type ErrorCode, isVarveError, VarveError } from './errors.ts';
