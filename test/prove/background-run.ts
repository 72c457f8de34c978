/**
 * Background work under trouble, in one schedule from one seed: a database with little room and
 * much to flush and compact, on a disk on which calls fail and space runs out, with threads that
 * are killed, pauses, families that come and go, and resumes, closings and openings in the midst of
 * all that. Whatever is read is compared with the history; work fails only for a reason from
 * outside.
 *
 * The same seed gives the same steps and events, which {@link BackgroundTotals.trace} proves.
 * @module
 */
import type { DbEvent } from '../../src/db/events.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type BackgroundCounts, NO_COUNTS } from './background-counts.ts';
import { TroubledDisk } from './background-disk.ts';
import { isFromDisk } from './background-judge.ts';
import { BackgroundLife } from './background-life.ts';
import { backgroundOptions } from './background-options.ts';
import { ImpatientClock } from './background-patience.ts';
import type { WriteManner } from './driver.ts';
import { DIRECTORY, type Process, processOf } from './environment.ts';
import { expectSame } from './expect.ts';
import { History } from './history.ts';
import { FAMILY_PLACES, operationFrom, type WriteSpec } from './operations.ts';
import { Trace } from './simulation-trace.ts';

const STEPS_PER_SEED = 300;
const START_MS = 1_700_000_000_000;
/** What passes in a turn of the host. */
const TURN_MS = 5;
const BURST_KEYS = 600;
const BURST_WRITES_MAX = 60;
const BURST_VALUE_BYTES_MAX = 600;
/** What is left on a full disk, at most: for a record or a table, or for a compaction. */
const ROOM_BYTES = [20_000, 400_000];
/** More than a write waits until it looks again. */
const SPACE_LOOK_MS = 1100;
const ROUNDS_MAX = 20;
/** Of flushes and compactions. */
const WAITING_SHARE = 0.15;
/** Jobs look for space again meanwhile; or the machine sleeps, and its threads seem dead. */
const PASSING_MS = [100, SPACE_LOOK_MS, 3000, 300_000];
/** How much more or less often than usual something happens. */
const FACTORS = [0, 0.3, 1, 1, 1, 3];
const MANNERS: readonly WriteManner[] = ['plain', 'plain', 'plain', 'async', 'no-wait'];
const NAMED_FAMILIES = ['family-1', 'family-3'];

/** What a run did. */
export interface BackgroundTotals extends BackgroundCounts {
  /** How often each kind of step did something. */
  readonly kinds: Record<string, number>;
  /** Hash of all that happened. */
  trace: string;
}

/** Something that may happen; returns false where there was nothing to do. */
type Work = () => unknown;

/**
 * Runs the steps of a seed.
 * @throws Error that names seed and step at which something was wrong, and the last steps before
 */
export function runBackground(seed: number, steps = STEPS_PER_SEED): Promise<BackgroundTotals> {
  return new BackgroundRun(seed).run(steps);
}

class BackgroundRun {
  private readonly seed: number;
  private readonly random: SeededRandom;
  private readonly disk: TroubledDisk;
  private readonly clock: ImpatientClock;
  private readonly trace: Trace;
  private readonly namedFamilies: readonly string[];
  private readonly steps: readonly (readonly [name: string, weight: number, work: Work])[];
  private readonly totals: BackgroundTotals;
  private life!: BackgroundLife;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.disk = new TroubledDisk();
    this.clock = new ImpatientClock(START_MS);
    this.trace = new Trace();
    this.namedFamilies = NAMED_FAMILIES.filter(() => this.random.chance(0.6));
    this.steps = this.table();
    this.totals = {
      ...NO_COUNTS,
      kinds: Object.fromEntries(this.steps.map(([name]) => [name, 0])),
      trace: '',
    };
  }

  async run(steps: number): Promise<BackgroundTotals> {
    const { totals } = this;
    const where = () => {
      const steps = `The last steps:\n${this.trace.tail}`;
      return `background run ${this.seed}, step ${totals.steps}\n${steps}`;
    };
    try {
      await this.open(new History(), 0);
      while (totals.steps < steps) {
        totals.steps++;
        await this.clock.patiently(this.step(), where);
      }
      await this.clock.patiently(this.end(), where);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${where()}: ${why}`, { cause });
    }
    totals.faults = this.disk.fs.faults;
    totals.trace = this.trace.digest();
    return totals;
  }

  /** What may happen, and how often. Each seed leaves some trouble out. */
  private table(): (readonly [name: string, weight: number, work: Work])[] {
    const { disk, random } = this;
    const factor = () => this.pick(FACTORS);
    return [
      ['operation', 350, () => this.operate()],
      ['burst', 300, () => this.burst()],
      ['families', 20, () => this.changeFamilies()],
      ['resume', 40, () => this.resume()],
      ['space', 40, () => this.findSpace()],
      ['unpause', 40, () => this.life.unpause(1)],
      ['mend', 20, () => disk.mend()],
      ['compare', 10, () => this.life.checkAll()],
      ['settle', 10, () => this.settle()],
      ['reopen', 8, () => this.reopen()],
      ['work', 40 * factor(), () => this.work()],
      ['idle', 40 * factor(), () => this.idle()],
      ['time', 40 * factor(), () => this.life.sleep(this.pick(PASSING_MS))],
      ['pause', 25 * factor(), () => this.life.pause()],
      ['kill', 40 * factor(), () => this.life.kill()],
      ['fault', 60 * factor(), () => disk.fail(random)],
      ['fill', 25 * factor(), () => disk.fill(random.below(this.pick(ROOM_BYTES)))],
      ['empty', 15 * factor(), () => disk.empty()],
    ];
  }

  private async step(): Promise<void> {
    const [name, work] = this.draw();
    this.trace.step(name);
    if ((await work()) !== false) this.totals.kinds[name]!++;
    for (let turns = this.random.below(4); turns > 0; turns--) await Promise.resolve();
    this.life.look();
    this.trace.note(`seqno ${this.life.history.lastSeqno}, ${this.disk.fs.faults} faults`);
  }

  private draw(): [name: string, work: Work] {
    const total = this.steps.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.random.below(Math.ceil(total));
    const [name, , work] = this.steps.find(([, weight]) => {
      left -= weight;
      return left < 0;
    })!;
    return [name, work];
  }

  private async operate(): Promise<void> {
    const operation = operationFrom(this.random);
    if (operation.do === 'verify') return this.settle();
    if (operation.do === 'reopen') return this.reopen();
    // Seldom does the program wait: other steps are to go on meanwhile.
    const isWaiting = this.random.chance(WAITING_SHARE);
    const changed = 'wait' in operation ? { ...operation, wait: isWaiting } : operation;
    this.trace.step(JSON.stringify(changed));
    return this.life.perform(changed, this.pick(MANNERS));
  }

  /** Many writes to few keys, so that there is much to flush and to merge. */
  private burst(): Promise<void> {
    const { random } = this;
    const writes = Array.from({ length: 1 + random.below(BURST_WRITES_MAX) }, (): WriteSpec => {
      const family = random.below(FAMILY_PLACES);
      const key = `key ${random.below(BURST_KEYS)}`;
      if (random.chance(0.25)) return { family, key };
      const length = random.below(BURST_VALUE_BYTES_MAX);
      return { family, key, value: { seed: random.u32(), length } };
    });
    const sync = random.chance(0.05);
    return this.life.perform({ do: 'batch', writes, sync }, this.pick(MANNERS));
  }

  /** Drops a family, or makes it anew. */
  private changeFamilies(): Promise<void> {
    const family = 1 + this.random.below(FAMILY_PLACES - 1);
    const isThere = this.life.history.families.has(`family-${family}`);
    return this.life.perform({ do: isThere ? 'drop-family' : 'create-family', family });
  }

  private async resume(): Promise<boolean> {
    const { isStopped } = this.life;
    if (isStopped) await this.life.resume();
    return isStopped;
  }

  /** Writes that find the disk full again and again look by themselves whether it has space. */
  private async findSpace(): Promise<boolean> {
    const { isStopped } = this.life;
    if (!isStopped) return false;
    await this.burst();
    this.disk.mend();
    this.life.sleep(SPACE_LOOK_MS);
    await this.burst();
    return true;
  }

  /** Threads get on while the program does something else. */
  private async work(): Promise<void> {
    for (let rounds = 1 + this.random.below(ROUNDS_MAX); rounds > 0; rounds--) {
      this.life.plan.threads?.run();
      await Promise.resolve();
    }
  }

  /** The program waits. */
  private async idle(): Promise<void> {
    for (let rounds = this.random.below(ROUNDS_MAX); rounds > 0; rounds--) await Promise.resolve();
  }

  private settle(): Promise<void> {
    this.disk.mend();
    return this.life.settle();
  }

  /** Closes and opens, on a disk that works or as it is. */
  private async reopen(): Promise<void> {
    const { life, disk, random } = this;
    if (random.chance(0.5)) disk.mend();
    const atLeast = await life.close();
    if (life.plan.isUntroubled()) await this.expectNoOrphans();
    if (random.chance(0.6)) disk.mend();
    else disk.fail(random);
    await this.open(life.history, atLeast);
  }

  /** A failed attempt to open must leave nothing behind that hinders the next one. */
  private async open(history: History, atLeast: number): Promise<void> {
    try {
      this.life = await this.tryToOpen(history, atLeast);
    } catch (error) {
      if (!isFromDisk(error)) throw error;
      this.totals.failedOpenings++;
      this.disk.mend();
      this.life = await this.tryToOpen(history, atLeast);
    }
    this.totals.lives++;
  }

  private async tryToOpen(history: History, atLeast: number): Promise<BackgroundLife> {
    const { disk, clock, random, namedFamilies } = this;
    const opening = backgroundOptions(random, namedFamilies);
    const { options, workerCount } = opening;
    this.trace.step(`open with ${workerCount} workers and ${JSON.stringify(options)}`);
    const process = this.process(this.disk.fs, workerCount);
    const errors: unknown[] = [];
    const onEvent = (event: DbEvent): void => {
      this.trace.note(JSON.stringify(event));
      if (event.type === 'error') errors.push(event.error);
    };
    const isUntroubled = disk.watch();
    const db = await process.open({ ...options, onEvent });
    return disk.undisturbed(() => {
      const oldest = Math.max(history.durableSeqno, atLeast);
      const found = history.recognise(db, namedFamilies, oldest);
      found.history.expectLookups(db);
      const { threads } = process;
      const counts = this.totals;
      const plan = { ...opening, disk, isUntroubled, threads, clock, errors, counts };
      return new BackgroundLife(plan, db, found.history);
    });
  }

  private process(fs: Fs, workerCount: number): Process {
    const { clock, random } = this;
    const turn = async (): Promise<void> => clock.advance(TURN_MS);
    return processOf({ fs, clock, seed: random.u32(), workerCount, turn });
  }

  /** A database that was closed leaves no tables behind but its own. */
  private async expectNoOrphans(): Promise<void> {
    const db = await this.process(this.disk.sound, 0).open({ readOnly: true });
    const files = this.disk.filesOf(DIRECTORY, '.sst').length;
    expectSame(files, db.stats().tableCount, 'table files of a closed database');
    await db.close();
  }

  /** Everything is still there, comes to rest, and is there in the next process. */
  private async end(): Promise<void> {
    await this.settle();
    await this.life.db.compact();
    await this.reopen();
    await this.settle();
    await this.life.close();
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }
}
