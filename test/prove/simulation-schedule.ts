/**
 * What happens in a simulation, and under which options: all of it follows from the seed and from
 * nothing that the database does.
 *
 * Every seed leaves some kinds of steps out and does others more often: what goes wrong only when
 * something never or always happens would else be found by luck alone.
 * @module
 */
import type { CompactionOptions } from '../../src/compaction/options.ts';
import type { EncryptionOptions } from '../../src/crypto/key-options.ts';
import type { ColumnFamilyOptions, DbOptions } from '../../src/db/options.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import type { WriteManner } from './driver.ts';
import { FAMILY_PLACES, type Operation, operationFrom, type WriteSpec } from './operations.ts';

/** One thing that happens. */
export type Step =
  | { readonly do: 'operation'; readonly operation: Operation }
  /** The program waits while work that it has begun goes on. */
  | { readonly do: 'idle'; readonly turns: number }
  /** Threads get on while the program does something else. */
  | { readonly do: 'work'; readonly rounds: number }
  | { readonly do: 'time'; readonly milliseconds: number }
  | { readonly do: 'pause' }
  | { readonly do: 'unpause' }
  | { readonly do: 'scrub' }
  /**
   * A bit of a file that has parity is turned on the disk, or a chunk of one that has stripes is
   * lost; numbers say which.
   */
  | { readonly do: 'damage'; readonly file: number; readonly at: number; readonly bit: number }
  | { readonly do: 'kill-worker' }
  | { readonly do: 'die' }
  | { readonly do: 'cut' }
  | { readonly do: 'cut-later'; readonly operations: number };

const KIB = 1024;
const MIB = 1024 * KIB;
/** One seed in so many has values so large that merges are cut into parts. */
const HEAVY_SHARE = 16;
const HEAVY_WRITES = 70;
const HEAVY_VALUE_BYTES = 20_000;
const CHURN_WRITES_MAX = 60;
const DELETES_MAX = 120;
/** Most changing file operations before a cut: about so many happen in a life. */
const CUT_OPERATIONS_MAX = 2000;
/** A cut so soon comes while the database is being opened. */
const EARLY_CUT_OPERATIONS_MAX = 40;
/** How much more or less often than usual something happens. */
const FACTORS = [0, 0.3, 1, 1, 1, 3];
/** Reads and writes that a seed may do without. */
const MUTABLE_KINDS: readonly Operation['do'][] = [
  ...(['get', 'scan', 'open-cursor', 'take-snapshot', 'release-snapshot', 'close-cursor'] as const),
  ...(['sync', 'flush', 'compact', 'create-family', 'drop-family', 'verify', 'size'] as const),
];

/** See the module head. */
export class Schedule {
  /** Families that the options name; they are there whenever the database is open. */
  readonly namedFamilies: readonly string[];
  private readonly random: SeededRandom;
  private readonly isHeavy: boolean;
  /** Most processes write parity, so that damage can be healed. */
  private readonly isGuarded: boolean;
  /** The whole database forgets, not just one family. */
  private readonly isFifo: boolean;
  private readonly encryption: EncryptionOptions | undefined;
  private readonly muted: ReadonlySet<string>;
  private readonly steps: readonly (readonly [weight: number, make: () => Step])[];
  private readonly queueFamily: number;
  private queueBegin: number;
  private queueEnd: number;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.random = random;
    this.isHeavy = random.below(HEAVY_SHARE) === 0;
    this.isFifo = random.chance(0.08);
    this.encryption = random.chance(0.1) ? ENCRYPTION : undefined;
    this.isGuarded = random.chance(0.3);
    this.namedFamilies = ['family-1', 'family-3'].filter(() => random.chance(0.6));
    this.muted = new Set(MUTABLE_KINDS.filter(() => random.chance(0.15)));
    this.queueFamily = random.below(FAMILY_PLACES);
    this.queueBegin = 0;
    this.queueEnd = 0;
    const factor = () => FACTORS[random.below(FACTORS.length)]!;
    this.steps = [
      [700, () => this.operation()],
      [60 * factor(), () => this.churn()],
      [15 * factor(), () => this.deletes()],
      [8 * factor(), () => ({ do: 'operation', operation: this.familyChange() })],
      [60 * factor(), () => ({ do: 'idle', turns: 1 + random.below(60) })],
      [60 * factor(), () => ({ do: 'work', rounds: 1 + random.below(30) })],
      [25 * factor(), () => ({ do: 'time', milliseconds: 1 + random.below(40_000) })],
      [6 * factor(), () => ({ do: 'pause' })],
      [20, () => ({ do: 'unpause' })],
      [20 * factor(), () => ({ do: 'kill-worker' })],
      [12 * factor(), () => ({ do: 'scrub' })],
      [25 * factor(), () => this.damage()],
      [3 * factor(), () => ({ do: 'die' })],
      [3 * factor(), () => ({ do: 'cut' })],
      [8 * factor(), () => ({ do: 'cut-later', operations: this.cutOperations() })],
      [this.isHeavy ? 60 : 0, () => this.bulk()],
    ];
  }

  /** True when entries of a family may go by themselves, whatever the life. */
  isForgetful(family: string): boolean {
    return this.isFifo ? !this.namedFamilies.includes(family) : family === this.fifoFamily;
  }

  /** What happens next. */
  next(): Step {
    const total = this.steps.reduce((sum, [weight]) => sum + weight, 0);
    let draw = this.random.below(Math.ceil(total));
    for (const [weight, make] of this.steps) {
      if (draw < weight) return make();
      draw -= weight;
    }
    return this.operation();
  }

  /** Threads of the next process; 0 for none. */
  workerCount(): number {
    return this.isHeavy ? 2 + this.random.below(2) : this.random.below(4);
  }

  /** How the next process writes. */
  writeManner(): WriteManner {
    return this.pick(['plain', 'plain', 'plain', 'async', 'no-wait'] as const);
  }

  /** Changing file operations until the power goes while the next process begins, if it does. */
  earlyCut(): number | undefined {
    return this.random.chance(0.2) ? 1 + this.random.below(EARLY_CUT_OPERATIONS_MAX) : undefined;
  }

  /** Options of the next process. */
  options(): DbOptions {
    const { random } = this;
    const own = this.namedFamilies.map((name) => [name, this.familyOptions(name)] as const);
    return {
      ...this.treeOptions(),
      compaction: this.isFifo ? this.fifo() : this.merging(),
      columnFamilies: Object.fromEntries(own),
      writeBufferBytes: this.isHeavy ? MIB : this.pick([16, 32, 64, 256]) * KIB,
      blockCacheBytes: this.pick([0, 8 * KIB, 256 * KIB]),
      openTablesMax: this.pick([16, 500]),
      rateLimitBytesPerSecond: this.pick([0, 0, 0, this.isHeavy ? 32 * MIB : MIB]),
      wal: random.chance(0.85),
      walCompression: random.chance(0.1) ? 'lz4' : 'none',
      ...(random.chance(this.isGuarded ? 0.9 : 0.1)
        ? { ecc: this.pick([{ scheme: 'secded' }, XOR, STRIPED] as const) }
        : {}),
      ...(this.encryption === undefined
        ? {}
        : { encryption: { ...this.encryption, epoch: 1 + random.below(2) } }),
    };
  }

  /** Families come and go. */
  private familyChange(): Operation {
    const family = 1 + this.random.below(FAMILY_PLACES - 1);
    return { do: this.pick(['create-family', 'drop-family'] as const), family };
  }

  private get fifoFamily(): string {
    return 'family-3';
  }

  private familyOptions(name: string): ColumnFamilyOptions {
    const isFifo = !this.isFifo && name === this.fifoFamily;
    return { ...this.treeOptions(), compaction: isFifo ? this.fifo() : this.merging() };
  }

  private treeOptions() {
    const { random } = this;
    const l0TriggerCount = 1 + random.below(5);
    return {
      targetTableBytes: this.isHeavy ? MIB : this.pick([64, 64, 128]) * KIB,
      baseLevelBytes: this.isHeavy ? 4 * MIB : this.pick([64, 128, 256]) * KIB,
      levelRatio: 2 + random.below(5),
      l0TriggerCount,
      l0SlowdownCount: l0TriggerCount + random.below(4),
      l0StopCount: l0TriggerCount + 4 + random.below(8),
      compactionDebtSlowdownBytes: this.pick([1, 4, 4096]) * MIB,
      compactionDebtStopBytes: this.pick([4096, 8192]) * MIB,
      blockSizeBytes: this.pick([512, 1024, 4096]),
      restartInterval: this.pick([1, 3, 8]),
      filterBitsPerKey: this.pick([0, 10, [12, 6, 0]]),
      entryChecksums: random.chance(0.15),
      compression: this.pick(['none', 'none', 'none', 'none', 'lz4', ['lz4', 'zstd']] as const),
    };
  }

  private merging(): CompactionOptions {
    const { random } = this;
    const upkeep = {
      tombstonePercent: this.pick([0, 20, 50]),
      tombstoneCountMin: this.pick([1, 20, 1000]),
      periodicMs: this.pick([0, 0, 60_000]),
    };
    if (random.chance(0.65)) {
      return { policy: 'leveled', l0OverlapRatioMax: this.pick([1, 10]), ...upkeep };
    }
    const spaceAmplificationPercent = this.pick([20, 50, 200]);
    const deepRunCountMax = 1 + random.below(5);
    return { policy: 'size-tiered', spaceAmplificationPercent, deepRunCountMax, ...upkeep };
  }

  private fifo(): CompactionOptions {
    return {
      policy: 'fifo',
      maxBytes: MIB,
      maxAgeMs: this.pick([0, 5000, 60_000]),
      mergeTableCount: this.pick([0, 2, 4]),
    };
  }

  private operation(): Step {
    for (;;) {
      const operation = operationFrom(this.random);
      if (this.muted.has(operation.do)) continue;
      // Seldom does the program wait: other steps are to go on meanwhile.
      if (!('wait' in operation)) return { do: 'operation', operation };
      return { do: 'operation', operation: { ...operation, wait: this.random.chance(0.15) } };
    }
  }

  /** Appends to a queue and takes from its other end. */
  private churn(): Step {
    const { random, queueFamily: family } = this;
    const writes: WriteSpec[] = [];
    for (let i = random.below(CHURN_WRITES_MAX); i > 0; i--) {
      const value = { seed: random.u32(), length: random.below(300) };
      writes.push({ family, key: queueKey(this.queueEnd++), value });
    }
    for (let i = random.below(CHURN_WRITES_MAX); i > 0 && this.queueBegin < this.queueEnd; i--) {
      writes.push({ family, key: queueKey(this.queueBegin++) });
    }
    return batch(writes, random.chance(0.1));
  }

  private damage(): Step {
    const { random } = this;
    return { do: 'damage', file: random.u32(), at: random.u32(), bit: random.below(8) };
  }

  /** Deletes keys in order. */
  private deletes(): Step {
    const { random } = this;
    const family = random.below(FAMILY_PLACES);
    const first = random.below(4000);
    const keys = Array.from({ length: 1 + random.below(DELETES_MAX) }, (_, i) => first + i);
    return batch(
      keys.map((key) => ({ family, key: key.toString().padStart(8, '0') })),
      false,
    );
  }

  /** Megabytes. */
  private bulk(): Step {
    const { random } = this;
    const writes = Array.from({ length: HEAVY_WRITES }, () => {
      const key = random.below(4000).toString().padStart(8, '0');
      return { family: 0, key, value: { seed: random.u32(), length: HEAVY_VALUE_BYTES } };
    });
    return batch(writes, false);
  }

  /** As often below ten as between ten and a hundred, and so on. */
  private cutOperations(): number {
    return Math.ceil(CUT_OPERATIONS_MAX ** (this.random.below(1000) / 1000));
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }
}

const ENCRYPTION: EncryptionOptions = {
  suite: 'aes-256-gcm',
  epoch: 1,
  keys: testKeys(2),
  encryptExisting: true,
};
const XOR = { scheme: 'xor', data: 3 } as const;
const STRIPED = { scheme: 'none', stripe: { data: 4, parity: 1 } } as const;

function batch(writes: readonly WriteSpec[], sync: boolean): Step {
  return { do: 'operation', operation: { do: 'batch', writes, sync } };
}

function queueKey(number: number): string {
  return `q${number.toString().padStart(8, '0')}`;
}
