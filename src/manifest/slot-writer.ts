/**
 * Writes the slots of CURRENT by turns, so that one of them is whole at any moment.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { VarveError } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { CURRENT_SLOTS, createCurrent, writeCurrent } from './current.ts';
import type { ManifestLog } from './manifest-log.ts';

/** See the module head; one for each process that writes to a database. */
export class SlotWriter {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #pipeline: Pipeline;
  /** Of the newest slot that is on stable storage; 0 before there is one. */
  #generation: number;
  /** Slots on stable storage that name the current manifest of this process: 0, 1 or 2. */
  #slotCount: number;

  /** @param generation of the newest slot that was found; 0 if there was none */
  constructor(fs: Fs, directory: string, pipeline: Pipeline, generation: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#pipeline = pipeline;
    this.#generation = generation;
    this.#slotCount = 0;
  }

  /** Both slots name the current manifest, and are durable. */
  get areAlike(): boolean {
    return this.#slotCount === CURRENT_SLOTS;
  }

  /** Makes CURRENT if no slot was ever written; its name becomes durable with the next one's. */
  createFile(): void {
    if (this.#generation === 0) createCurrent(this.#fs, this.#directory);
  }

  /** The next slot names another manifest than those before. */
  begin(): void {
    this.#slotCount = 0;
  }

  /**
   * Writes the older slot and syncs it, and then the same into the other one, without a sync. The
   * generation advances only when a slot is durable, so that after a failure the same slot is
   * written again and the sound one stays.
   * @param manifestBytes bytes of the manifest that are on stable storage
   * @throws VarveError of the `Fs`; `INVALID` when there are no generations left
   */
  write(manifest: ManifestLog, manifestBytes: number, isClean: boolean): void {
    const { logProtection, databaseId } = this.#pipeline;
    if (this.#generation > Number.MAX_SAFE_INTEGER - 2) {
      throw new VarveError('INVALID', 'CURRENT has used up its generations');
    }
    const slot = {
      generation: this.#generation + 1,
      manifestNumber: manifest.fileNumber,
      manifestBytes,
      isClean,
      databaseId,
      suiteId: logProtection.suiteId,
      epoch: logProtection.epoch,
      manifestSalt: manifest.salt,
    };
    writeCurrent(this.#fs, this.#directory, slot, this.#pipeline);
    this.#generation++;
    this.#slotCount = Math.min(this.#slotCount + 1, CURRENT_SLOTS);
    if (this.areAlike && !isClean) return;
    // The other one too. It does not count before it is synced: it is written again then.
    const echo = { ...slot, generation: this.#generation + 1 };
    writeCurrent(this.#fs, this.#directory, echo, this.#pipeline, false);
  }
}
