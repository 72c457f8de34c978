/**
 * The object that says that a backup is being made: as long as it is there, no purge removes an
 * object of which nobody knows yet whether that backup needs it. It is put once, and never again
 * when somebody has removed it. Beside it stands when its maker was last known to live, so that
 * one whose maker is gone can be told.
 * @module
 */
import type { Clock } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import { pendingName, renewedName } from './object-names.ts';
import { type BackupTarget, bytesAsPieces, getBytes } from './port.ts';

const RENEWAL_MS = 5 * 60_000;
/** One that was not renewed for so long counts as left by a process that is gone. */
export const STALE_AFTER_MS: number = 24 * 60 * 60_000;
const BYTES_MAX = 1000;

/** See the module head; of one backup. */
export class Pending {
  readonly #target: BackupTarget;
  readonly #clock: Clock;
  readonly #id: string;
  #renewedAtMs: number;

  private constructor(target: BackupTarget, clock: Clock, id: string) {
    this.#target = target;
    this.#clock = clock;
    this.#id = id;
    this.#renewedAtMs = 0;
  }

  static async begin(target: BackupTarget, clock: Clock, id: string): Promise<Pending> {
    const pending = new Pending(target, clock, id);
    await pending.#put(pendingName(id));
    return pending;
  }

  /** To be called often; renews it when it is time. */
  async renew(): Promise<void> {
    if (Math.abs(this.#clock.now() - this.#renewedAtMs) < RENEWAL_MS) return;
    await this.#put(renewedName(this.#id));
  }

  /** @throws VarveError `BUSY` when a purge has taken the backup for one that was left */
  async assertThere(): Promise<void> {
    if ((await this.#target.list()).includes(pendingName(this.#id))) return;
    throw new VarveError('BUSY', 'a purge took the backup for one that was cut off: do it again');
  }

  end(): Promise<void> {
    return endPending(this.#target, this.#id);
  }

  async #put(name: string): Promise<void> {
    this.#renewedAtMs = this.#clock.now();
    const text = JSON.stringify({ atMs: this.#renewedAtMs });
    await this.#target.put(name, bytesAsPieces(new TextEncoder().encode(text)));
  }
}

/** Removes what says that a backup is being made. */
export async function endPending(target: BackupTarget, id: string): Promise<void> {
  await target.delete(pendingName(id));
  await target.delete(renewedName(id));
}

/**
 * How long ago the maker of a pending backup was last known to live, in milliseconds; infinite
 * where nothing readable says so, for then the first put was cut off.
 */
export async function idleMs(target: BackupTarget, clock: Clock, id: string): Promise<number> {
  let idle = Number.POSITIVE_INFINITY;
  for (const name of [pendingName(id), renewedName(id)]) {
    const bytes = await getBytes(target, name, BYTES_MAX);
    const match = /^\{"atMs":(\d{1,15})\}$/.exec(new TextDecoder().decode(bytes));
    if (match !== null) idle = Math.min(idle, clock.now() - Number(match[1]));
  }
  return idle;
}
