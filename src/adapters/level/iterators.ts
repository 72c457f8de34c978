/**
 * The iterators of Level: three classes of abstract-level over one reader.
 * @module
 */
import type { LostRange } from '../../core.ts';
import type { Encoded } from './formats.ts';
import {
  AbstractIterator,
  AbstractKeyIterator,
  AbstractValueIterator,
} from './npm-install-abstract-level.ts';
import type { RangeReader } from './range-reader.ts';
import type { ScanRequest } from './requests.ts';
import { type Owner, WeakResource } from './weak-resource.ts';

/** Entries as `[key, value]`; a part that was not asked for is undefined. */
export class VarveIterator<TDatabase, K, V> extends AbstractIterator<TDatabase, K, V> {
  readonly #reader: RangeReader<[K, V]>;
  readonly #resource: WeakResource;

  /** @param reader taken */
  constructor(db: TDatabase, request: ScanRequest, reader: RangeReader<[K, V]>) {
    super(db, request as object);
    this.#reader = reader;
    this.#resource = new WeakResource(this.db as unknown as Owner, this);
  }

  /** With `onDamage: 'skip'`: what was left out so far, by ranges of encoded keys. Fresh. */
  get lostRanges(): LostRange[] {
    return this.#reader.lostRanges;
  }

  protected _next(): Promise<[K, V] | undefined> {
    return this.#reader.next();
  }

  protected _nextv(size: number): Promise<[K, V][]> {
    return this.#reader.nextv(size);
  }

  protected _seek(target: Encoded): void {
    this.#reader.seek(target);
  }

  protected async _close(): Promise<void> {
    this.#reader.close();
    this.#resource.detach();
  }
}

/** Keys alone. */
export class VarveKeyIterator<TDatabase, K> extends AbstractKeyIterator<TDatabase, K> {
  readonly #reader: RangeReader<K>;
  readonly #resource: WeakResource;

  /** @param reader taken */
  constructor(db: TDatabase, request: ScanRequest, reader: RangeReader<K>) {
    super(db, request as object);
    this.#reader = reader;
    this.#resource = new WeakResource(this.db as unknown as Owner, this);
  }

  /** With `onDamage: 'skip'`: what was left out so far, by ranges of encoded keys. Fresh. */
  get lostRanges(): LostRange[] {
    return this.#reader.lostRanges;
  }

  protected _next(): Promise<K | undefined> {
    return this.#reader.next();
  }

  protected _nextv(size: number): Promise<K[]> {
    return this.#reader.nextv(size);
  }

  protected _seek(target: Encoded): void {
    this.#reader.seek(target);
  }

  protected async _close(): Promise<void> {
    this.#reader.close();
    this.#resource.detach();
  }
}

/** Values alone. */
export class VarveValueIterator<TDatabase, K, V> extends AbstractValueIterator<TDatabase, K, V> {
  readonly #reader: RangeReader<V>;
  readonly #resource: WeakResource;

  /** @param reader taken */
  constructor(db: TDatabase, request: ScanRequest, reader: RangeReader<V>) {
    super(db, request as object);
    this.#reader = reader;
    this.#resource = new WeakResource(this.db as unknown as Owner, this);
  }

  /** With `onDamage: 'skip'`: what was left out so far, by ranges of encoded keys. Fresh. */
  get lostRanges(): LostRange[] {
    return this.#reader.lostRanges;
  }

  protected _next(): Promise<V | undefined> {
    return this.#reader.next();
  }

  protected _nextv(size: number): Promise<V[]> {
    return this.#reader.nextv(size);
  }

  protected _seek(target: Encoded): void {
    this.#reader.seek(target);
  }

  protected async _close(): Promise<void> {
    this.#reader.close();
    this.#resource.detach();
  }
}
