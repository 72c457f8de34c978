/**
 * What becomes of damage that a look at the files has found: it is healed where that is wanted and
 * possible, counted, and told.
 * @module
 */
import type { Finding, ScrubFinding } from '../../integrity/finding.ts';
import { RANK_TABLE, type ScrubTotals } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import { noteDamage } from '../damage.ts';
import type { Healed, Healer } from './healer.ts';
import { isLive, type ScrubTarget } from './scrub-targets.ts';

/** Places that are remembered, so that each is told once; beyond that they are told again. */
const TOLD_MAX = 10_000;

/** What a part of a file has come to. */
export interface Outcome {
  readonly counts: ScrubTotals;
  readonly findings: readonly ScrubFinding[];
  /** Something was found that was not known. */
  readonly hasNews: boolean;
}

const NO_OFFSETS: ReadonlySet<number> = new Set();
const NOTHING: Outcome = {
  counts: { correctedCount: 0, healedCount: 0, lostCount: 0 },
  findings: [],
  hasNews: false,
};

const NOT_TRIED: Healed = { done: [], refusal: undefined };

/** See the module head. */
export class ScrubFindings {
  readonly #core: DbCore;
  readonly #healer: Healer;
  /** Places that were told and are not healed, by name of the file. */
  #told: Map<string, Set<string>>;
  #toldCount: number;

  constructor(core: DbCore, healer: Healer) {
    this.#core = core;
    this.#healer = healer;
    this.#told = new Map();
    this.#toldCount = 0;
  }

  /** True if the file is known to have damage on disk. */
  isDamaged({ fileName, fileNumber, rank }: ScrubTarget): boolean {
    const { health } = this.#core.requests;
    if (this.#told.has(fileName)) return true;
    if (rank !== RANK_TABLE) return false;
    return health.healable.has(fileNumber) || health.of(fileNumber) !== undefined;
  }

  /**
   * Takes what a look at a part of a file has found. What is no part of the database any more is
   * nobody's damage.
   * @param toldOffsets where a read has told already what it corrected
   */
  take(
    target: ScrubTarget,
    findings: readonly Finding[],
    heals: boolean,
    toldOffsets: ReadonlySet<number> = NO_OFFSETS,
  ): Outcome {
    if (findings.length === 0 || !isLive(this.#core, target)) return NOTHING;
    const counts = { correctedCount: 0, healedCount: 0, lostCount: 0 };
    const taken: ScrubFinding[] = [];
    let hasNews = false;
    for (const finding of findings) {
      const isNew = this.#note(target.fileName, finding);
      hasNews ||= isNew;
      if (finding.state === 'healable') counts.correctedCount++;
      else counts.lostCount++;
      const isTold = finding.state === 'healable' && toldOffsets.has(finding.offset);
      if (isNew && !isTold) this.#tell(target, finding);
    }
    const healable = findings.filter(({ state }) => state === 'healable');
    const { done, refusal } = heals ? this.#healer.heal(target, healable) : NOT_TRIED;
    const healed = new Set(done.map(placeOf));
    for (const finding of findings) {
      const isHealed = healed.has(placeOf(finding));
      if (isHealed) {
        counts.healedCount++;
        this.#forget(target.fileName, finding);
      }
      const isRefused = finding.state === 'healable' && !isHealed;
      taken.push({ ...finding, isHealed, refusal: isRefused ? refusal : undefined });
    }
    return { counts, findings: taken, hasNews };
  }

  /** A whole file was looked at, and nothing is wrong with it. */
  noteSound({ fileName }: ScrubTarget): void {
    this.#toldCount -= this.#told.get(fileName)?.size ?? 0;
    this.#told.delete(fileName);
  }

  /** True if it was not known. */
  #note(fileName: string, finding: Finding): boolean {
    if (this.#toldCount >= TOLD_MAX) {
      this.#told = new Map();
      this.#toldCount = 0;
    }
    const places = this.#told.get(fileName) ?? new Set();
    const place = placeOf(finding);
    if (places.has(place)) return false;
    this.#told.set(fileName, places.add(place));
    this.#toldCount++;
    return true;
  }

  #forget(fileName: string, finding: Finding): void {
    const places = this.#told.get(fileName);
    if (places?.delete(placeOf(finding)) === true) this.#toldCount--;
    if (places?.size === 0) this.#told.delete(fileName);
  }

  #tell({ familyId }: ScrubTarget, finding: Finding): void {
    const { events, families } = this.#core;
    const { file, offset, blockType, ranges } = finding;
    if (finding.state === 'healable') {
      const correctedShards = Math.max(1, ranges.length);
      events.corrected({ file, offset, blockType, correctedShards, correctedBits: 0 });
      return;
    }
    const { fileClass, part, lengthBytes, cause } = finding;
    const columnFamily = familyId === undefined ? undefined : families.get(familyId)?.handle.name;
    const place = { file, fileClass, part, offset, lengthBytes, blockType };
    events.tell({ type: 'file-damaged', ...place, columnFamily, cause });
    if (fileClass === 'table') noteDamage(this.#core, { file, offset, cause });
  }
}

function placeOf({ offset, state }: Finding): string {
  return `${state} ${offset}`;
}
