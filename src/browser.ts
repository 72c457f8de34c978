/**
 * A database for a page: `varve/browser`. It has no part of the engine, which runs in a worker.
 * @module
 */

export { type OpenInWorkerOptions, openInWorker } from './browser/client.ts';
export {
  type AbortLike,
  type PageCompactOptions,
  PageDb,
  type PagePutOptions,
  type PageRangeOptions,
  type PageReadOptions,
  PageSnapshot,
  type PageWriteOptions,
} from './browser/page-db.ts';
export type { BatchOperation } from './browser/protocol.ts';
export { type ErrorCode, isVarveError, VarveError } from './errors.ts';
