/**
 * The options that Level opens a database with, as options of the engine.
 * @module
 */

import { type DbOptions, type Fs, isVarveError } from '../../core.ts';
import { joinPath } from '../../fs/port.ts';
import { CURRENT_NAME } from '../../manifest/file-names.ts';
import { LevelError, levelError } from './errors.ts';
import type { OpenOptions } from './types.ts';

/** All options of the engine; where one is missing here this does not compile. */
const ENGINE_OPTIONS: { readonly [name in Exclude<keyof DbOptions, 'fs'>]-?: true } = {
  createIfMissing: true,
  errorIfExists: true,
  allowForeignFiles: true,
  readOnly: true,
  columnFamilies: true,
  l0SlowdownCount: true,
  l0StopCount: true,
  compactionDebtSlowdownBytes: true,
  compactionDebtStopBytes: true,
  profile: true,
  rateLimitBytesPerSecond: true,
  scrub: true,
  memoryBudgetBytes: true,
  writeBufferBytes: true,
  blockCacheBytes: true,
  openTablesMax: true,
  workers: true,
  compaction: true,
  wal: true,
  walRecovery: true,
  clock: true,
  random: true,
  hostLoop: true,
  blockSizeBytes: true,
  restartInterval: true,
  filterBitsPerKey: true,
  targetTableBytes: true,
  l0TriggerCount: true,
  baseLevelBytes: true,
  levelRatio: true,
  entryChecksums: true,
  compression: true,
  walCompression: true,
  encryption: true,
  ecc: true,
  onEvent: true,
  healFrom: true,
};

/** A tuning option of classic-level, and the range that the engine's counterpart allows. */
interface Counterpart {
  readonly level: keyof OpenOptions;
  readonly engine: keyof DbOptions;
  readonly min: number;
  readonly max: number;
}

const MIB = 1_048_576;

/** As LevelDB does, values beyond what makes sense are brought into the range, not refused. */
const COUNTERPARTS: readonly Counterpart[] = [
  { level: 'cacheSize', engine: 'blockCacheBytes', min: 0, max: Number.MAX_SAFE_INTEGER },
  { level: 'writeBufferSize', engine: 'writeBufferBytes', min: 65_536, max: 1024 * MIB },
  { level: 'blockSize', engine: 'blockSizeBytes', min: 1024, max: MIB },
  { level: 'maxOpenFiles', engine: 'openTablesMax', min: 64, max: 50_000 },
  { level: 'blockRestartInterval', engine: 'restartInterval', min: 1, max: 256 },
  { level: 'maxFileSize', engine: 'targetTableBytes', min: MIB, max: 1024 * MIB },
];

/**
 * The engine's options out of those of Level, where plugins and other stores add their own: names
 * that the engine does not know are left out.
 */
export function engineOptions(options: OpenOptions, fs: Fs): DbOptions {
  const given = options as Readonly<Record<string, unknown>>;
  const result: Record<string, unknown> = { fs };
  for (const { level, engine, min, max } of COUNTERPARTS) {
    const value = given[level];
    if (typeof value !== 'number' || Number.isNaN(value)) continue;
    result[engine] = Math.min(max, Math.max(min, Math.floor(value)));
  }
  for (const name of Object.keys(ENGINE_OPTIONS)) {
    if (given[name] !== undefined) result[name] = given[name];
  }
  // classic-level's `true` asks for what is the default here as well; `false` is the engine's too.
  if (result['compression'] === true) delete result['compression'];
  return result;
}

/** The error to throw when opening failed; tells which of the two existence options refused. */
export function openError(error: unknown, directory: string, fs: Fs): unknown {
  if (!isVarveError(error, 'INVALID') || error.file !== directory) return levelError(error);
  const state = fs.exists(joinPath(directory, CURRENT_NAME)) ? 'exists' : 'does not exist';
  return new LevelError('VARVE_INVALID', `the database ${directory} ${state}`, error);
}
