/**
 * Varve behind the interface of Level: `varve/level`. Stands in where a library takes `level` or
 * `classic-level`. Needs the package abstract-level, version 3.
 * @module
 */
export type { VarveChainedBatch } from './level/chained-batch.ts';
export { AbortError, LevelError, type LevelErrorCode } from './level/errors.ts';
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
} from './level/types.ts';
export { VarveLevel, VarveLevel as Level } from './level/varve-level.ts';
