/**
 * A disk on which things go wrong: calls that fail, and somebody else who fills it up.
 * @module
 */
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle } from '../../src/fs/port.ts';
import { FaultFs, type FaultOperation } from '../../src/testing/fault-fs.ts';
import type { SeededRandom } from '../../src/testing/seeded-random.ts';

/** What the databases of these runs never come near. */
const CAPACITY_BYTES = 0x40_0000;
const FAILING_CALLS_MAX = 3;
const PASSING_CALLS = [1, 5, 30];
const SHORT_WRITE_BYTES_MAX = 300;
/** Calls that fail together. */
const FAULTS: readonly (readonly FaultOperation[])[] = [
  ['write'],
  ['sync', 'syncAsync'],
  ['syncDirectory'],
  ['open'],
  ['read'],
  ['remove'],
];
/** What is in the names of files of one kind, or of all. */
const FILES = ['', '.wal', '.sst', 'MANIFEST'];

/** See the module head. */
export class TroubledDisk {
  /** With what goes wrong. */
  readonly fs: FaultFs;
  /** The same without calls that fail. */
  readonly sound: MemoryFs;
  /** Times that there was less space than a database may need. */
  private fillings: number;
  /** Takes the space that the database is not to have. */
  private readonly ballast: FileHandle;
  /** False while calls do not fail, whatever is to come. */
  private isArmed: boolean;

  constructor() {
    this.sound = new MemoryFs({ capacityBytes: CAPACITY_BYTES });
    this.fs = new FaultFs(this.sound);
    this.fillings = 0;
    this.ballast = this.sound.open('ballast', 'create');
    this.isArmed = true;
  }

  /** @returns what tells whether nothing has gone wrong since now, nor could have */
  watch(): () => boolean {
    const wasFull = this.ballast.size() > 0;
    const { fillings } = this;
    const { faults } = this.fs;
    return () => !wasFull && this.fillings === fillings && this.fs.faults === faults;
  }

  /** Some of the next calls are going to fail. */
  fail(random: SeededRandom): void {
    const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)]!;
    const part = pick(FILES);
    this.fs.addRule({
      operation: pick(FAULTS),
      path: (path) => this.isArmed && path.includes(part),
      skip: random.below(pick(PASSING_CALLS)),
      times: 1 + random.below(FAILING_CALLS_MAX),
      effect: pick(['IO', 'NOSPACE'] as const),
      shortWriteBytes: random.below(SHORT_WRITE_BYTES_MAX),
    });
  }

  /** Leaves no more space than this. */
  fill(roomBytes: number): void {
    this.fillings++;
    this.empty();
    this.ballast.truncate(Math.max(0, this.sound.freeBytes('')! - roomBytes));
  }

  /** Gives back the space that others took. */
  empty(): void {
    this.ballast.truncate(0);
  }

  /** From now on no call fails. */
  mend(): void {
    this.fs.clearRules();
    this.empty();
  }

  /** Does something during which no call fails, nor counts among those that are to fail. */
  undisturbed<T>(work: () => T): T {
    this.isArmed = false;
    try {
      return work();
    } finally {
      this.isArmed = true;
    }
  }

  /** Names of the files in a directory that end in a certain way. */
  filesOf(directory: string, end: string): string[] {
    return this.sound.list(directory).filter((name) => name.endsWith(end));
  }
}
