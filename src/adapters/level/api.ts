/**
 * What `varve/level` has beside the class itself, which is another one in browsers.
 * @module
 */
export type { VarveChainedBatch } from './chained-batch.ts';
export { AbortError, LevelError, type LevelErrorCode } from './errors.ts';
export type { LevelDatabase, LevelRuntime } from './level-database.ts';
export type {
  BatchOptions,
  ChainedBatchWriteOptions,
  ClearOptions,
  DamageAware,
  DatabaseOptions,
  DelOptions,
  DestroyOptions,
  GetManyOptions,
  GetOptions,
  HasManyOptions,
  HasOptions,
  IteratorOptions,
  KeyIteratorOptions,
  OpenOptions,
  PutOptions,
  RepairOptions,
  ScanOptions,
  StartEndOptions,
  ValueIteratorOptions,
  WriteOptions,
} from './types.ts';
