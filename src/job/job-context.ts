/**
 * Where jobs run: the thread of the database, or a worker.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import type { Clock } from '../env/port.ts';
import type { Fs } from '../fs/port.ts';
import type { TableCache } from '../tables/table-cache.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** Where a job runs. */
export interface JobContext {
  readonly fs: Fs;
  readonly directory: string;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  /** Opens the tables that it reads. */
  readonly tables: TableCache;
  /** Of all background jobs of the database; undefined without a limit. */
  readonly limiter: RateLimiter | undefined;
}
