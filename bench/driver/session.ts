/**
 * A store through a series of workloads: brings it into the state that the next one needs, and runs
 * it.
 * @module
 */
import { rmSync } from 'node:fs';
import type { Engine } from './engine.ts';
import { Permutation } from './numbers.ts';
import { type Measurement, Run } from './run.ts';
import { VALUE_BYTES, type WorkloadSettings } from './settings.ts';
import type { Workload } from './workload.ts';

const LOAD_BATCH_ENTRIES = 1000;

/** What a session begins with. */
export interface SessionOptions {
  /** Keys 0 to num-1 are there already, and nothing may be removed. */
  readonly isExisting: boolean;
  /** Told before a load that no workload asked for. */
  readonly onLoad?: (entries: number, valueBytes: number) => void;
}

/** See the module head. Owns the directory unless the database existed before. */
export class Session {
  readonly engine: Engine;
  readonly directory: string;
  readonly settings: WorkloadSettings;
  readonly #options: SessionOptions;
  #isOpen: boolean;
  #isSync: boolean;
  /** Of the entries that are there; undefined when there are none. */
  #heldValueBytes: number | undefined;
  #stream: number;

  constructor(
    engine: Engine,
    directory: string,
    settings: WorkloadSettings,
    options: SessionOptions,
  ) {
    this.engine = engine;
    this.directory = directory;
    this.settings = settings;
    this.#options = options;
    this.#isOpen = false;
    this.#isSync = false;
    this.#heldValueBytes = undefined;
    this.#stream = 0;
  }

  /** The sync that a workload's writes have. */
  isSync(workload: Workload): boolean {
    return this.settings.sync || workload.sync === true;
  }

  /** Opens the store and gives it what the workload needs. */
  async prepare(workload: Workload): Promise<void> {
    const isSync = this.isSync(workload);
    const valueBytes = this.#valueBytes(workload);
    const isHeld = this.#options.isExisting || this.#heldValueBytes === valueBytes;
    if (workload.needs === 'empty') {
      await this.#makeEmpty(isSync);
    } else if (!isHeld || (workload.needs === 'records' && !this.#options.isExisting)) {
      await this.#makeEmpty(false);
      await this.load(valueBytes);
    }
    await this.open(isSync);
  }

  /** Runs a workload that was prepared. */
  async run(workload: Workload): Promise<Measurement> {
    // Runs of one session differ in their draws, or the second would find all in its caches.
    const run = new Run(this.engine, this.directory, this.settings, this.#stream++);
    await workload.run(run);
    this.#heldValueBytes = this.#valueBytes(workload);
    return run.finish();
  }

  /** Writes keys 0 to num-1 in random order and brings them into the store's final form. */
  async load(valueBytes: number): Promise<void> {
    const { settings, engine } = this;
    this.#options.onLoad?.(settings.num, valueBytes);
    const untimed = { ...settings, valueSize: valueBytes, limitSeconds: 0, histogram: false };
    const run = new Run(engine, this.directory, untimed, this.#stream++);
    const source = new Permutation(run.random, run.num);
    const values = run.values();
    const chunk = run.chunk(LOAD_BATCH_ENTRIES);
    await run.loop(run.num, chunk.capacity, false, (count) => {
      chunk.drawEntries(source, values, count);
      return engine.putBatch(chunk);
    });
    await engine.compact?.();
    this.#heldValueBytes = valueBytes;
  }

  /** Opens the store as it stands. */
  async open(sync = false): Promise<void> {
    if (this.#isOpen && this.#isSync === sync) return;
    await this.close();
    await this.engine.open(this.directory, sync);
    this.#isOpen = true;
    this.#isSync = sync;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.engine.close();
  }

  #valueBytes(workload: Workload): number {
    return this.settings.valueSize ?? workload.valueBytes ?? VALUE_BYTES;
  }

  async #makeEmpty(sync: boolean): Promise<void> {
    if (this.#options.isExisting) {
      throw new Error('this workload needs an empty database, and use_existing_db keeps the old');
    }
    await this.close();
    rmSync(this.directory, { recursive: true, force: true });
    this.#heldValueBytes = undefined;
    await this.open(sync);
  }
}
