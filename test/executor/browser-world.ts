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
  WriteBatch,
  webThreads,
} from '../../src/core.ts';
import { TRAP_NONE, type TrappedFiles } from './browser-fs.ts';
import { ObservedThreads } from './browser-threads.ts';
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
/** What a loop waits for takes a second or two; the machine may be very busy. */
const LOOP_MS_MAX = 300_000;

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits, with the thread idle, until something is so; the driver of the browser ends it if not. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(10);
}

/** Files with threads that have them, and what is known of those. */
export class World {
  readonly fs: SharedMemoryFs;
  readonly trap: Int32Array;
  /** Of the database. */
  readonly threads: ObservedThreads;
  /** Waits that blocked the thread from the trap until another worker was started. */
  trappedWaitCount: number;
  readonly #threads: WebThreads;
  #gainedMs: number;

  constructor({ memory, trap }: TrappedFiles, threads: WebThreads) {
    this.fs = new SharedMemoryFs(memory);
    this.trap = trap;
    this.threads = new ObservedThreads(threads);
    this.#threads = threads;
    this.#gainedMs = 0;
    this.trappedWaitCount = 0;
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
      threads: this.threads,
    });
  }

  /**
   * Writes round 0 until so many workers take orders, and one of them has done a job since the
   * call. A thread that blocks does without those that do not.
   */
  async startWorkers(db: Db, count: number, workers: number): Promise<void> {
    const { threads } = this;
    const { doneCount } = threads;
    while (threads.readyCount < workers || threads.doneCount === doneCount) {
      write(db, count, 0);
      // Jobs that nobody waits for get a worker after a while.
      await pause(200);
    }
  }

  /** Table files that the database does not know. */
  orphans(db: Db): number {
    const tables = this.fs.list(DIRECTORY).filter((name) => name.endsWith('.sst'));
    return tables.length - db.stats().tableCount;
  }

  /** @param hurryMs what the clock gains with each wait from then until another worker starts */
  setTrap(action: number, hurryMs = 0): void {
    const { threads } = this;
    const { startCount } = threads;
    threads.onWait = () => {
      if (!this.isTrapSprung() || threads.startCount > startCount) return;
      this.#gainedMs += hurryMs;
      this.trappedWaitCount++;
    };
    Atomics.store(this.trap, 0, action);
  }

  /** True if a worker has gone into the trap that was set. */
  isTrapSprung(): boolean {
    return Atomics.load(this.trap, 0) === TRAP_NONE;
  }

  close(): void {
    this.#threads.close();
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

function writeBatch(db: Db, first: number, count: number, round: number): void {
  const batch = new WriteBatch();
  for (let i = first; i < Math.min(first + BATCH_COUNT, count); i++) {
    const n = (i * 7919) % count;
    batch.put(keyAt(n), valueAt(n, round));
  }
  db.write(batch);
}

/** Writes entries 0 to `count`, in mixed order and in one synchronous loop. */
export function write(db: Db, count: number, round: number): void {
  for (let first = 0; first < count; first += BATCH_COUNT) writeBatch(db, first, count, round);
}

/** Writes of these entries again and again, in one synchronous loop, until something is so. */
export function writeUntil(
  db: Db,
  count: number,
  round: number,
  what: string,
  isSo: () => boolean,
): void {
  const started = performance.now();
  for (let first = 0; !isSo(); first = (first + BATCH_COUNT) % count) {
    check(performance.now() - started < LOOP_MS_MAX, `${what} in a loop of writes`);
    writeBatch(db, first, count, round);
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
