/**
 * Puts damage right on disk: in place, and where that cannot be, by writing anew what the file
 * holds.
 * @module
 */
import { isVarveError } from '../../errors.ts';
import { joinPath } from '../../fs/port.ts';
import type { Finding } from '../../integrity/finding.ts';
import { healFile } from '../../integrity/heal.ts';
import { RANK_LOG, RANK_TABLE } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';
import type { ScrubTarget } from './scrub-targets.ts';

const STILL_WRONG = 'what was written back is wrong when it is read again';

/** What became of findings. */
export interface Healed {
  /** Is right on stable storage, and was read again. */
  readonly done: readonly Finding[];
  /** Why the file is not healed in place; undefined if it is. */
  readonly refusal: string | undefined;
}

/** How files are replaced that cannot be healed in place. */
export interface HealFallbacks {
  /** Puts all that memory holds into tables, so that the logs that there are can go. */
  readonly leaveLogs: () => void;
}

/** See the module head. Works in the thread of the database, which writes logs and CURRENT. */
export class Healer {
  readonly #core: DbCore;
  readonly #fallbacks: HealFallbacks;

  constructor(core: DbCore, fallbacks: HealFallbacks) {
    this.#core = core;
    this.#fallbacks = fallbacks;
  }

  /**
   * Heals what was found healable in a file that is part of the database; nothing while writing
   * has stopped.
   * @throws VarveError `DETACHED`
   */
  heal(target: ScrubTarget, findings: readonly Finding[]): Healed {
    const { events, counters, backgroundError } = this.#core;
    if (findings.length === 0) return { done: [], refusal: undefined };
    if (backgroundError !== undefined) return { done: [], refusal: backgroundError.message };
    const { done, refusal } = this.#healInPlace(target, findings);
    for (const { file, fileClass, part, offset, lengthBytes, blockType, source } of done) {
      counters.healCount++;
      const place = { file, fileClass, part, offset, lengthBytes, blockType };
      events.tell({ type: 'healed', ...place, source });
    }
    if (refusal !== undefined) this.#writeAnew(target);
    return { done, refusal };
  }

  #healInPlace({ fileName, expected }: ScrubTarget, findings: readonly Finding[]): Healed {
    const { fs, location } = this.#core;
    const path = joinPath(location.directory, fileName);
    try {
      const { healed, left, refusal } = healFile(fs, path, expected, findings);
      const isWrong = left.some(({ state }) => state === 'healable');
      return { done: healed, refusal: refusal ?? (isWrong ? STILL_WRONG : undefined) };
    } catch (error) {
      if (!isVarveError(error) || error.code === 'DETACHED') throw error;
      return { done: [], refusal: error.message };
    }
  }

  #writeAnew({ rank, fileNumber }: ScrubTarget): void {
    const core = this.#core;
    if (rank === RANK_TABLE) {
      core.requests.health.healable.add(fileNumber);
      return;
    }
    try {
      if (rank === RANK_LOG) this.#fallbacks.leaveLogs();
      // Both slots of CURRENT are written with a new manifest. The first write makes one anyway.
      else if (!core.begin()) core.manifest!.start();
    } catch (error) {
      core.fail(error);
    }
  }
}
