/**
 * Profiles: sets of defaults for a kind of use. Options that are given go before them.
 * @module
 */
import type { ColumnFamilyOptions, ProfileName } from './options.ts';

/** What a profile sets. */
export interface Profile {
  readonly memoryBudgetBytes: number;
  /** The write buffer's share of the budget. */
  readonly writeBufferShare: number;
  readonly openTablesMax: number;
  /** Undefined: as many as suit the runtime. */
  readonly workers: number | undefined;
  readonly family: ColumnFamilyOptions;
}

const MIB = 1_048_576;

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  default: {
    memoryBudgetBytes: 128 * MIB,
    writeBufferShare: 1 / 8,
    openTablesMax: 500,
    workers: undefined,
    family: {},
  },
  balanced: {
    memoryBudgetBytes: 512 * MIB,
    writeBufferShare: 1 / 8,
    openTablesMax: 1000,
    workers: undefined,
    family: {
      targetTableBytes: 64 * MIB,
      baseLevelBytes: 256 * MIB,
      // The first levels are rewritten soon.
      compression: ['lz4', 'lz4', 'lz4', 'zstd'],
    },
  },
  'write-heavy': {
    memoryBudgetBytes: 512 * MIB,
    writeBufferShare: 1 / 4,
    openTablesMax: 1000,
    workers: undefined,
    family: {
      compaction: 'size-tiered',
      l0TriggerCount: 8,
      l0SlowdownCount: 40,
      l0StopCount: 72,
      targetTableBytes: 64 * MIB,
    },
  },
  'low-memory': {
    memoryBudgetBytes: 16 * MIB,
    writeBufferShare: 1 / 8,
    openTablesMax: 64,
    workers: 1,
    family: { targetTableBytes: 4 * MIB, baseLevelBytes: 16 * MIB },
  },
};
