/**
 * The defaults and the checks of the options.
 * @module
 */

import { parseCompactionOptions } from '../compaction/options.ts';
import { parseCompression } from '../compress/options.ts';
import { parseEcc } from '../ecc/options.ts';
import type { HealSource } from '../integrity/heal-source.ts';
import { LEVEL_COUNT } from '../manifest/family-version.ts';
import type { WalRecoveryMode } from '../wal/wal-replay.ts';
import type {
  ColumnFamilyOptions,
  DbOptions,
  DbSettings,
  FamilySettings,
  ProfileName,
} from './options.ts';
import { PROFILES, type Profile } from './profiles.ts';
import { resolveScrub } from './scrub-options.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
/** Thresholds for writes, by the count of L0 tables at which compaction starts. */
const L0_SLOWDOWN_FACTOR = 5;
const L0_STOP_FACTOR = 9;
const L0_COUNT_MAX = 1000;
const MODES: readonly WalRecoveryMode[] = ['absolute', 'tolerate-tail', 'point-in-time', 'skip'];

/**
 * Completes and checks the options.
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value out of range
 */
export function resolveOptions(options: DbOptions): DbSettings {
  checkNames(options, DB_OPTION_NAMES, 'option');
  const profile = profileOf(options.profile);
  const { memoryBudgetBytes, openTablesMax, workers } = options;
  const budget = integer(memoryBudgetBytes, 'memoryBudgetBytes', MIB, profile.memoryBudgetBytes);
  const { encryption, ...shared } = options;
  const isEncrypted = isEncryptionGiven(encryption);
  const familyDefaults = resolveFamilyOptions(
    { ...shared, encryption: isEncrypted },
    resolveFamilyOptions(profile.family, FAMILY_DEFAULTS),
  );
  const families = new Map<string, FamilySettings>();
  for (const [name, own] of familyEntries(options.columnFamilies)) {
    if (own !== undefined) checkNames(own, FAMILY_OPTION_NAMES, `option of family '${name}'`);
    const settings = resolveFamilyOptions(own ?? {}, familyDefaults);
    if (settings.encryption && !isEncrypted) throw encryptionMissing(name);
    families.set(name, settings);
  }
  const walRecovery = options.walRecovery ?? 'tolerate-tail';
  if (!MODES.includes(walRecovery)) {
    throw new RangeError(`walRecovery must be one of ${MODES.join(', ')}`);
  }
  const buffer = Math.floor(budget * profile.writeBufferShare);
  return {
    ...sourcesOf(options.healFrom),
    createIfMissing: flag(options.createIfMissing, 'createIfMissing', true),
    errorIfExists: flag(options.errorIfExists, 'errorIfExists', false),
    allowForeignFiles: flag(options.allowForeignFiles, 'allowForeignFiles', false),
    readOnly: flag(options.readOnly, 'readOnly', false),
    families,
    familyDefaults,
    writeBufferBytes: integer(options.writeBufferBytes, 'writeBufferBytes', 16 * KIB, buffer),
    memoryBudgetBytes: budget,
    blockCacheBytes:
      options.blockCacheBytes === undefined
        ? undefined
        : integer(options.blockCacheBytes, 'blockCacheBytes', 0, 0),
    openTablesMax: integer(openTablesMax, 'openTablesMax', 16, profile.openTablesMax),
    workers: workers === undefined ? profile.workers : integer(workers, 'workers', 0, 0, 64),
    rateLimitBytesPerSecond: rateLimit(options.rateLimitBytesPerSecond),
    scrub: resolveScrub(options.scrub),
    wal: flag(options.wal, 'wal', true),
    walRecovery,
    walCompression: walCompression(options.walCompression),
  };
}

/**
 * Completes and checks the options of a family that is made in an open database. Throws as
 * {@link resolveOptions}.
 */
export function resolveNewFamily(
  options: ColumnFamilyOptions,
  defaults: FamilySettings,
): FamilySettings {
  checkNames(options, FAMILY_OPTION_NAMES, 'option of a column family');
  const settings = resolveFamilyOptions(options, defaults);
  if (settings.encryption && !defaults.encryption) throw encryptionMissing('a new one');
  return settings;
}

function resolveFamilyOptions(options: ColumnFamilyOptions, base: FamilySettings): FamilySettings {
  const { compression, ecc } = options;
  return {
    blockSizeBytes: integer(
      options.blockSizeBytes,
      'blockSizeBytes',
      512,
      base.blockSizeBytes,
      MIB,
    ),
    restartInterval: integer(
      options.restartInterval,
      'restartInterval',
      1,
      base.restartInterval,
      256,
    ),
    filterBitsPerKey: filterBits(options.filterBitsPerKey, base.filterBitsPerKey),
    targetTableBytes: integer(
      options.targetTableBytes,
      'targetTableBytes',
      64 * KIB,
      base.targetTableBytes,
      2048 * MIB,
    ),
    ...resolveL0Counts(options, base),
    ...resolveDebtLimits(options, base),
    baseLevelBytes: integer(
      options.baseLevelBytes,
      'baseLevelBytes',
      64 * KIB,
      base.baseLevelBytes,
    ),
    levelRatio: integer(options.levelRatio, 'levelRatio', 2, base.levelRatio, 100),
    compaction:
      options.compaction === undefined
        ? base.compaction
        : parseCompactionOptions(options.compaction),
    entryChecksums: flag(options.entryChecksums, 'entryChecksums', base.entryChecksums),
    compression:
      compression === undefined ? base.compression : parseCompression(compression, LEVEL_COUNT),
    ecc: ecc === undefined ? base.ecc : ecc === false ? undefined : parseEcc(ecc),
    encryption: flag(options.encryption, 'encryption', base.encryption),
  };
}

/** A trigger that is set on its own takes the thresholds for writes along. */
function resolveL0Counts(
  options: ColumnFamilyOptions,
  base: FamilySettings,
): Pick<FamilySettings, 'l0TriggerCount' | 'l0SlowdownCount' | 'l0StopCount'> {
  const trigger = options.l0TriggerCount;
  const l0TriggerCount = integer(trigger, 'l0TriggerCount', 1, base.l0TriggerCount, 64);
  const [slowdown, stop] =
    trigger === undefined
      ? [base.l0SlowdownCount, base.l0StopCount]
      : [trigger * L0_SLOWDOWN_FACTOR, trigger * L0_STOP_FACTOR];
  const slowdownMost = Math.min(slowdown, options.l0StopCount ?? stop);
  const l0SlowdownCount = integer(
    options.l0SlowdownCount,
    'l0SlowdownCount',
    1,
    slowdownMost,
    L0_COUNT_MAX,
  );
  // Below the trigger, writes would wait for a compaction that nothing calls for.
  const least = Math.max(l0TriggerCount, l0SlowdownCount);
  const l0StopCount = integer(
    options.l0StopCount,
    'l0StopCount',
    least,
    Math.max(stop, least),
    L0_COUNT_MAX,
  );
  return { l0TriggerCount, l0SlowdownCount, l0StopCount };
}

function resolveDebtLimits(
  { compactionDebtSlowdownBytes, compactionDebtStopBytes }: ColumnFamilyOptions,
  base: FamilySettings,
): Pick<FamilySettings, 'compactionDebtSlowdownBytes' | 'compactionDebtStopBytes'> {
  const slowdown = integer(
    compactionDebtSlowdownBytes,
    'compactionDebtSlowdownBytes',
    1,
    base.compactionDebtSlowdownBytes,
  );
  const fallback = Math.max(base.compactionDebtStopBytes, slowdown);
  const stop = integer(compactionDebtStopBytes, 'compactionDebtStopBytes', slowdown, fallback);
  return { compactionDebtSlowdownBytes: slowdown, compactionDebtStopBytes: stop };
}

function rateLimit(value: number | undefined): number {
  return value === 0 ? 0 : integer(value, 'rateLimitBytesPerSecond', 64 * KIB, 0);
}

/** @throws TypeError for a name that is no profile */
function profileOf(name: ProfileName | undefined): Profile {
  if (name === undefined) return PROFILES.default;
  if (typeof name !== 'string' || !Object.hasOwn(PROFILES, name)) {
    throw new TypeError(`profile must be one of ${Object.keys(PROFILES).join(', ')}`);
  }
  return PROFILES[name];
}

const FAMILY_DEFAULTS: FamilySettings = {
  blockSizeBytes: 4 * KIB,
  restartInterval: 8,
  filterBitsPerKey: [10],
  targetTableBytes: 32 * MIB,
  l0TriggerCount: 4,
  l0SlowdownCount: 4 * L0_SLOWDOWN_FACTOR,
  l0StopCount: 4 * L0_STOP_FACTOR,
  compactionDebtSlowdownBytes: 4 * GIB,
  compactionDebtStopBytes: 16 * GIB,
  baseLevelBytes: 64 * MIB,
  levelRatio: 10,
  compaction: parseCompactionOptions(undefined),
  entryChecksums: false,
  compression: parseCompression(undefined, LEVEL_COUNT),
  ecc: undefined,
  encryption: false,
};

/** Names of `ColumnFamilyOptions`. */
export const FAMILY_OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(FAMILY_DEFAULTS));
/** Names of `DbOptions`. */
export const DB_OPTION_NAMES: ReadonlySet<string> = new Set([
  ...FAMILY_OPTION_NAMES,
  'createIfMissing',
  'errorIfExists',
  'allowForeignFiles',
  'readOnly',
  'columnFamilies',
  'profile',
  'memoryBudgetBytes',
  'writeBufferBytes',
  'blockCacheBytes',
  'openTablesMax',
  'workers',
  'rateLimitBytesPerSecond',
  'scrub',
  'wal',
  'walRecovery',
  'walCompression',
  'onEvent',
  'healFrom',
  'fs',
  'clock',
  'random',
  'hostLoop',
]);

/** Paths, and sources that answer when they can; both fresh. */
function sourcesOf(value: unknown): Pick<DbSettings, 'healFrom' | 'healSources'> {
  const healFrom: string[] = [];
  const healSources: HealSource[] = [];
  if (value !== undefined && !Array.isArray(value)) throw noSource();
  for (const one of (value ?? []) as readonly unknown[]) {
    if (typeof one === 'string' && one !== '') healFrom.push(one);
    else if (isSource(one)) healSources.push(one);
    else throw noSource();
  }
  return { healFrom, healSources };
}

function isSource(value: unknown): value is HealSource {
  return typeof (value as Partial<HealSource> | null)?.read === 'function';
}

function noSource(): TypeError {
  return new TypeError('healFrom must be an array of paths and sources');
}

/** Refuses names that mean nothing: an option that is misspelt must not be ignored. */
function checkNames(options: object, known: ReadonlySet<string>, what: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object');
  }
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw new TypeError(`unknown ${what}: ${name}`);
  }
}

function familyEntries(
  families: DbOptions['columnFamilies'],
): [name: string, options: ColumnFamilyOptions | undefined][] {
  if (families === undefined) return [];
  if (Array.isArray(families)) return families.map((name) => [name, undefined]);
  if (Object.prototype.toString.call(families) !== '[object Object]') {
    throw new TypeError('columnFamilies must be an array of names or an object');
  }
  return Object.entries(families);
}

/** Whether there is anything to encrypt with; what it is worth is checked where keys are read. */
function isEncryptionGiven(encryption: DbOptions['encryption']): boolean {
  if (encryption === undefined || encryption === false) return false;
  if (typeof encryption !== 'object' || encryption === null) {
    throw new TypeError('encryption must be an object or false');
  }
  return true;
}

function encryptionMissing(name: string): TypeError {
  return new TypeError(`family '${name}' cannot be encrypted: the database has no encryption`);
}

function walCompression(value: DbOptions['walCompression']): 'none' | 'lz4' {
  if (value === undefined) return 'none';
  if (value !== 'none' && value !== 'lz4') {
    throw new TypeError("walCompression must be 'none' or 'lz4'");
  }
  return value;
}

function filterBits(
  value: number | readonly number[] | undefined,
  fallback: readonly number[],
): readonly number[] {
  if (value === undefined) return fallback;
  const levels = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(levels) || levels.length === 0) {
    throw new TypeError('filterBitsPerKey must be a number or a list of numbers');
  }
  return levels.map((bits) => {
    if (typeof bits !== 'number') throw new TypeError('filterBitsPerKey must hold numbers');
    if (bits !== 0 && !(bits >= 1 && bits <= 32)) {
      throw new RangeError('filterBitsPerKey must be 0 or 1 to 32');
    }
    return bits;
  });
}

function integer(
  value: number | undefined,
  name: string,
  min: number,
  fallback: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer of ${min} to ${max}, not ${value}`);
  }
  return value;
}

function flag(value: boolean | undefined, name: string, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`);
  return value;
}
