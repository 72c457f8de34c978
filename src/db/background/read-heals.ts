/**
 * Heals of what reads have put right for themselves: the file still has the damage.
 *
 * A read only notes the place. It is looked at and healed soon after, when no call is in the midst
 * of its work.
 * @module
 */
import { isVarveError } from '../../errors.ts';
import { closeFile, joinPath } from '../../fs/port.ts';
import { FileCheck } from '../../integrity/file-check.ts';
import type { Finding } from '../../integrity/finding.ts';
import { addTotals, RANK_TABLE } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import type { ScrubFindings } from './scrub-findings.ts';
import type { ScrubRecord } from './scrub-record.ts';
import { type ScrubTarget, scrubTargets } from './scrub-targets.ts';

/** Files that are healed in one go. */
const FILES_MAX = 4;
const STEP_BYTES = 0x10_0000;

/** See the module head. */
export class ReadHeals {
  readonly #core: DbCore;
  readonly #findings: ScrubFindings;
  readonly #record: ScrubRecord;
  #callOff: (() => void) | undefined;

  constructor(core: DbCore, findings: ScrubFindings, record: ScrubRecord) {
    this.#core = core;
    this.#findings = findings;
    this.#record = record;
    this.#callOff = undefined;
  }

  start(): void {
    const { heals } = this.#core.location;
    heals.onFirst = () => this.#arm();
    if (!heals.isEmpty) this.#arm();
  }

  stop(): void {
    this.#core.location.heals.onFirst = () => {};
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Heals what waits, a few files of it. Not in the midst of a call. */
  pump(): void {
    const { heals, directory } = this.#core.location;
    if (heals.isEmpty || this.#core.backgroundError !== undefined) return;
    const targets = new Map<string, ScrubTarget>();
    for (const target of scrubTargets(this.#core)) {
      targets.set(joinPath(directory, target.fileName), target);
    }
    for (let i = 0; i < FILES_MAX; i++) {
      const wanted = heals.take();
      if (wanted === undefined) return;
      const target = targets.get(wanted.path);
      if (target !== undefined) this.#heal(target, wanted.offsets);
    }
  }

  #heal(target: ScrubTarget, offsets: ReadonlySet<number>): void {
    const found: Finding[] = [];
    try {
      for (const offset of target.rank === RANK_TABLE ? offsets : [0]) {
        found.push(...this.#look(target, offset));
      }
    } catch (error) {
      if (!isVarveError(error)) throw error;
    }
    const { counts } = this.#findings.take(target, found, true, offsets);
    this.#record.set(addTotals(this.#record.state, counts));
  }

  /** What is wrong in a table where a read said so; in other files, anywhere. */
  #look(target: ScrubTarget, offset: number): Finding[] {
    const { fs, location } = this.#core;
    const { fileName, expected, rank } = target;
    const file = fs.open(joinPath(location.directory, fileName), 'read');
    const found: Finding[] = [];
    try {
      const only = rank === RANK_TABLE ? placeAt(file.path, offset) : undefined;
      const check = new FileCheck(file, expected, (finding) => found.push(finding), { only });
      while (check.step(STEP_BYTES));
    } finally {
      closeFile(file);
    }
    return found;
  }

  #arm(): void {
    const { hostLoop } = this.#core.location;
    this.#callOff ??= hostLoop.later?.(0, () => {
      this.#callOff = undefined;
      if (this.#core.isClosed) return;
      try {
        this.pump();
      } catch (error) {
        this.#core.fail(error);
      }
      if (!this.#core.location.heals.isEmpty) this.#arm();
      this.#core.events.deliver();
    });
  }
}

/** The block, or the header, that begins there. */
function placeAt(file: string, offset: number): Finding {
  return {
    ...{ file, fileClass: 'table', part: offset === 0 ? 'header' : 'block', offset },
    ...{ lengthBytes: 1, blockType: 0, state: 'healable', cause: '', source: '', ranges: [] },
  };
}
