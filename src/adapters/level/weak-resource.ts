/**
 * Iterators and snapshots that a Level database closes with itself, without keeping them alive:
 * abstract-level holds them until they are closed, so the garbage collector could never find those
 * that their users have dropped.
 * @module
 */

interface Resource {
  close(): Promise<void>;
}

/** The part of abstract-level's database that is needed here. */
export interface Owner {
  attachResource(resource: Resource): void;
  detachResource(resource: Resource): void;
}

/** Stands for a resource that abstract-level has attached to its owner. */
export class WeakResource implements Resource {
  readonly #owner: Owner;
  readonly #target: WeakRef<Resource>;

  /** Takes the place of `target` at its owner. */
  constructor(owner: Owner, target: Resource) {
    this.#owner = owner;
    this.#target = new WeakRef(target);
    owner.detachResource(target);
    owner.attachResource(this);
    dropped.register(target, this);
  }

  /** To be called when the resource is closed. */
  detach(): void {
    this.#owner.detachResource(this);
  }

  async close(): Promise<void> {
    await this.#target.deref()?.close();
  }
}

const dropped = new FinalizationRegistry<WeakResource>((resource) => resource.detach());
