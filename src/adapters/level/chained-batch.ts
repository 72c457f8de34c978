/**
 * The chained batch of Level, encoded as it grows.
 * @module
 */
import { WriteBatch } from '../../core.ts';
import { type Encoded, engineBytes } from './formats.ts';
import { AbstractChainedBatch } from './npm-install-abstract-level.ts';
import type { WriteRequest } from './requests.ts';
import type { ChainedBatchWriteOptions } from './types.ts';

/** Keeps one empty batch: its buffer has grown already. */
export class BatchPool {
  readonly #entryChecksums: boolean;
  #spare: WriteBatch | undefined;

  /** @param entryChecksums as of the database that the batches are for */
  constructor(entryChecksums: boolean) {
    this.#entryChecksums = entryChecksums;
    this.#spare = undefined;
  }

  /** An empty batch, the caller's until given back. */
  take(): WriteBatch {
    const batch = this.#spare ?? new WriteBatch({ entryChecksums: this.#entryChecksums });
    this.#spare = undefined;
    return batch;
  }

  /** Takes a batch back. */
  give(batch: WriteBatch): void {
    this.#spare = batch.clear();
  }
}

/** Writes a batch; borrows it for the call, not until the promise settles. */
export type Commit = (batch: WriteBatch, request: WriteRequest) => Promise<void>;

/** Made by `db.batch()`. */
export class VarveChainedBatch<TDatabase, K, V> extends AbstractChainedBatch<TDatabase, K, V> {
  readonly #pool: BatchPool;
  readonly #batch: WriteBatch;
  readonly #commit: Commit;

  constructor(db: TDatabase, pool: BatchPool, commit: Commit) {
    super(db);
    this.#pool = pool;
    this.#batch = pool.take();
    this.#commit = commit;
  }

  override write(options: ChainedBatchWriteOptions = {}): Promise<void> {
    return super.write(options);
  }

  protected _put(key: Encoded, value: Encoded): void {
    this.#batch.put(engineBytes(key), engineBytes(value));
  }

  protected _del(key: Encoded): void {
    this.#batch.delete(engineBytes(key));
  }

  protected _clear(): void {
    this.#batch.clear();
  }

  protected _write(request: WriteRequest): Promise<void> {
    return this.#commit(this.#batch, request);
  }

  protected async _close(): Promise<void> {
    this.#pool.give(this.#batch);
  }
}
