/**
 * One database and all that can happen to it, in one schedule from one seed: writes, reads that go
 * on for long, background work of all kinds, options that change from process to process, processes
 * and threads that die, bits that turn on the disk, scrubs, and power cuts. Whatever is read is
 * compared with the history; after each end of a process the state must be one that it allows.
 *
 * Nothing but the seed decides what happens: the same seed gives the same operations on the disk,
 * byte for byte, which {@link SimulationTotals.trace} proves.
 * @module
 */
import type { DbOptions } from '../../src/db/options.ts';
import { joinPath } from '../../src/fs/port.ts';
import { tableName } from '../../src/manifest/file-names.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { Driver } from './driver.ts';
import { DIRECTORY } from './environment.ts';
import { expectSame } from './expect.ts';
import { Follower } from './follower.ts';
import { ForgetfulFamily } from './forgetful-family.ts';
import { History } from './history.ts';
import { ModelFamily } from './model.ts';
import type { Operation } from './operations.ts';
import { Reader } from './reader.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { Schedule, type Step } from './simulation-schedule.ts';
import { Trace } from './simulation-trace.ts';

export const STEPS_PER_SEED = 300;
const FULL_CHECK_INTERVAL = 100;
/** How often it is looked at what a power cut would leave. */
const PROBE_CHANCE = 0.1;
const START_MS = 1_700_000_000_000;
/** In the header of a file: the number of its code, by 4 more where it has stripes. */
const ECC_SCHEME_OFF = 52;
const STRIPES_FLAG = 4;
const CHUNK_BYTES = 4096;

/** What a simulation did, to show that it met what it was meant to meet. */
export interface SimulationTotals {
  steps: number;
  comparisons: number;
  /** Processes that opened the database. */
  lives: number;
  deaths: number;
  powerCuts: number;
  /** Power cuts while the database was being opened. */
  earlyCuts: number;
  /** Disks that a power cut would have left, and that were looked at. */
  probes: number;
  killedWorkers: number;
  /** Writes that would have had to wait. */
  refusals: number;
  flushes: number;
  compactions: number;
  trivialMoves: number;
  /** Times that a FIFO family let go of tables. */
  drops: number;
  /** Refreshes of a reader beside the writer. */
  refreshes: number;
  /** Bits that were turned on the disk. */
  damages: number;
  /** Scrubs that were asked for. */
  scrubs: number;
  /** Damaged places that were put right on the disk. */
  heals: number;
  /** Hash of everything that happened. */
  trace: string;
}

/** A database that is open in a process. */
interface Life {
  readonly options: DbOptions;
  readonly process: SimulatedProcess;
  readonly driver: Driver;
  readonly reader: Reader;
  /** Flushes and compactions when a worker was killed last. */
  installsAtKill: number;
}

/**
 * Runs a simulation.
 * @throws Error that names the step at which something was wrong, and the last steps before it
 */
export async function simulate(seed: number, steps = STEPS_PER_SEED): Promise<SimulationTotals> {
  return new Simulation(seed).run(steps);
}

class Simulation {
  private readonly totals: SimulationTotals;
  private readonly schedule: Schedule;
  private readonly trace: Trace;
  private readonly clock: SimulatedClock;
  /** For what the schedule has no say in: how steps interleave, and what a power cut leaves. */
  private readonly fate: SeededRandom;
  private disk: CrashFs;
  private history: History;
  private life: Life | undefined;
  /** Reads beside the lives, until the power goes. */
  private follower: Follower;
  private readonly seed: number;
  /** Names of files that were damaged; numbers are not used twice. */
  private readonly damaged: Set<string>;
  /** The last process lost the power. */
  private wasCut: boolean;
  /** What the last process wrote up to this seqno, the next one finds if the power stayed on. */
  private survivingSeqno: number;

  constructor(seed: number) {
    this.schedule = new Schedule(seed);
    this.fate = new SeededRandom(2 ** 40 + seed);
    this.trace = new Trace();
    this.clock = new SimulatedClock(START_MS);
    this.disk = new CrashFs();
    this.history = new History(0, (name) =>
      this.schedule.isForgetful(name) ? new ForgetfulFamily(name) : new ModelFamily(name),
    );
    this.life = undefined;
    this.seed = seed;
    this.follower = new Follower(seed);
    this.damaged = new Set();
    this.wasCut = false;
    this.survivingSeqno = 0;
    this.totals = {
      steps: 0,
      comparisons: 0,
      lives: 0,
      deaths: 0,
      powerCuts: 0,
      earlyCuts: 0,
      probes: 0,
      killedWorkers: 0,
      refusals: 0,
      flushes: 0,
      compactions: 0,
      trivialMoves: 0,
      drops: 0,
      refreshes: 0,
      damages: 0,
      scrubs: 0,
      heals: 0,
      trace: '',
    };
  }

  async run(steps: number): Promise<SimulationTotals> {
    try {
      while (this.totals.steps < steps) {
        this.totals.steps++;
        await this.step();
      }
      await this.end();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const text = `step ${this.totals.steps}: ${why}\nThe last steps:\n${this.trace.tail}`;
      throw new Error(text, { cause });
    }
    this.totals.trace = this.trace.digest();
    return this.totals;
  }

  private async step(): Promise<void> {
    const life = this.life ?? (await this.open());
    const step = this.schedule.next();
    this.trace.step(JSON.stringify(step));
    try {
      await this.perform(life, step);
      if (this.totals.steps % FULL_CHECK_INTERVAL === 0) this.life?.reader.checkAll();
      if (this.life !== undefined && this.fate.chance(PROBE_CHANCE)) await this.probe(this.life);
      if (this.life !== undefined) await this.follow(this.life);
      for (let turns = this.fate.below(4); turns > 0; turns--) await Promise.resolve();
    } catch (error) {
      if (!this.disk.isOff) throw error;
    }
    if (this.disk.isOff) await this.cut();
    else if (this.life === life && life.driver.failure !== undefined)
      throw life.driver.failure.error;
    this.trace.note(`seqno ${this.history.lastSeqno}`);
  }

  /** Compares everything once more, and once again after a clean close. */
  private async end(): Promise<void> {
    for (const last of [false, true]) {
      // A cut may still be to come: then the power goes once more.
      for (let isDone = false; !isDone; ) {
        const life = this.life ?? (await this.open());
        try {
          life.reader.checkAll();
          await this.scrubTwice(life);
          await this.close(life);
          isDone = true;
        } catch (error) {
          if (!this.disk.isOff) throw error;
          await this.cut();
        }
      }
      if (last) return;
    }
  }

  /** What a scrub finds it heals: the next one finds nothing. */
  private async scrubTwice({ driver }: Life): Promise<void> {
    await driver.settle();
    const first = await driver.db.scrub();
    expectSame(first.lostCount, 0, `places lost: ${JSON.stringify(first.findings)}`);
    const second = await driver.db.scrub();
    expectSame(second.findings.length, 0, `still wrong: ${JSON.stringify(second.findings)}`);
  }

  private async perform(life: Life, step: Step): Promise<void> {
    switch (step.do) {
      case 'operation':
        return this.operate(life, step.operation);
      case 'idle':
        for (let i = 0; i < step.turns; i++) await Promise.resolve();
        return;
      case 'work':
        for (let i = 0; i < step.rounds; i++) life.process.work();
        return;
      case 'time':
        return this.clock.advance(step.milliseconds);
      case 'pause':
        return life.driver.pause();
      case 'unpause':
        return life.driver.unpause();
      case 'scrub':
        return this.scrub(life);
      case 'damage':
        return this.damage(life, step);
      case 'kill-worker':
        return this.killWorker(life);
      case 'die':
        return this.die(life);
      case 'cut':
        return this.cut();
      case 'cut-later':
        return this.disk.cutAfter(step.operations);
    }
  }

  private async operate(life: Life, operation: Operation): Promise<void> {
    const { driver, reader } = life;
    if (operation.do === 'reopen') return operation.clean ? this.close(life) : this.die(life);
    if (operation.do === 'verify') {
      return driver.watch(
        driver.db.verify().then(({ uncorrectable }) => {
          expectSame(uncorrectable.length, 0, 'damages found');
        }),
      );
    }
    if (reader.perform(operation)) return;
    await driver.perform(operation);
    const writes =
      operation.do === 'write'
        ? [operation.write]
        : operation.do === 'batch'
          ? operation.writes
          : [];
    for (const { family, key } of writes) reader.checkKey(this.history.familyAt(family), key);
  }

  /** What was damaged is within what parity gives back, and nothing else is wrong. */
  private scrub({ driver }: Life): void {
    this.totals.scrubs++;
    driver.watch(
      driver.db.scrub().then(({ lostCount, findings }) => {
        expectSame(lostCount, 0, `places lost: ${JSON.stringify(findings)}`);
      }),
    );
  }

  /**
   * Turns a bit of a table that has parity, or of CURRENT, which has copies; of a table that has
   * stripes as much as a chunk is lost. A file is damaged once: that is within what can be given
   * back, wherever it is.
   */
  private damage({ driver }: Life, { file, at, bit }: Extract<Step, { do: 'damage' }>): void {
    const tables = driver.db
      .stats()
      .columnFamilies.flatMap(({ levels }) => levels.flatMap((level) => level.tables))
      .map(({ fileNumber }) => tableName(fileNumber));
    const names = ['CURRENT', ...tables].filter((name) => !this.damaged.has(name));
    const name = names[file % names.length];
    if (name === undefined) return;
    const handle = this.disk.open(joinPath(DIRECTORY, name), 'update');
    try {
      const head = new Uint8Array(64);
      handle.read(head, 0, head.length, 0);
      if (name !== 'CURRENT' && head[ECC_SCHEME_OFF] === 0) return;
      this.damaged.add(name);
      const size = handle.size();
      const position = at % size;
      const hasStripes = name !== 'CURRENT' && head[ECC_SCHEME_OFF]! >= STRIPES_FLAG;
      const length = hasStripes ? Math.min(CHUNK_BYTES, size - position) : 1;
      const bytes = new Uint8Array(length);
      handle.read(bytes, 0, length, position);
      for (let i = 0; i < length; i++) bytes[i]! ^= 1 << bit;
      handle.write(bytes, 0, length, position);
      handle.sync();
      this.totals.damages++;
    } finally {
      handle.close();
    }
  }

  /** Work that is lost too often in a row stops: some must have been done since the last time. */
  private killWorker(life: Life): void {
    const { counters } = life.driver.db.stats();
    const installs = counters.flushCount + counters.compactionCount;
    if (installs === life.installsAtKill || !life.process.killWorker()) return;
    life.installsAtKill = installs;
    this.totals.killedWorkers++;
  }

  private async close(life: Life): Promise<void> {
    this.life = undefined;
    this.addUp(life);
    try {
      await life.driver.close();
    } finally {
      await life.process.die();
    }
    this.survivingSeqno = this.history.lastSeqno;
  }

  /** The process ends at once; what the operating system has stays. */
  private async die(life: Life): Promise<void> {
    this.totals.deaths++;
    this.addUp(life);
    await life.process.die();
    await life.driver.abandon();
    if (life.options.wal !== false) this.survivingSeqno = this.history.lastSeqno;
    this.life = undefined;
  }

  /** The power goes, if it has not gone already, and comes back. */
  private async cut(): Promise<void> {
    const { life } = this;
    this.totals.powerCuts++;
    if (life !== undefined) {
      this.addUp(life);
      await life.process.die();
      await life.driver.abandon();
    }
    this.life = undefined;
    const variant = CRASH_VARIANTS[this.fate.below(CRASH_VARIANTS.length)]!;
    this.trace.step(`the power was cut at operation ${this.disk.operations}: ${variant}`);
    this.disk = new CrashFs(this.disk.crash(variant, this.fate));
    this.follower = new Follower(this.seed + this.totals.powerCuts);
    this.wasCut = true;
    this.survivingSeqno = 0;
  }

  /** Opens what a power cut at this moment would leave; the life goes on as if nothing were. */
  private async probe({ options }: Life): Promise<void> {
    if (this.disk.isOff) return;
    const variant = CRASH_VARIANTS[this.fate.below(CRASH_VARIANTS.length)]!;
    const left = new CrashFs(this.disk.crash(variant, this.fate));
    // Before it is compared, background work may make more durable.
    const { durableSeqno } = this.history;
    const clock = new SimulatedClock(this.clock.now());
    const settings = { seed: this.fate.u32(), workerCount: 0 };
    const process = new SimulatedProcess(left, clock, new Trace(), settings);
    try {
      const db = await process.open(options);
      this.history.recognise(db, this.schedule.namedFamilies, durableSeqno);
      await db.close();
    } catch (cause) {
      throw new Error(`after a power cut (${variant}): ${String(cause)}`, { cause });
    }
    this.totals.probes++;
  }

  /** A reader goes to the newest state, now and then. */
  private async follow({ driver, options }: Life): Promise<void> {
    if (this.disk.isOff || !this.follower.isDue()) return;
    // With a log all that was written is there to be read.
    const oldest = options.wal === false ? 0 : driver.db.seqno;
    await this.follower.follow(this.disk, options, this.history, oldest);
    this.totals.refreshes++;
  }

  /** Opens the database in a new process, however often the power goes meanwhile. */
  private async open(): Promise<Life> {
    for (;;) {
      const early = this.schedule.earlyCut();
      if (early !== undefined) this.disk.cutAfter(early);
      try {
        return await this.tryOpen();
      } catch (error) {
        if (!this.disk.isOff) throw error;
        this.totals.earlyCuts++;
        await this.cut();
      }
    }
  }

  private async tryOpen(): Promise<Life> {
    const options = this.schedule.options();
    const workerCount = this.schedule.workerCount();
    const manner = this.schedule.writeManner();
    const text = `open with ${workerCount} workers, ${manner} writes`;
    this.trace.step(`${text} and ${JSON.stringify(options)}`);
    const seed = this.fate.u32();
    const process = new SimulatedProcess(this.disk, this.clock, this.trace, { seed, workerCount });
    const onEvent = (event: object) => this.trace.note(JSON.stringify(event));
    try {
      const db = await process.open({ ...options, onEvent });
      const { namedFamilies } = this.schedule;
      const oldest = Math.max(this.history.durableSeqno, this.survivingSeqno);
      const found = this.history.recognise(db, namedFamilies, oldest);
      if (this.wasCut) this.history = found.history;
      else this.history.continueAt(db, found.seqno, namedFamilies);
      const driver = new Driver(db, this.history, options, manner);
      const reader = new Reader(db, this.history);
      this.history.expectLookups(db);
      this.life = { options, process, driver, reader, installsAtKill: -1 };
    } catch (error) {
      await process.die();
      throw error;
    }
    this.totals.lives++;
    this.wasCut = false;
    this.survivingSeqno = this.history.lastSeqno;
    this.trace.step(`opened at seqno ${this.history.lastSeqno}`);
    return this.life;
  }

  private addUp({ driver, reader }: Life): void {
    const { counters } = driver.db.stats();
    this.totals.comparisons += reader.comparisons;
    this.totals.refusals += driver.refusals;
    this.totals.flushes += counters.flushCount;
    this.totals.compactions += counters.compactionCount;
    this.totals.trivialMoves += counters.trivialMoveCount;
    this.totals.drops += counters.dropCount;
    this.totals.heals += counters.healCount;
  }
}
