/**
 * All that looks for damage in an open database: the patrol, passes that somebody asks for, and
 * the heals that reads ask for.
 * @module
 */
import type { Executor } from '../../executor/executor.ts';
import type { FinishedCycle, ScrubCounts, ScrubTotals } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import { familyOf } from '../find-family.ts';
import { type DbScrubOptions, type DbScrubReport, ScrubPass } from '../scrub.ts';
import { Healer, type HealFallbacks } from './healer.ts';
import { LoadGauge } from './load-gauge.ts';
import { Patrol } from './patrol.ts';
import { ReadHeals } from './read-heals.ts';
import { ScrubFindings } from './scrub-findings.ts';
import { ScrubRecord } from './scrub-record.ts';

/** A cycle of the background scrub that is under way. */
export interface ScrubCycleStats extends ScrubCounts {
  /** From 1. */
  readonly number: number;
  /** In ms since the Unix epoch. */
  readonly begunAtMs: number;
  /** What it has still to look at, about. */
  readonly bytesLeft: number;
  /** Bytes in a second that it goes at; undefined while it does not run. */
  readonly bytesPerSecond: number | undefined;
  /** It has found something new, and goes as fast as it may. */
  readonly isUrgent: boolean;
}

/** How the scrub of a database stands. */
export interface ScrubStats {
  /** It runs of its own accord. */
  readonly isOn: boolean;
  /** Between `pauseScrub` and `continueScrub`. */
  readonly isPaused: boolean;
  /** Undefined between two cycles. */
  readonly cycle: ScrubCycleStats | undefined;
  /** The last time that all files were looked at; undefined before. */
  readonly lastCycle: FinishedCycle | undefined;
  /** Damaged places over the life of the database, as scrubs have found them. */
  readonly totals: ScrubTotals;
  /** Calls of `scrub` that are under way. */
  readonly passCount: number;
  /**
   * Whether the last part was read from the device; false where a cache of the system may have
   * answered, undefined before there was one.
   */
  readonly isPastSystemCache: boolean | undefined;
  /** Message of the error for which a restart may begin a cycle anew; undefined without one. */
  readonly problem: string | undefined;
}

/** What it needs of the rest of the background work. */
export interface ScrubberHost extends HealFallbacks {
  /** Flushes or compactions are under way, or wait. */
  readonly hasWork: () => boolean;
  /** Nothing may begin. */
  readonly isPaused: () => boolean;
  /** Resolves when something may. */
  readonly untilUnpaused: () => Promise<void>;
  /** Lets the host, and all background work, get on. */
  readonly turn: () => Promise<void>;
}

/** See the module head. Only in a database that can be written. */
export class Scrubber {
  readonly #core: DbCore;
  readonly #executor: Executor;
  readonly #host: ScrubberHost;
  readonly #record: ScrubRecord;
  readonly #findings: ScrubFindings;
  readonly #patrol: Patrol;
  readonly #heals: ReadHeals;
  #isPaused: boolean;
  #wakes: (() => void)[];
  #passCount: number;

  constructor(core: DbCore, executor: Executor, host: ScrubberHost) {
    this.#core = core;
    this.#executor = executor;
    this.#host = host;
    this.#record = new ScrubRecord(core);
    this.#findings = new ScrubFindings(core, new Healer(core, host));
    this.#isPaused = false;
    this.#wakes = [];
    this.#passCount = 0;
    this.#patrol = new Patrol({
      ...{ core, executor, record: this.#record, findings: this.#findings },
      load: new LoadGauge(core),
      hasWork: () => host.hasWork(),
      isPaused: () => this.#isPaused || host.isPaused() || this.#passCount > 0,
    });
    this.#heals = new ReadHeals(core, this.#findings, this.#record);
  }

  /** A part of a file is being looked at. */
  get isRunning(): boolean {
    return this.#patrol.isRunning;
  }

  /** Fresh. */
  get stats(): ScrubStats {
    const { state, problem } = this.#record;
    const { cycle, last, totals } = state;
    const patrol = this.#patrol;
    return {
      isOn: this.#core.settings.scrub.isOn,
      isPaused: this.#isPaused,
      cycle: cycle === undefined ? undefined : this.#cycleStats(cycle),
      lastCycle: last,
      totals,
      passCount: this.#passCount,
      isPastSystemCache: patrol.isPastSystemCache,
      problem,
    };
  }

  #cycleStats({ number, begunAtMs, isUrgent, ...rest }: Cycle): ScrubCycleStats {
    const { bytesChecked, correctedCount, healedCount, lostCount } = rest;
    const { bytesLeft, bytesPerSecond } = this.#patrol;
    const counts = { bytesChecked, correctedCount, healedCount, lostCount };
    return { number, begunAtMs, bytesLeft, bytesPerSecond, isUrgent, ...counts };
  }

  /** Begins to patrol, as the settings say. */
  start(): void {
    this.#record.read();
    this.#patrol.start();
    this.#heals.start();
  }

  /** Takes in what is done, and heals what reads have found. */
  pump(): void {
    this.#patrol.pump();
    if (!this.#host.isPaused()) this.#heals.pump();
  }

  /** Looks at what a call wants; see `Db.scrub`. */
  async scrub(options: DbScrubOptions): Promise<DbScrubReport> {
    const parts = {
      ...{ core: this.#core, executor: this.#executor },
      ...{ record: this.#record, findings: this.#findings },
      turn: () => this.#host.turn(),
      untilContinued: () => this.#untilContinued(),
    };
    const { columnFamily } = options;
    const family = columnFamily === undefined ? undefined : familyOf(this.#core, columnFamily);
    const pass = new ScrubPass(parts, { options, familyId: family?.handle.id });
    this.#passCount++;
    try {
      return await pass.run();
    } finally {
      this.#passCount--;
      this.#patrol.wake();
      this.#core.events.deliver();
    }
  }

  /** Begins no further part of a file. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Ends a {@link pause}. */
  continue(): void {
    this.#isPaused = false;
    for (const wake of this.#wakes.splice(0)) wake();
    this.#patrol.wake();
  }

  /** Gives up what is under way, and remembers how far it came. */
  close(): void {
    this.#patrol.stop();
    this.#heals.stop();
    this.continue();
    if (this.#core.backgroundError?.code !== 'DETACHED') this.#record.write();
  }

  async #untilContinued(): Promise<void> {
    while ((this.#isPaused || this.#host.isPaused()) && !this.#core.isClosed) {
      if (this.#isPaused) await new Promise<void>((resolve) => this.#wakes.push(resolve));
      else await this.#host.untilUnpaused();
    }
  }
}

type Cycle = NonNullable<ScrubRecord['state']['cycle']>;
