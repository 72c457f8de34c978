/**
 * Compactions: those that somebody asked for and those that the trees call for, as many side by
 * side as the executor has room for.
 * @module
 */
import { type CompactionPlan, planBytes, planTables } from '../../compaction/plan.ts';
import { isVarveError, VarveError } from '../../errors.ts';
import type { Executor } from '../../executor/executor.ts';
import { freeBytesIn } from '../../fs/port.ts';
import type { DbCore } from '../core.ts';
import { notePlanFailure } from '../damage.ts';
import type { Family } from '../family.ts';
import type { LossLimit } from '../loss-limit.ts';
import { Compaction, type InputFailure, inputFailureOf } from './compaction.ts';
import { CompactionPicker } from './compaction-picker.ts';

/** How long compactions wait for space before they look again. */
const SPACE_WAIT_MS = 1000;

/** What somebody wants to have compacted. */
export interface Wish {
  readonly family: Family;
  /**
   * Plans that are carried out one after the other, each made when it can begin; undefined when
   * there is nothing to do.
   */
  readonly steps: readonly (() => CompactionPlan | undefined)[];
  /**
   * A part of it that needs less space at a time, for a disk that has no room for the whole;
   * undefined when all that is left is to rewrite what is one run already.
   */
  readonly pickSlice: () => CompactionPlan | undefined;
}

/** A wish that is waited for. */
export interface Request {
  readonly wish: Wish;
  /** Number of steps that are done. */
  stepsDone: number;
  compaction: Compaction | undefined;
  /** The compaction is only a part of it. */
  isSlice: boolean;
  /** Such a part is done. */
  hasSlices: boolean;
  /** Why it was given up. */
  error: VarveError | undefined;
}

/** See the module head. */
export class CompactionQueue {
  readonly #core: DbCore;
  readonly #executor: Executor;
  readonly #losses: LossLimit;
  readonly #picker: CompactionPicker;
  #running: Compaction[];
  /** In the order in which they will be done. */
  #requests: Request[];
  /** Compactions of their own accord wait until then, on the monotonic clock. */
  #spaceWaitEndMs: number;
  /** Something has begun or ended since the last {@link pump}. */
  #hasChanged: boolean;

  constructor(core: DbCore, executor: Executor, losses: LossLimit) {
    this.#core = core;
    this.#executor = executor;
    this.#losses = losses;
    this.#picker = new CompactionPicker(core);
    this.#running = [];
    this.#requests = [];
    this.#spaceWaitEndMs = 0;
    this.#hasChanged = false;
  }

  get isRunning(): boolean {
    return this.#running.length > 0;
  }

  get hasRequests(): boolean {
    return this.#requests.length > 0;
  }

  /** Key and value bytes that running compactions still have to read, about. */
  get remainingBytes(): number {
    let sum = 0;
    for (const compaction of this.#running) sum += compaction.remainingBytes;
    return sum;
  }

  /** Families with a running compaction. */
  get busyFamilies(): Set<Family> {
    return new Set(this.#running.map((compaction) => compaction.family));
  }

  /** True if a compaction that is not installed reads a table. */
  reads(fileNumber: number): boolean {
    return this.#running.some(({ plan }) =>
      planTables(plan).some((table) => table.fileNumber === fileNumber),
    );
  }

  /** Queues a wish; it is done when {@link isSettled} says so. */
  add(wish: Wish): Request {
    const request: Request = {
      wish,
      stepsDone: 0,
      compaction: undefined,
      isSlice: false,
      hasSlices: false,
      error: undefined,
    };
    this.#requests.push(request);
    return request;
  }

  isSettled(request: Request): boolean {
    return !this.#requests.includes(request);
  }

  /**
   * Installs what is written, and starts what can begin.
   * @returns true when a compaction has begun or ended
   * @throws VarveError when a compaction has failed otherwise than for want of space, or over an
   * input that cannot be read
   */
  pump(mayBegin: boolean): boolean {
    this.#hasChanged = false;
    do {
      for (const compaction of [...this.#running]) this.#settle(compaction);
    } while (mayBegin && this.#beginOne());
    return this.#hasChanged;
  }

  /**
   * Begins the compaction that is called for most, if it reads no more than this and nothing else
   * is under way or was asked for.
   * @returns the bytes that it reads; undefined if there is none
   */
  beginSmall(bytesMax: number): number | undefined {
    if (this.isRunning || this.hasRequests) return undefined;
    const bytes = this.#nextBytes();
    if (bytes === undefined || bytes > bytesMax) return undefined;
    return this.#beginPicked(new Set(), 1) ? bytes : undefined;
  }

  /** What the next compaction would read. */
  #nextBytes(): number | undefined {
    const plan = this.#picker.pick([], new Set(), 1, 1)?.plan;
    if (plan === undefined) return undefined;
    return plan.kind === 'merge' ? planBytes(plan) : 0;
  }

  /** Gives up all that is under way and all requests. */
  stop(): void {
    for (const compaction of this.#running) compaction.abort();
    this.#running = [];
    for (const request of this.#requests) request.error = this.#core.backgroundError;
    this.#requests = [];
  }

  /** Gives up what concerns a family that is being dropped. */
  forget(family: Family): void {
    for (const compaction of this.#running) if (compaction.family === family) compaction.abort();
    this.#running = this.#running.filter((compaction) => compaction.family !== family);
    this.#requests = this.#requests.filter((request) => {
      if (request.wish.family !== family) return true;
      request.error = familyDropped(family);
      return false;
    });
  }

  #settle(compaction: Compaction): void {
    const { loss } = compaction;
    if (loss !== undefined && this.#losses.mayRepeat(loss.cause)) {
      this.#end(compaction);
      compaction.abort();
    } else if (compaction.isWritten) {
      const { inputFailure, spaceError } = compaction;
      if (inputFailure !== undefined || spaceError !== undefined) compaction.abort();
      else compaction.install();
      this.#losses.reset();
      // Who asked for it gets what can be had around an input that cannot be read.
      this.#end(compaction, spaceError);
      if (inputFailure === undefined) this.#waitForSpace(spaceError);
      else this.#giveUp(compaction.family, compaction.plan, inputFailure);
    }
  }

  /**
   * What cannot be read stops no write: plans step around it from now on.
   * @throws VarveError when the damage was in memory
   */
  #giveUp(family: Family, plan: CompactionPlan, { fileNumber, error }: InputFailure): void {
    const { reason } = plan;
    notePlanFailure(this.#core, fileNumber, error);
    const columnFamily = family.handle.name;
    const type = 'compaction-failed';
    this.#core.events.tell({ type, columnFamily, reason, fileNumber, error });
    this.#noteChange();
  }

  /** Takes a compaction out. Its request goes on waiting unless this was all of it, or an error. */
  #end(compaction: Compaction, error?: VarveError): void {
    this.#running = this.#running.filter((other) => other !== compaction);
    this.#noteChange();
    const request = this.#requests.find((one) => one.compaction === compaction);
    if (request === undefined) return;
    request.compaction = undefined;
    request.error = error;
    if (compaction.isInstalled && request.isSlice) request.hasSlices = true;
    if (compaction.isInstalled && !request.isSlice) request.stepsDone++;
    const isDone = request.stepsDone === request.wish.steps.length;
    if (isDone || error !== undefined) this.#drop(request);
  }

  #drop(request: Request): void {
    this.#noteChange();
    this.#requests = this.#requests.filter((other) => other !== request);
  }

  /** Starts what was asked for first, or else what is called for; false when there is no more. */
  #beginOne(): boolean {
    let free = this.#executor.compactionJobsMax;
    for (const compaction of this.#running) free -= compaction.openTaskCount;
    if (free <= 0) return false;
    const waiting = new Set<Family>();
    for (const request of this.#requests) {
      const { family } = request.wish;
      if (request.compaction !== undefined || waiting.has(family)) continue;
      waiting.add(family);
      // Its plan takes all tables of a range: it waits until nobody else has some of them.
      if (!this.busyFamilies.has(family)) return this.#beginRequest(request, free);
    }
    return this.#beginPicked(waiting, free);
  }

  #beginRequest(request: Request, free: number): boolean {
    const { family, pickSlice } = request.wish;
    let plan = nextStep(request);
    const missing = plan === undefined ? undefined : this.#missingSpace(plan);
    request.isSlice = missing !== undefined;
    if (missing !== undefined) {
      plan = pickSlice();
      if (plan !== undefined) request.error = this.#missingSpace(plan);
      else if (!request.hasSlices) request.error = missing;
    }
    if (plan !== undefined && request.error === undefined) {
      request.compaction = this.#begin(family, plan, free);
      // Over an input that cannot be read: its next plan steps around that.
      if (request.compaction === undefined) return true;
    }
    if (request.compaction === undefined) this.#drop(request);
    return true;
  }

  #beginPicked(waiting: ReadonlySet<Family>, free: number): boolean {
    const core = this.#core;
    if (this.#spaceWaitEndMs > core.location.clock.monotonic()) return false;
    const { compactionJobsMax } = this.#executor;
    const picked = this.#picker.pick(this.#running, waiting, free, compactionJobsMax);
    if (picked === undefined) return false;
    const { family, plan, taskMax } = picked;
    const missing = this.#missingSpace(plan);
    if (missing !== undefined) {
      this.#waitForSpace(missing);
      return false;
    }
    core.spaceError = undefined;
    this.#begin(family, plan, taskMax);
    return true;
  }

  /** @returns undefined where an input cannot be read, which is then noted */
  #begin(family: Family, plan: CompactionPlan, taskMax: number): Compaction | undefined {
    try {
      const compaction = new Compaction(this.#core, this.#executor, family, plan, taskMax);
      this.#running.push(compaction);
      this.#noteChange();
      return compaction;
    } catch (error) {
      const failure = isVarveError(error) ? inputFailureOf(plan, error) : undefined;
      if (failure === undefined) throw error;
      this.#giveUp(family, plan, failure);
      return undefined;
    }
  }

  #noteChange(): void {
    this.#picker.noteChange();
    this.#hasChanged = true;
  }

  /** A full disk stops no write that fits: only compactions wait, and look again after a while. */
  #waitForSpace(error: VarveError | undefined): void {
    this.#core.spaceError = error;
    const now = this.#core.location.clock.monotonic();
    this.#spaceWaitEndMs = error === undefined ? 0 : now + SPACE_WAIT_MS;
  }

  /** Set when the disk has no room for what a plan may write, as far as can be told. */
  #missingSpace(plan: CompactionPlan): VarveError | undefined {
    if (plan.kind !== 'merge') return undefined;
    const { fs, location, removals, settings } = this.#core;
    const neededBytes = planBytes(plan) + settings.writeBufferBytes;
    let freeBytes = freeBytesIn(fs, location.directory);
    if (freeBytes !== undefined && freeBytes < neededBytes) {
      removals.hurry();
      freeBytes = freeBytesIn(fs, location.directory);
    }
    if (freeBytes === undefined || freeBytes >= neededBytes) return undefined;
    const text = `a compaction needs ${neededBytes} bytes, of which ${freeBytes} are free`;
    return new VarveError('NOSPACE', text, { file: location.directory });
  }
}

/** The plan of the first step that has something to do. */
function nextStep(request: Request): CompactionPlan | undefined {
  const { steps } = request.wish;
  for (; request.stepsDone < steps.length; request.stepsDone++) {
    const plan = steps[request.stepsDone]!();
    if (plan !== undefined) return plan;
  }
  return undefined;
}

/** The error of a compaction whose family is gone. */
export function familyDropped({ handle }: Family): VarveError {
  return new VarveError('INVALID', `column family '${handle.name}' was dropped`);
}
