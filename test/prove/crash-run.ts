/**
 * Runs a workload on a disk whose power is cut, and looks at what a power loss may leave of it.
 * @module
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Driver } from './driver.ts';
import { openSeeded } from './environment.ts';
import { History } from './history.ts';
import type { Operation } from './operations.ts';

/** What is run, over and over. */
export interface Workload {
  /** Done first, under other options, by a process that died with nothing left unsynced. */
  readonly before?: Omit<Workload, 'before'>;
  readonly options: DbOptions;
  readonly operations: readonly Operation[];
  /** What makes the file system of the database on the disk, where that is not the disk itself. */
  readonly mount?: Mount | undefined;
}

/** A file system on a disk, and what ends it. */
export type Mount = (disk: Fs) => Promise<{ fs: Fs; unmount: () => Promise<void> }>;

/** The disk itself. */
export const NO_MOUNT: Mount = async (disk) => ({ fs: disk, unmount: async () => {} });

/** What happens to a disk after the first cut: little, but of every kind. */
const AFTERMATH: readonly Operation[] = [
  { do: 'write', write: { family: 0, key: 'after', value: { seed: 1, length: 9 } }, sync: false },
  { do: 'write', write: { family: 0, key: 'k1', value: { seed: 2, length: 99 } }, sync: true },
  { do: 'write', write: { family: 0, key: 'k2' }, sync: false },
  { do: 'flush', family: undefined, wait: true },
  { do: 'write', write: { family: 0, key: 'k3', value: { seed: 3, length: 500 } }, sync: false },
];

/** Number of mutating file operations of a workload that runs to its end. */
export async function countOperations(workload: Workload, seed: number): Promise<number> {
  const { disk, history } = await beforehand(workload, seed);
  const fs = new CrashFs(disk);
  await new CrashRun(fs, workload, history, seed).run(workload.operations);
  return fs.operations;
}

/** The disk on which a workload begins. */
export async function beforehand(
  { before, mount }: Workload,
  seed: number,
): Promise<{ disk: MemoryFs; history: History }> {
  const disk = new MemoryFs();
  if (before === undefined) return { disk, history: new History() };
  const run = new CrashRun(new CrashFs(disk), { ...before, mount }, new History(), seed);
  return { disk: await run.runAndDie(before.operations), history: run.history };
}

/**
 * Cuts the power in the middle of the `cut`-th file operation of a workload, and checks what is
 * left under all variants.
 * @returns the number of disks that were looked at
 */
export async function cutAndCheck(workload: Workload, seed: number, cut: number): Promise<number> {
  const { disk: first, history } = await beforehand(workload, seed);
  const fs = new CrashFs(first);
  fs.cutAfter(cut);
  const run = new CrashRun(fs, workload, history, seed);
  await run.run(workload.operations);
  for (const variant of CRASH_VARIANTS) {
    const random = new SeededRandom(seed * 1_000_003 + cut);
    const disk = fs.crash(variant, random);
    await within(`power cut at operation ${cut}, variant ${variant}`, () =>
      checkDisk(disk, run.history, workload, random),
    );
  }
  return CRASH_VARIANTS.length;
}

/** Checks what is left on a disk, and that the database goes on from there. */
async function checkDisk(
  disk: MemoryFs,
  history: History,
  workload: Workload,
  random: SeededRandom,
): Promise<void> {
  const { options, mount = NO_MOUNT } = workload;
  const live = disk.clone();
  const run = new CrashRun(new CrashFs(live), workload, history, random.u32());
  await run.run(AFTERMATH);
  const { fs, unmount } = await mount(live);
  const db = await openSeeded(fs, random.u32(), options);
  run.history.expectAll(db);
  run.history.expectLookups(db);
  if (random.chance(0.1)) {
    const report = await db.verify();
    if (report.uncorrectable.length > 0) throw new Error('verify reports damage');
  }
  await db.close();
  await unmount();
  if (random.chance(0.5)) await cutAgain(disk, history, run.recoveredSeqno, workload, random);
}

/** Cuts the power a second time, while the first cut is recovered from or shortly after. */
async function cutAgain(
  disk: MemoryFs,
  history: History,
  seqno: number,
  workload: Workload,
  random: SeededRandom,
): Promise<void> {
  const { options, mount = NO_MOUNT } = workload;
  const fs = new CrashFs(disk);
  fs.cutAfter(1 + random.below(30));
  const run = new CrashRun(fs, workload, history, random.u32());
  await run.run(AFTERMATH);
  if (!fs.isOff) return;
  const variant = CRASH_VARIANTS[random.below(CRASH_VARIANTS.length)]!;
  await within(`second cut at operation ${fs.operations}, variant ${variant}`, async () => {
    const left = await mount(fs.crash(variant, random));
    const db = await openSeeded(left.fs, 1, options);
    const again = run.history.recognise(db).seqno;
    await db.close();
    if (again < seqno) throw new Error(`${again} is shown although ${seqno} was before`);
  });
}

async function within(where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${where}: ${why}`, { cause });
  }
}

/** One life of the database, which ends with a clean close or with the power. */
export class CrashRun {
  /** What may be found on the disk; another one than was given once the database is open. */
  history: History;
  /** As of which write the database was when it was opened first. */
  recoveredSeqno: number;
  private readonly fs: CrashFs;
  private readonly options: DbOptions;
  private readonly mount: Mount;
  private unmount: () => Promise<void>;
  private seed: number;
  private driver: Driver | undefined;

  constructor(
    fs: CrashFs,
    { options, mount = NO_MOUNT }: Pick<Workload, 'options' | 'mount'>,
    history: History,
    seed: number,
  ) {
    this.history = history;
    this.recoveredSeqno = 0;
    this.fs = fs;
    this.options = options;
    this.mount = mount;
    this.unmount = async () => {};
    this.seed = seed;
    this.driver = undefined;
  }

  /**
   * Opens the database, runs the operations and closes it.
   * @throws Error for any failure but that of the power
   */
  async run(operations: readonly Operation[]): Promise<void> {
    try {
      this.recoveredSeqno = await this.open();
      for (const operation of operations) {
        if (operation.do === 'reopen') {
          await this.driver!.close();
          await this.open();
        } else {
          await this.driver!.perform(operation);
        }
        if (this.fs.isOff) return;
      }
      await this.driver!.close();
    } catch (error) {
      if (!this.fs.isOff) throw error;
    } finally {
      await this.driver?.abandon();
    }
  }

  /**
   * Opens the database, runs the operations and leaves it as it is.
   * @returns a copy of the disk
   */
  async runAndDie(operations: readonly Operation[]): Promise<MemoryFs> {
    await this.open();
    for (const operation of operations) await this.driver!.perform(operation);
    const left = this.fs.crash('keepAll', new SeededRandom(1));
    this.history.acknowledge(this.history.lastSeqno);
    return left;
  }

  private async open(): Promise<number> {
    await this.unmount();
    const { fs, unmount } = await this.mount(this.fs);
    this.unmount = unmount;
    const db = await openSeeded(fs, this.seed++, this.options);
    const { seqno, history } = this.history.recognise(db);
    this.history = history;
    this.driver = new Driver(db, history, this.options);
    return seqno;
  }
}

/** Cuts the power at every `stride`-th file operation of a workload. */
export async function cutEverywhere(
  t: TestContext,
  workload: Workload,
  stride: number,
): Promise<void> {
  const total = await countOperations(workload, 1);
  let cuts = 0;
  let disks = 0;
  for (let cut = 1; cut <= total; cut += stride) {
    disks += await cutAndCheck(workload, 1, cut);
    cuts++;
  }
  t.diagnostic(`${cuts} power cuts, ${disks} disks`);
  assert.ok(cuts >= 20, `only ${cuts} cuts`);
}
