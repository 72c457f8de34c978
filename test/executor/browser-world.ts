/**
 * Databases of the browser tests: in shared memory, with web workers.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import {
  type Db,
  type DbOptions,
  nobleCrypto,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
  type WebThreads,
  type WorkerThreads,
  WriteBatch,
  webThreads,
} from '../../src/core.ts';
import { TRAP_NONE, type TrappedFiles } from './browser-fs.ts';
import { makeSharedMemory, SharedMemoryFs } from './shared-memory-fs.ts';

export const DIRECTORY = 'db';

/** So small that there is always something to do. */
export const SMALL: DbOptions = {
  writeBufferBytes: 256 * 1024,
  targetTableBytes: 128 * 1024,
  baseLevelBytes: 512 * 1024,
  levelRatio: 4,
};

const BATCH_COUNT = 1000;
const VALUE_BYTES = 100;

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Waits, with the thread idle, until something is so; the driver of the browser ends it if not. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Files with threads that have them, and what is known of those. */
export class World {
  readonly fs: SharedMemoryFs;
  readonly trap: Int32Array;
  readonly #threads: WebThreads;
  #gainedMs: number;
  /** Workers that were started. */
  startCount: number;
  /** Waits that blocked the thread. */
  waitCount: number;
  /** What the clock of the database gains with each of those, from the trap to the next start. */
  hurryMs: number;
  /** Why workers ended, as their database was told. */
  readonly deaths: string[];

  constructor({ memory, trap }: TrappedFiles, threads: WebThreads) {
    this.fs = new SharedMemoryFs(memory);
    this.trap = trap;
    this.#threads = threads;
    this.startCount = 0;
    this.waitCount = 0;
    this.hurryMs = 0;
    this.#gainedMs = 0;
    this.deaths = [];
  }

  static async open(capacityBytes = 64 << 20, factory = 'openTrappedFs'): Promise<World> {
    const argument: TrappedFiles = {
      memory: makeSharedMemory(capacityBytes),
      trap: new Int32Array(new SharedArrayBuffer(4)),
    };
    const module = new URL('./browser-fs.js', import.meta.url);
    return new World(argument, await webThreads({ fs: { module, export: factory, argument } }));
  }

  openDb(options: DbOptions): Promise<Db> {
    return openDatabase(DIRECTORY, options, {
      fs: this.fs,
      clock: {
        now: () => systemClock.now(),
        monotonic: () => systemClock.monotonic() + this.#gainedMs,
      },
      random: systemRandom,
      hostLoop: systemHostLoop,
      compression: portableCompression,
      crypto: nobleCrypto,
      threads: this.#observedThreads(),
    });
  }

  /** Table files that the database does not know. */
  orphans(db: Db): number {
    const tables = this.fs.list(DIRECTORY).filter((name) => name.endsWith('.sst'));
    return tables.length - db.stats().tableCount;
  }

  setTrap(action: number): void {
    Atomics.store(this.trap, 0, action);
  }

  /** True if a worker has gone into the trap that was set. */
  isTrapSprung(): boolean {
    return Atomics.load(this.trap, 0) === TRAP_NONE;
  }

  close(): void {
    this.#threads.close();
  }

  #observedThreads(): WorkerThreads {
    const threads = this.#threads;
    return {
      defaultCount: threads.defaultCount,
      start: (signals, number, listener) => {
        this.startCount++;
        this.hurryMs = 0;
        return threads.start(signals, number, {
          onReport: () => listener.onReport(),
          onDeath: (cause) => {
            this.deaths.push(String(cause));
            listener.onDeath(cause);
          },
        });
      },
      wait: (signals, seen, milliseconds) => {
        this.waitCount++;
        if (this.isTrapSprung()) this.#gainedMs += this.hurryMs;
        threads.wait(signals, seen, milliseconds);
      },
      timer: (milliseconds, callback) => threads.timer(milliseconds, callback),
    };
  }
}

/** 16 bytes. */
export function keyAt(n: number): string {
  return String(n).padStart(16, '0');
}

function valueAt(n: number, round: number): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES).fill(round);
  for (let i = 0; i < 16; i++) value[i] = n >>> i;
  return value;
}

/** Writes entries 0 to `count`, in mixed order and in one synchronous loop. */
export function write(
  db: Db,
  count: number,
  round: number,
  onBatch: (first: number) => void = () => {},
): void {
  for (let first = 0; first < count; first += BATCH_COUNT) {
    onBatch(first);
    const batch = new WriteBatch();
    for (let i = first; i < Math.min(first + BATCH_COUNT, count); i++) {
      const n = (i * 7919) % count;
      batch.put(keyAt(n), valueAt(n, round));
    }
    db.write(batch);
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at === a.length && at === b.length;
}

/** Reads everything, and throws unless it is what `write` has written. */
export function checkEntries(db: Db, count: number, round: number): void {
  const decoder = new TextDecoder();
  let n = 0;
  for (const [key, value] of db.entries()) {
    const isRight = decoder.decode(key) === keyAt(n) && isEqual(value, valueAt(n, round));
    if (!isRight) throw new Error(`entry ${n} is ${decoder.decode(key)}: [${value}]`);
    n++;
  }
  check(n === count, `${n} entries of ${count}`);
}
