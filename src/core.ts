/**
 * The engine without a runtime: `varve/core`. Everything of `varve` except that `open` must be
 * given its file system.
 * @module
 */

export type { Correction } from './block/block-reader.ts';
export type {
  CompactionOptions,
  FifoCompactionOptions,
  LeveledCompactionOptions,
  SizeTieredCompactionOptions,
  UpkeepOptions,
} from './compaction/options.ts';
export type { CompactionKind, CompactionReason } from './compaction/plan.ts';
export { lz4Compression } from './compress/lz4-compression.ts';
export type {
  CompressionChoice,
  CompressionOptions,
  ZstdOptions,
} from './compress/options.ts';
export type { CodecName, Compression, Compressor } from './compress/port.ts';
export { trainDictionary } from './compress/train-dictionary.ts';
export type { ZstdDictionary } from './compress/zstd-dictionary.ts';
export type { CheckpointReport } from './copy/checkpoint.ts';
export type { CopyOptions, FollowOptions } from './copy/pace.ts';
export type { EncryptionOptions, KeyProvider } from './crypto/key-options.ts';
export { nobleCrypto } from './crypto/noble.ts';
export type { AeadCipher, AeadSuite, CryptoPrimitives, SuiteName } from './crypto/port.ts';
export type { AcceptLossOptions, AcceptLossReport } from './db/accept-loss.ts';
export type { ScrubCycleStats, ScrubStats } from './db/background/scrubber.ts';
export type { StallStats } from './db/background/stall-log.ts';
export type {
  CompactOptions,
  PutOptions,
  ReadOptions,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
  WriteAsyncOptions,
  WriteOptions,
} from './db/call-options.ts';
export { ColumnFamily } from './db/column-family.ts';
export type { Counters } from './db/counters.ts';
export { Db } from './db/database.ts';
export { DbCursor } from './db/db-cursor.ts';
export { type EntriesOptions, EntryIterator } from './db/entries.ts';
export type {
  CloseFailedEvent,
  CompactionEvent,
  CompactionFailedEvent,
  CorrectedEvent,
  DbEvent,
  DroppedEvent,
  ErrorEvent,
  FileDamagedEvent,
  FileKeptEvent,
  FlushEvent,
  HealedEvent,
  KeptFile,
  LostEvent,
  RecoveryDroppedEvent,
  RecoveryProgressEvent,
  ScrubProgressEvent,
  StallEvent,
  StallKind,
  StallReason,
  TableCreatedEvent,
  TableDeletedEvent,
  WorkersUnavailableEvent,
} from './db/events.ts';
export type { Bytes } from './db/input.ts';
export type { MemoryUse } from './db/memory-budget.ts';
export { openDatabase } from './db/open.ts';
export type { ColumnFamilyOptions, DbOptions, Environment, ProfileName } from './db/options.ts';
export type { RangeOptions } from './db/range.ts';
export { repairDatabase } from './db/repair.ts';
export type { RepairOptions } from './db/repair-options.ts';
export {
  type SalvagedTable,
  type SalvageOptions,
  type SalvageReport,
  salvageDatabase,
} from './db/salvage.ts';
export type { DbScrubOptions, DbScrubReport, ScrubProgress } from './db/scrub.ts';
export type { BackgroundScrubOptions } from './db/scrub-options.ts';
export { Snapshot } from './db/snapshot.ts';
export type {
  Amplification,
  DbStats,
  EncryptionStats,
  EpochStats,
  FamilyStats,
  FamilyThresholds,
  LevelStats,
  SnapshotStats,
  StorageStats,
} from './db/stats.ts';
export { Watch, type WatchOptions } from './db/watch.ts';
export type {
  WatchEvent,
  WatchedBatch,
  WatchedDrop,
  WatchedOperation,
  WatchMissed,
} from './db/watch-events.ts';
export type { WatchRange } from './db/watch-ranges.ts';
export { WriteBatch, type WriteBatchOptions } from './db/write-batch.ts';
export type {
  BlockCodeOptions,
  EccOptions,
  ReedSolomonOptions,
  SecDedOptions,
  StripeOnlyOptions,
  StripeOptions,
  XorOptions,
} from './ecc/options.ts';
export type { AbortLike, Clock, HostLoop, Random, StopSignal } from './env/port.ts';
export { systemClock, systemHostLoop, systemRandom } from './env/system.ts';
export {
  type ErrorCode,
  type ErrorDetail,
  isVarveError,
  type LostKeys,
  VarveError,
} from './errors.ts';
export type { WorkerStats } from './executor/executor.ts';
export type { ModuleExport } from './executor/module-export.ts';
export type { WorkerEndpoint, WorkerListener, WorkerThreads } from './executor/port.ts';
export { type WebThreads, type WebThreadsOptions, webThreads } from './executor/web.ts';
export { MemoryFs } from './fs/memory.ts';
export { mountOpfs, OpfsFs, type OpfsOptions } from './fs/opfs.ts';
export type { OpfsDirectory, OpfsFile, OpfsPlatform, SyncAccess } from './fs/opfs-platform.ts';
export type {
  FileHandle,
  Fs,
  FsCapabilities,
  FsLock,
  HandleHolder,
  HandlePool,
  OpenMode,
  ReadableFile,
} from './fs/port.ts';
export type {
  DamagedPart,
  FileClassName,
  FileRange,
  Finding,
  ScrubFinding,
} from './integrity/finding.ts';
export type { FoundBytes, HealSource, WantedBytes } from './integrity/heal-source.ts';
export type {
  KeySpan,
  PutAside,
  RepairDoubt,
  RepairedFamily,
  RepairLoss,
  RepairReport,
} from './integrity/repair-report.ts';
export type { SalvageLoss } from './integrity/salvage.ts';
export {
  type ScrubOptions,
  type ScrubReport,
  scrubDirectory,
} from './integrity/scrub-directory.ts';
export type { ScrubHours } from './integrity/scrub-hours.ts';
export type { FinishedCycle, ScrubCounts, ScrubTotals } from './integrity/scrub-state.ts';
export type { LostRange } from './integrity/table-health.ts';
export type { Damage, VerifyDepth } from './integrity/verify-file.ts';
export { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './key/kind.ts';
export type { DroppedRange } from './wal/log-flaw.ts';
export type { WalRecoveryMode } from './wal/wal-replay.ts';
