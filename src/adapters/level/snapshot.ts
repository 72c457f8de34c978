/**
 * Explicit snapshots of Level.
 * @module
 */
import type { ReadOptions, Snapshot } from '../../core.ts';
import { AbstractSnapshot } from './npm-install-abstract-level.ts';
import { type Owner, WeakResource } from './weak-resource.ts';

/** Made by `db.snapshot()`; close it when done. */
export class VarveSnapshot extends AbstractSnapshot {
  readonly #snapshot: Snapshot;
  readonly #resource: WeakResource;
  /** Read options that are the same for every read: a copy as of the snapshot, or a loan. */
  readonly #copying: ReadOptions;
  readonly #borrowing: ReadOptions;

  /**
   * @param options those of abstract-level, which name the owner
   * @param snapshot taken
   */
  constructor(options: { owner: Owner }, snapshot: Snapshot) {
    // The constructor of abstract-level takes options, which its types leave out.
    super(...([options] as unknown as []));
    this.#snapshot = snapshot;
    this.#resource = new WeakResource(options.owner, this);
    this.#copying = { snapshot };
    this.#borrowing = { snapshot, borrow: true };
  }

  protected async _close(): Promise<void> {
    this.#snapshot.release();
    this.#resource.detach();
  }

  /** The engine's snapshot behind the `snapshot` option of a read. */
  static engineSnapshot(option: AbstractSnapshot): Snapshot {
    return VarveSnapshot.#of(option).#snapshot;
  }

  /** Options for a point read as of the snapshot. */
  static readOptions(option: AbstractSnapshot, borrow: boolean): ReadOptions {
    const snapshot = VarveSnapshot.#of(option);
    return borrow ? snapshot.#borrowing : snapshot.#copying;
  }

  /** @throws TypeError for a snapshot of another kind of database */
  static #of(option: AbstractSnapshot): VarveSnapshot {
    if (#snapshot in option) return option;
    throw new TypeError('snapshot must be one of this database');
  }
}
