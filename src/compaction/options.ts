/**
 * The choice of a compaction policy, as users give it and as the engine works with it.
 * @module
 */

/** When tables are rewritten for what they are, whatever the sizes: see docs/COMPACTION.md. */
export interface UpkeepOptions {
  /**
   * Share of tombstones among the entries of a table from which it is compacted, in percent: 1 to
   * 100, or 0 for never; 50 if absent.
   */
  readonly tombstonePercent?: number;
  /** Fewer tombstones than this in a table are left where they are: at least 1; 1000 if absent. */
  readonly tombstoneCountMin?: number;
  /**
   * Tables are rewritten when they were written this long ago: at least 60 000 (a minute), or 0 for
   * never; 0 if absent.
   */
  readonly periodicMs?: number;
}

/** Sorted levels, each a multiple of the one above: least space, good reads. */
export interface LeveledCompactionOptions extends UpkeepOptions {
  readonly policy: 'leveled';
  /**
   * Tables of L0 are merged with each other, not with what is below, while that is more than this
   * many times their size: 1 to 1000; 10 if absent.
   */
  readonly l0OverlapRatioMax?: number;
}

/** A few sorted runs that are merged when they are many: least writing. */
export interface SizeTieredCompactionOptions extends UpkeepOptions {
  readonly policy: 'size-tiered';
  /**
   * Everything below L0 becomes one run when the bytes above the last run exceed this share of it,
   * in percent: 10 to 10 000; 50 if absent.
   */
  readonly spaceAmplificationPercent?: number;
  /** Sorted runs below L0 that are left as they are: 1 to 5; 4 if absent. */
  readonly deepRunCountMax?: number;
}

/** Nothing is merged down; the oldest tables are dropped, with all they hold. */
export interface FifoCompactionOptions {
  readonly policy: 'fifo';
  /** Bytes of tables that are kept: at least 1 MiB; 1 GiB if absent. */
  readonly maxBytes?: number;
  /** Tables are dropped this long after they were written: at least 1000, or 0 for never; 0 if
   * absent. */
  readonly maxAgeMs?: number;
  /**
   * So many small young tables are merged into one: 2 to 64, or 0 for never; 0 if absent. Without
   * it nothing is written twice, and reads have many tables to look at.
   */
  readonly mergeTableCount?: number;
}

/** How the tables of a family are compacted: a policy, or its name for its defaults. */
export type CompactionOptions =
  | 'leveled'
  | 'size-tiered'
  | 'fifo'
  | LeveledCompactionOptions
  | SizeTieredCompactionOptions
  | FifoCompactionOptions;

/** Checked options of a policy, every setting filled in. */
export type LeveledPolicy = Required<LeveledCompactionOptions>;
export type SizeTieredPolicy = Required<SizeTieredCompactionOptions>;
export type FifoPolicy = Required<FifoCompactionOptions>;
export type CompactionPolicy = LeveledPolicy | SizeTieredPolicy | FifoPolicy;
/** Policies that merge, and so can put right what a table is. */
export type MergingPolicy = LeveledPolicy | SizeTieredPolicy;

/** A number that users may set. */
interface Setting {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  /** 0 is allowed besides, and means never. */
  readonly canBeOff: boolean;
}

const MIB = 1_048_576;
const MANY: number = Number.MAX_SAFE_INTEGER;

const UPKEEP_SETTINGS = {
  tombstonePercent: { fallback: 50, min: 1, max: 100, canBeOff: true },
  tombstoneCountMin: { fallback: 1000, min: 1, max: MANY, canBeOff: false },
  periodicMs: { fallback: 0, min: 60_000, max: MANY, canBeOff: true },
};
const SETTINGS: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  leveled: {
    ...UPKEEP_SETTINGS,
    l0OverlapRatioMax: { fallback: 10, min: 1, max: 1000, canBeOff: false },
  },
  'size-tiered': {
    ...UPKEEP_SETTINGS,
    spaceAmplificationPercent: { fallback: 50, min: 10, max: 10_000, canBeOff: false },
    deepRunCountMax: { fallback: 4, min: 1, max: 5, canBeOff: false },
  },
  fifo: {
    maxBytes: { fallback: 1024 * MIB, min: MIB, max: MANY, canBeOff: false },
    maxAgeMs: { fallback: 0, min: 1000, max: MANY, canBeOff: true },
    mergeTableCount: { fallback: 0, min: 2, max: 64, canBeOff: true },
  },
};

/**
 * Checks what a user chose and fills in the defaults; leveled if absent.
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value out of range
 */
export function parseCompactionOptions(value: CompactionOptions | undefined): CompactionPolicy {
  const chosen = value === undefined ? 'leveled' : value;
  const options = typeof chosen === 'string' ? { policy: chosen } : chosen;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('compaction must be the name of a policy or an object');
  }
  const { policy } = options;
  if (typeof policy !== 'string' || !Object.hasOwn(SETTINGS, policy)) {
    throw new TypeError(`compaction: unknown policy ${String(policy)}`);
  }
  const settings = SETTINGS[policy]!;
  for (const name of Object.keys(options)) {
    if (name !== 'policy' && !Object.hasOwn(settings, name)) {
      throw new TypeError(`unknown option of compaction '${policy}': ${name}`);
    }
  }
  const given: Readonly<Record<string, unknown>> = { ...options };
  const numbers = Object.entries(settings).map(([name, setting]) => [
    name,
    checkedNumber(given[name], setting, `compaction.${name}`),
  ]);
  // The table of settings has just what the type of each policy requires.
  return { policy, ...Object.fromEntries(numbers) } as CompactionPolicy;
}

function checkedNumber(value: unknown, setting: Setting, label: string): number {
  if (value === undefined) return setting.fallback;
  if (typeof value !== 'number') throw new TypeError(`${label} must be a number`);
  const { min, max, canBeOff } = setting;
  if (canBeOff && value === 0) return 0;
  if (!Number.isInteger(value) || value < min || value > max) {
    const range = `an integer from ${min} to ${max}${canBeOff ? ', or 0' : ''}`;
    throw new RangeError(`${label} must be ${range}, not ${value}`);
  }
  return value;
}
