/**
 * What a database remembers of its scrub: read once it is open, written now and then.
 * @module
 */
import { isVarveError } from '../../errors.ts';
import { ScrubFile } from '../../integrity/scrub-file.ts';
import { NEW_SCRUB, type ScrubState } from '../../integrity/scrub-state.ts';
import type { DbCore } from '../core.ts';

/** So much is looked at again after a crash, at most, and a file is synced no more often. */
const WRITE_MS = 60_000;

/** See the module head. */
export class ScrubRecord {
  readonly #core: DbCore;
  #file: ScrubFile | undefined;
  #state: ScrubState;
  #isWritten: boolean;
  #writtenAtMs: number;
  /** Why it could not be written, or read. */
  #problem: string | undefined;

  constructor(core: DbCore) {
    this.#core = core;
    this.#file = undefined;
    this.#state = NEW_SCRUB;
    this.#isWritten = true;
    this.#writtenAtMs = 0;
    this.#problem = undefined;
  }

  /** Message of the error for which the state may not outlive the process. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** That of a new database before {@link read}. */
  get state(): ScrubState {
    return this.#state;
  }

  /** Replaces the state; it is written if it is time. */
  set(state: ScrubState): void {
    this.#state = state;
    this.#isWritten = false;
    const nowMs = this.#core.location.clock.monotonic();
    if (nowMs - this.#writtenAtMs >= WRITE_MS) this.write();
  }

  /** Writes what is not written yet. A failure costs no more than that it is looked at again. */
  write(): void {
    if (this.#isWritten || this.#file === undefined) return;
    this.#writtenAtMs = this.#core.location.clock.monotonic();
    try {
      this.#file.write(this.#state);
      this.#isWritten = true;
      this.#problem = undefined;
    } catch (error) {
      this.#note(error);
    }
  }

  /** Reads what earlier processes have left. */
  read(): void {
    const { fs, directory } = this.#core.location;
    this.#file = new ScrubFile(fs, directory, this.#core.manifest!.databaseId);
    this.#writtenAtMs = this.#core.location.clock.monotonic();
    try {
      this.#state = this.#file.read();
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    if (!isVarveError(error)) throw error;
    if (error.code === 'DETACHED') this.#core.fail(error);
    this.#problem = error.message;
  }
}
