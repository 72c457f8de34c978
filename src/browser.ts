/**
 * A database for a page: `varve/browser`. It has no part of the engine, which runs in a worker.
 * @module
 */

export {
  type AbortLike,
  type OpenInWorkerOptions,
  openInWorker,
  type PageCompactOptions,
  PageDb,
  type PagePutOptions,
  type PageRangeOptions,
  type PageReadOptions,
  PageSnapshot,
  type PageWriteOptions,
} from './browser/client.ts';
export type { BatchOperation } from './browser/protocol.ts';
export { type ErrorCode, isVarveError, VarveError } from './errors.ts';
