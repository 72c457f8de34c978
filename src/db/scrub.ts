/**
 * Looking at the files of an open database because somebody asks for it: all, or some.
 * @module
 */
import type { StopSignal } from '../env/port.ts';
import { throwIfStopped } from '../env/stop.ts';
import { VarveError } from '../errors.ts';
import type { Executor } from '../executor/executor.ts';
import type { ScrubFinding } from '../integrity/finding.ts';
import { addTotals, type ScrubCounts, type ScrubState } from '../integrity/scrub-state.ts';
import { unreadable } from './background/patrol.ts';
import type { ScrubFindings } from './background/scrub-findings.ts';
import type { ScrubRecord } from './background/scrub-record.ts';
import { fittingBytes, ScrubSlice } from './background/scrub-slice.ts';
import { isLive, type ScrubTarget, scrubTargets } from './background/scrub-targets.ts';
import type { ColumnFamily } from './column-family.ts';
import type { DbCore } from './core.ts';

/** A part of a file that is looked at by one job. */
const SLICE_BYTES = 0x40_0000;
/** Findings that a report lists; all are counted. */
const LISTED_MAX = 10_000;

/** How far a scrub has come. */
export interface ScrubProgress {
  /** Path of the file that was looked at last. */
  readonly file: string;
  /** Of all files. */
  readonly bytesChecked: number;
  /** Bytes of all files, about: some grow meanwhile, some go. */
  readonly bytesTotal: number;
  /** Damaged places so far. */
  readonly findingCount: number;
}

/** What a call of `scrub` looks at, and how. */
export interface DbScrubOptions {
  /** Ends it; it then rejects with the reason. */
  readonly signal?: StopSignal;
  /** Called after each part of a file. */
  readonly onProgress?: (progress: ScrubProgress) => void;
  /** Write back what parity or copies give; as the option `scrub.heal` of `open` says if absent. */
  readonly heal?: boolean;
  /** At most so many in a second: at least 4096; no limit if absent. */
  readonly bytesPerSecond?: number;
  /** `'damaged'`: only files that are known to have damage; `'all'` if absent. */
  readonly files?: 'all' | 'damaged';
  /** Only the table with this file number. */
  readonly table?: number;
  /** Only tables of this family, or of that of this name. */
  readonly columnFamily?: ColumnFamily | string;
}

/** What a scrub has looked at and found. */
export interface DbScrubReport extends ScrubCounts {
  /** Files that were looked at as a whole. */
  readonly fileCount: number;
  /** In the order of the files; the first 10,000. */
  readonly findings: readonly ScrubFinding[];
  /** False where some answer may have come from a cache of the system, and not from the device. */
  readonly isPastSystemCache: boolean;
  /** How long it took. */
  readonly durationMs: number;
}

/** What a pass works with. */
export interface PassParts {
  readonly core: DbCore;
  readonly executor: Executor;
  readonly record: ScrubRecord;
  readonly findings: ScrubFindings;
  /** Lets the host, and all background work, get on. */
  readonly turn: () => Promise<void>;
  /** Resolves when it may go on. */
  readonly untilContinued: () => Promise<void>;
}

/** Which tables are meant, of those that a call names. */
export interface ScrubScope {
  readonly options: DbScrubOptions;
  /** Undefined for all. */
  readonly familyId: number | undefined;
}

/** One call of `scrub`. */
export class ScrubPass {
  readonly #parts: PassParts;
  readonly #options: DbScrubOptions;
  readonly #targets: readonly ScrubTarget[];
  readonly #isWhole: boolean;
  readonly #heals: boolean;
  readonly #beginMs: number;
  readonly #begunAtMs: number;
  readonly #listed: ScrubFinding[];
  readonly #counts: { -readonly [Name in keyof ScrubCounts]: number };
  #fileCount: number;
  #isPastSystemCache: boolean;

  /** @throws VarveError `INVALID` for a table that is not there */
  constructor(parts: PassParts, { options, familyId }: ScrubScope) {
    const { core, findings } = parts;
    const { files, table } = options;
    this.#parts = parts;
    this.#options = options;
    this.#isWhole = files !== 'damaged' && table === undefined && familyId === undefined;
    this.#targets = scrubTargets(core).filter(
      (target) =>
        (table === undefined || (target.meta !== undefined && target.fileNumber === table)) &&
        (familyId === undefined || target.familyId === familyId) &&
        (files !== 'damaged' || findings.isDamaged(target)),
    );
    if (table !== undefined && this.#targets.length === 0 && files !== 'damaged') {
      throw new VarveError('INVALID', `there is no table ${table}`);
    }
    this.#heals = options.heal ?? core.settings.scrub.heal;
    this.#beginMs = core.location.clock.monotonic();
    this.#begunAtMs = core.location.clock.now();
    this.#listed = [];
    this.#counts = { bytesChecked: 0, correctedCount: 0, healedCount: 0, lostCount: 0 };
    this.#fileCount = 0;
    this.#isPastSystemCache = true;
  }

  /** Looks at all of it. Rejects when it is aborted, or the database closed. */
  async run(): Promise<DbScrubReport> {
    const { core } = this.#parts;
    for (const target of this.#targets) await this.#look(target);
    this.#remember();
    return {
      ...this.#counts,
      fileCount: this.#fileCount,
      findings: this.#listed,
      isPastSystemCache: this.#isPastSystemCache,
      durationMs: core.location.clock.monotonic() - this.#beginMs,
    };
  }

  async #look(target: ScrubTarget): Promise<void> {
    const { core, executor, turn, findings } = this.#parts;
    const before = this.#findingCount;
    for (let position = 0; isLive(core, target); ) {
      await this.#mayGoOn();
      const bytes = fittingBytes(executor, SLICE_BYTES);
      const slice = new ScrubSlice(core, executor, target, position, bytes);
      while (!slice.isSettled) {
        if (core.isClosed) break;
        await turn();
      }
      core.assertOpen();
      const { result } = slice;
      if (result === undefined && slice.isLost) continue;
      if (result === undefined) {
        this.#passOver(slice);
        return;
      }
      this.#take(target, slice);
      const bytesChecked = Math.max(0, result.position - position);
      this.#counts.bytesChecked += bytesChecked;
      this.#isPastSystemCache &&= result.isPastCache;
      position = result.position;
      if (result.isDone) {
        this.#fileCount++;
        if (this.#findingCount === before) findings.noteSound(target);
      }
      this.#tellProgress(slice);
      await this.#pause();
      if (result.isDone) return;
    }
  }

  #take(target: ScrubTarget, { result }: ScrubSlice): void {
    const outcome = this.#parts.findings.take(target, result!.findings, this.#heals);
    this.#counts.correctedCount += outcome.counts.correctedCount;
    this.#counts.healedCount += outcome.counts.healedCount;
    this.#counts.lostCount += outcome.counts.lostCount;
    this.#list(outcome.findings);
  }

  /** A file that cannot be looked at is damage, unless the database can do without by now. */
  #passOver({ target, error }: ScrubSlice): void {
    const { core, findings } = this.#parts;
    if (error!.code === 'DETACHED' || error!.code === 'CLOSED') throw error;
    const finding = unreadable(core, target, error!.message);
    const outcome = findings.take(target, [finding], false);
    this.#counts.lostCount += outcome.counts.lostCount;
    this.#list(outcome.findings);
  }

  #list(found: readonly ScrubFinding[]): void {
    this.#listed.push(...found.slice(0, LISTED_MAX - this.#listed.length));
  }

  get #findingCount(): number {
    return this.#counts.correctedCount + this.#counts.lostCount;
  }

  async #mayGoOn(): Promise<void> {
    const { core, untilContinued } = this.#parts;
    await untilContinued();
    core.assertOpen();
    throwIfStopped(this.#options.signal);
  }

  /** Gives the host a turn, and waits where it is ahead of the pace that it was given. */
  async #pause(): Promise<void> {
    const { core } = this.#parts;
    const { clock, hostLoop } = core.location;
    await hostLoop.turn();
    const { bytesPerSecond } = this.#options;
    if (bytesPerSecond === undefined) return;
    const endMs = this.#beginMs + (this.#counts.bytesChecked * 1000) / bytesPerSecond;
    while (clock.monotonic() < endMs && !core.isClosed && this.#options.signal?.aborted !== true) {
      const waitMs = Math.min(100, endMs - clock.monotonic());
      await (hostLoop.delay?.(waitMs) ?? hostLoop.turn());
    }
  }

  #tellProgress({ target }: ScrubSlice): void {
    const { onProgress } = this.#options;
    if (onProgress === undefined) return;
    const { bytesChecked } = this.#counts;
    let bytesTotal = 0;
    for (const { sizeBytes } of this.#targets) bytesTotal += sizeBytes;
    onProgress({
      file: `${this.#parts.core.location.directory}/${target.fileName}`,
      ...{ bytesChecked, bytesTotal: Math.max(bytesChecked, bytesTotal) },
      findingCount: this.#findingCount,
    });
  }

  /** One that has looked at everything is a cycle of its own; the next one begins after it. */
  #remember(): void {
    const { core, record } = this.#parts;
    const state = addTotals(record.state, this.#counts);
    record.set(this.#isWhole ? asCycle(state, this.#counts, this.#begunAtMs, core) : state);
    record.write();
  }
}

function asCycle(
  state: ScrubState,
  counts: ScrubCounts,
  begunAtMs: number,
  { location }: DbCore,
): ScrubState {
  const number = state.cycle?.number ?? (state.last?.number ?? 0) + 1;
  const last = { number, begunAtMs, endedAtMs: location.clock.now(), ...counts };
  return { ...state, cycle: undefined, last };
}
