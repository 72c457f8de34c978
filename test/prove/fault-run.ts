/**
 * Runs a workload on a file system that fails once, and checks that the failure is said, that
 * nothing is lost by it, and that the database comes back.
 * @module
 */
import type { TestContext } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { FaultFs, type FaultOperation, type FaultRule } from '../../src/testing/fault-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { beforehand, NO_MOUNT, type Workload } from './crash-run.ts';
import { Driver } from './driver.ts';
import { openSeeded } from './environment.ts';
import type { History } from './history.ts';
import type { Operation } from './operations.ts';

/** How a run goes. */
export interface FaultSettings {
  /** What to do when the database says that something failed. */
  readonly answer: 'resume' | 'close';
  /** The rules of the file system fail further calls until they are removed. */
  readonly isLasting: boolean;
  /** The power is cut in the end: only what was synced counts. */
  readonly losesPower: boolean;
}

export const RESUME: FaultSettings = { answer: 'resume', isLasting: false, losesPower: false };
export const CLOSE: FaultSettings = { ...RESUME, answer: 'close' };
export const LASTING: FaultSettings = { ...RESUME, isLasting: true };

/** Calls that a database has to do without, or says that it cannot. */
export const FAULT_OPERATIONS: readonly FaultOperation[] = [
  'createDirectory',
  'lock',
  'list',
  'open',
  'read',
  'write',
  'sync',
  'syncAsync',
  'syncDirectory',
  'remove',
];

/**
 * Runs a workload in which the `count`-th call that the rule matches fails. A sync that fails loses
 * what it should have made durable, as soon as the power goes.
 * @returns the number of calls that failed, and how often the database said so
 */
export async function runWithFault(
  workload: Workload,
  rule: Omit<FaultRule, 'skip'>,
  count: number,
  settings: FaultSettings,
): Promise<{ faults: number; failures: number }> {
  const { disk: first, history } = await beforehand(workload, 4 + (count % 2));
  const disk = settings.losesPower ? new CrashFs(first) : first;
  const onFault: FaultRule['onFault'] = ({ operation, path }) => {
    const isSync = operation === 'sync' || operation === 'syncAsync';
    if (disk instanceof CrashFs && isSync) disk.loseUnsynced(path);
  };
  const fs = new FaultFs(disk);
  fs.failCall(count, { ...rule, onFault });
  const run = new FaultRun(fs, workload, settings, history, 4 + (count % 2));
  try {
    await run.run();
    if (disk instanceof MemoryFs) await run.check(disk);
    else for (const left of leftOf(disk, count)) await run.check(left);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const what = `${JSON.stringify(rule)}, ${JSON.stringify(settings)}, call ${count}`;
    throw new Error(`${what}: ${why}`, { cause });
  }
  return { faults: fs.faults, failures: run.failures };
}

function leftOf(disk: CrashFs, seed: number): MemoryFs[] {
  const variants = ['dropAll', 'torn', 'reorder', 'keepAll'] as const;
  return variants.map((variant) => disk.crash(variant, new SeededRandom(seed)));
}

class FaultRun {
  /** What has to be there in the end. */
  history: History;
  /** Calls of the database that threw. */
  failures: number;
  private readonly fs: FaultFs;
  private readonly workload: Workload;
  private readonly settings: FaultSettings;
  /** Also says who does the background work; see environment.ts. */
  private readonly seed: number;
  private driver: Driver | undefined;
  private unmount: () => Promise<void>;

  constructor(
    fs: FaultFs,
    workload: Workload,
    settings: FaultSettings,
    history: History,
    seed: number,
  ) {
    this.seed = seed;
    this.history = history;
    this.failures = 0;
    this.fs = fs;
    this.workload = workload;
    this.settings = settings;
    this.driver = undefined;
    this.unmount = async () => {};
  }

  /**
   * Runs the workload, to its end or, with `close`, to the first failure, and closes the database.
   * Whatever the rules of the file system are, they are gone once a call has failed.
   */
  async run(): Promise<void> {
    try {
      await this.live();
    } finally {
      await this.unmount();
    }
  }

  private async live(): Promise<void> {
    await this.open();
    for (const operation of this.workload.operations) {
      if (operation.do !== 'reopen') {
        if (!(await this.step(operation))) break;
        continue;
      }
      const isDurable = await this.close();
      if (this.settings.losesPower && !isDurable) return;
      await this.open();
    }
    await this.close();
  }

  /** Opens what the run has left on a disk, and compares. */
  async check(disk: Fs): Promise<void> {
    const { options, mount = NO_MOUNT } = this.workload;
    const { fs, unmount } = await mount(disk);
    const db = await openSeeded(fs, 99, options);
    this.history.recognise(db);
    const { uncorrectable } = await db.verify();
    if (uncorrectable.length > 0) throw new Error('verify reports damage');
    await db.close();
    await unmount();
  }

  /** A failed attempt to open must leave nothing behind that hinders the next one. */
  private async open(): Promise<void> {
    const { options } = this.workload;
    const db = await this.tryTwice(async () =>
      openSeeded(await this.mounted(), this.seed, options),
    );
    const { history } = await this.tryTwice(async () => this.history.recognise(db));
    this.history = history;
    this.driver = new Driver(db, history, options);
  }

  private async mounted(): Promise<Fs> {
    await this.unmount();
    this.unmount = async () => {};
    const { mount = NO_MOUNT } = this.workload;
    const { fs, unmount } = await mount(this.fs);
    this.unmount = unmount;
    return fs;
  }

  private async tryTwice<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.noteFailure(error);
      return work();
    }
  }

  /**
   * Closing always ends, if only with an error. A log keeps what was written in any case, as long
   * as the power stays on.
   * @returns true when everything is durable
   */
  private async close(): Promise<boolean> {
    const driver = this.driver!;
    let isDurable = true;
    try {
      await driver.close();
    } catch (error) {
      this.noteFailure(error);
      isDurable = false;
    }
    const { losesPower } = this.settings;
    if (this.workload.options.wal !== false && !losesPower)
      this.history.acknowledge(driver.db.seqno);
    return isDurable;
  }

  /** @returns false when the workload ends here */
  private async step(operation: Operation): Promise<boolean> {
    const driver = this.driver!;
    const mark = this.history.lastSeqno;
    try {
      await driver.perform(operation);
    } catch (error) {
      if (this.settings.isLasting) await this.endure(error, mark);
      this.noteFailure(error);
      this.history.expectAll(driver.db, mark);
      if (this.settings.answer === 'close') return false;
      this.history.undo(mark);
      await driver.db.resume();
      this.history.expectAll(driver.db);
      await driver.perform(operation);
    }
    await this.tryTwice(async () => this.history.expectAll(driver.db));
    return true;
  }

  /** The failure goes on: reads are right as far as there are any, and `resume` says so too. */
  private async endure(error: unknown, mark: number): Promise<void> {
    const { db } = this.driver!;
    if (!(error instanceof VarveError)) throw error;
    for (const attempt of [
      () => this.history.expectAll(db, mark),
      () => db.resume(),
      () => this.history.expectAll(db, mark),
    ]) {
      try {
        await attempt();
      } catch (again) {
        if (!(again instanceof VarveError)) throw again;
      }
    }
  }

  private noteFailure(error: unknown): void {
    if (!(error instanceof VarveError)) throw error;
    if (this.fs.faults === 0) throw new Error('an error without a fault', { cause: error });
    if (error.code !== 'IO' && error.code !== 'NOSPACE') throw error;
    this.failures++;
    this.fs.clearRules();
  }
}

/** Fails every `stride`-th call that the rule matches, each in a run of its own. */
export async function failEach(
  workload: Workload,
  rule: Omit<FaultRule, 'skip'>,
  settings: FaultSettings,
  stride = 1,
): Promise<{ faults: number; failures: number }> {
  const sum = { faults: 0, failures: 0 };
  for (let count = 1; ; count += stride) {
    const { faults, failures } = await runWithFault(workload, rule, count, settings);
    if (faults === 0) return sum;
    sum.faults++;
    sum.failures += failures;
  }
}

/** Says how many calls failed, and how many of those came out as failures, by what was called. */
export function tell(
  t: TestContext,
  sums: Iterable<[string, { faults: number; failures: number }]>,
): void {
  t.diagnostic([...sums].map(([name, sum]) => `${name} ${sum.faults}/${sum.failures}`).join(', '));
}
