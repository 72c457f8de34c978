/**
 * The scrub that a database does of its own accord: cycle after cycle it looks at every file, part
 * by part, at a pace that is hardly felt.
 * @module
 */
import type { Executor } from '../../executor/executor.ts';
import { joinPath } from '../../fs/port.ts';
import type { Finding } from '../../integrity/finding.ts';
import { type CycleState, ScrubPacer } from '../../integrity/scrub-pace.ts';
import {
  advanceCycle,
  beginCycle,
  endCycle,
  RANK_CURRENT,
  RANK_MANIFEST,
  type ScrubCycle,
  type ScrubPlace,
} from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import type { LoadGauge } from './load-gauge.ts';
import type { ScrubFindings } from './scrub-findings.ts';
import type { ScrubRecord } from './scrub-record.ts';
import { fittingBytes, ScrubSlice } from './scrub-slice.ts';
import { bytesFrom, type ScrubTarget, targetsFrom } from './scrub-targets.ts';

/** Processes that are not there for longer do not begin. */
const FIRST_MS = 60_000;
/** After a failure that has to do with the process and not with the file, it waits so long. */
const RETRY_MS = 5000;
/** A timer comes back after so long to see whether a clock has jumped. */
const LOOK_MS_MAX = 600_000;
/** How soon a slice in the caller's time is looked after that a limit holds back. */
const HELD_BACK_MS = 20;

/** What a patrol works with. */
export interface PatrolParts {
  readonly core: DbCore;
  readonly executor: Executor;
  readonly record: ScrubRecord;
  readonly findings: ScrubFindings;
  readonly load: LoadGauge;
  /** True while flushes and compactions are under way or wait. */
  readonly hasWork: () => boolean;
  /** True while nothing may begin. */
  readonly isPaused: () => boolean;
}

/** See the module head. */
export class Patrol {
  readonly #parts: PatrolParts;
  readonly #pacer: ScrubPacer;
  #slice: ScrubSlice | undefined;
  /** Before the slice that is under way. */
  #cycleBefore: CycleState | undefined;
  #callOff: (() => void) | undefined;
  /** In whole percent, of the cycle. */
  #toldPercent: number;
  #isStopped: boolean;
  /** Whether the last slice was read past the system's cache; undefined before there was one. */
  isPastSystemCache: boolean | undefined;

  constructor(parts: PatrolParts) {
    const { settings, location } = parts.core;
    this.#parts = parts;
    this.#pacer = new ScrubPacer(settings.scrub, location.clock, FIRST_MS);
    this.#slice = undefined;
    this.#cycleBefore = undefined;
    this.#callOff = undefined;
    this.#toldPercent = -1;
    this.#isStopped = true;
    this.isPastSystemCache = undefined;
  }

  /** A part of a file is being looked at. */
  get isRunning(): boolean {
    return this.#slice !== undefined;
  }

  /** Bytes a second; undefined between cycles, or when it does not run. */
  get bytesPerSecond(): number | undefined {
    const { cycle } = this.#parts.record.state;
    if (cycle === undefined || this.#isStopped) return undefined;
    return this.#pacer.bytesPerSecond(this.#stateOf(cycle));
  }

  /** What the cycle that is under way has still to look at, about. */
  get bytesLeft(): number {
    const { cycle } = this.#parts.record.state;
    return cycle === undefined ? 0 : this.#stateOf(cycle).bytesLeft;
  }

  /** From now on it runs, where the host calls back. */
  start(): void {
    if (!this.#parts.core.settings.scrub.isOn) return;
    this.#isStopped = false;
    this.#arm(FIRST_MS);
  }

  /** Takes in a slice that is done. Called whenever background work may have got on. */
  pump(): void {
    const slice = this.#slice;
    if (slice === undefined || !slice.isSettled) return;
    this.#slice = undefined;
    this.#finish(slice);
    this.#armNext();
  }

  /** Looks anew whether there is something to do, after what held it back is over. */
  wake(): void {
    if (!this.#isStopped && this.#slice === undefined) this.#arm(0);
  }

  /** Gives up what is under way; it does not run again. */
  stop(): void {
    this.#isStopped = true;
    this.#callOff?.();
    this.#callOff = undefined;
    this.#slice?.cancel();
    this.#slice = undefined;
  }

  #tick(): void {
    const { core } = this.#parts;
    if (this.#isStopped || core.isClosed) return;
    try {
      if (this.#slice?.isHere === true) this.#slice.advance();
      this.pump();
      if (this.#slice === undefined) this.#goOn();
      else this.#arm(this.#slice.isHere ? HELD_BACK_MS : RETRY_MS);
    } catch (error) {
      core.fail(error);
    }
    core.events.deliver();
  }

  /** Begins what is due, or waits for it. */
  #goOn(): void {
    const waitMs = this.#heldBackMs();
    if (waitMs > 0) {
      this.#arm(waitMs);
      return;
    }
    this.#beginSlice();
    if (this.#slice?.isHere === true) this.#slice.advance();
    this.pump();
    if (this.#slice !== undefined) this.#arm(this.#slice.isHere ? HELD_BACK_MS : RETRY_MS);
  }

  /** How long nothing may begin; 0 if something may. */
  #heldBackMs(): number {
    const { core, load, hasWork, isPaused } = this.#parts;
    if (core.backgroundError !== undefined || isPaused()) return RETRY_MS;
    return this.#pacer.waitMs(hasWork() || load.isBusy);
  }

  #beginSlice(): void {
    const { core, executor } = this.#parts;
    const cycle = this.#cycle();
    if (cycle === undefined) return;
    const targets = targetsFrom(core, cycle.place, cycle.endFileNumber);
    const target = targets[0];
    if (target === undefined) {
      this.#endCycle();
      return;
    }
    this.#cycleBefore = this.#stateOf(cycle, targets);
    const resumeAt = isAt(target, cycle.place) ? cycle.place.offset : 0;
    const bytes = fittingBytes(executor, this.#pacer.nextSliceBytes(this.#cycleBefore));
    this.#slice = new ScrubSlice(core, executor, target, resumeAt, bytes);
  }

  /** The cycle that is under way, or is due now; undefined while none is. */
  #cycle(): ScrubCycle | undefined {
    const { core, record } = this.#parts;
    const { cycle, last } = record.state;
    if (cycle !== undefined) return cycle;
    const nowMs = core.location.clock.now();
    if (last !== undefined) {
      // A clock that was set back does not put it off for longer than a cycle.
      const dueMs = Math.min(last.begunAtMs, nowMs) + core.settings.scrub.cycleMs;
      if (nowMs < dueMs) {
        this.#arm(Math.min(dueMs - nowMs, LOOK_MS_MAX));
        return undefined;
      }
    }
    record.set(beginCycle(record.state, nowMs, core.manifest!.nextFileNumber));
    this.#toldPercent = -1;
    return record.state.cycle;
  }

  #endCycle(): void {
    const { core, record } = this.#parts;
    const { cycle } = record.state;
    record.set(endCycle(record.state, core.location.clock.now()));
    record.write();
    const { number, bytesChecked } = cycle!;
    const type = 'scrub-progress';
    core.events.tell({ type, cycle: number, bytesChecked, bytesTotal: bytesChecked, isDone: true });
    this.#armNext();
  }

  #finish(slice: ScrubSlice): void {
    const { core, record, findings } = this.#parts;
    const { target, resumeAt, result, error } = slice;
    if (result === undefined) {
      if (error !== undefined && !slice.isLost) this.#fail(slice);
      else this.#pacer.restFor(RETRY_MS);
      return;
    }
    this.isPastSystemCache = result.isPastCache;
    const heals = core.settings.scrub.heal;
    const { counts, hasNews } = findings.take(target, result.findings, heals);
    if (result.isDone && resumeAt === 0 && result.findings.length === 0) findings.noteSound(target);
    const bytesChecked = Math.max(0, result.position - resumeAt);
    const place = result.isDone ? placeBehind(target) : placeIn(target, result.position);
    record.set(advanceCycle(record.state, place, { bytesChecked, ...counts }, hasNews));
    if (hasNews) record.write();
    this.#pacer.noteSlice(bytesChecked, this.#cycleBefore!);
    this.#tellProgress();
  }

  /** A file that cannot be looked at, for what has to do with it, is passed over and told. */
  #fail({ target, error }: ScrubSlice): void {
    const { core, record, findings } = this.#parts;
    const code = error!.code;
    if (code === 'DETACHED') throw error;
    if (code === 'HANDLES' || code === 'CLOSED') {
      this.#pacer.restFor(RETRY_MS);
      return;
    }
    const outcome = findings.take(target, [unreadable(core, target, error!.message)], false);
    const counts = { bytesChecked: 0, ...outcome.counts };
    record.set(advanceCycle(record.state, placeBehind(target), counts, outcome.hasNews));
  }

  #tellProgress(): void {
    const { core, record } = this.#parts;
    const { cycle } = record.state;
    if (cycle === undefined) return;
    const { bytesChecked, number } = cycle;
    const bytesTotal = bytesChecked + this.#stateOf(cycle).bytesLeft;
    const percent = Math.floor((bytesChecked * 100) / Math.max(1, bytesTotal));
    if (percent === this.#toldPercent) return;
    this.#toldPercent = percent;
    const type = 'scrub-progress';
    core.events.tell({ type, cycle: number, bytesChecked, bytesTotal, isDone: false });
  }

  #stateOf(cycle: ScrubCycle, targets?: readonly ScrubTarget[]): CycleState {
    const { begunAtMs, isUrgent, place, endFileNumber } = cycle;
    const left = targets ?? targetsFrom(this.#parts.core, place, endFileNumber);
    return { begunAtMs, isUrgent, bytesLeft: bytesFrom(left, place) };
  }

  #armNext(): void {
    if (!this.#isStopped) this.#arm(this.#pacer.waitMs(false));
  }

  /** Comes back after so long; where the host does not call back, it does not run. */
  #arm(milliseconds: number): void {
    const { hostLoop } = this.#parts.core.location;
    this.#callOff?.();
    this.#callOff = hostLoop.later?.(milliseconds, () => {
      this.#callOff = undefined;
      this.#tick();
    });
  }
}

/** What keeps a file from being looked at counts as damage to all of it. */
export function unreadable(core: DbCore, target: ScrubTarget, cause: string): Finding {
  const { expected, fileName, sizeBytes } = target;
  return {
    file: joinPath(core.location.directory, fileName),
    ...{ fileClass: expected.fileClass, part: 'file', offset: 0, lengthBytes: sizeBytes },
    ...{ blockType: 0, state: 'lost', cause, source: '', ranges: [] },
  };
}

function isAt({ rank, fileNumber }: ScrubTarget, place: ScrubPlace): boolean {
  return rank === place.rank && fileNumber === place.fileNumber;
}

function placeIn({ rank, fileNumber }: ScrubTarget, offset: number): ScrubPlace {
  return { rank, fileNumber, offset };
}

function placeBehind({ rank, fileNumber }: ScrubTarget): ScrubPlace {
  if (rank === RANK_CURRENT) return { rank: RANK_MANIFEST, fileNumber: 0, offset: 0 };
  return { rank, fileNumber: fileNumber + 1, offset: 0 };
}
