/**
 * Workers that do not come, and workers that several databases share. The threads are simulated.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { isVarveError } from '../../src/errors.ts';
import type { WorkerEndpoint, WorkerListener, WorkerThreads } from '../../src/executor/port.ts';
import { HEARTBEAT_WORD, type Order } from '../../src/executor/protocol.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { SimulatedThreads } from '../../src/testing/simulated-threads.ts';
import { isComplete, SMALL, write } from './fixture.ts';

const COUNT = 3000;
/** The claim of an order that was taken back. */
const WITHDRAWN = 2;

type RunOrder = Extract<Order, { type: 'run' }>;

/** Threads of one process; what they do not do is counted or held back. */
class Process {
  readonly fs = new MemoryFs();
  readonly clock = new SimulatedClock(1_700_000_000_000);
  readonly ports = {
    fs: this.fs,
    clock: this.clock,
    random: new SeededRandom(1),
    compression: portableCompression,
    crypto: nodeCrypto(),
  };
  readonly simulated = new SimulatedThreads(this.ports, new SeededRandom(2));
  /** Numbers of the workers that were started. */
  readonly started: number[] = [];
  /** Those that were ended. */
  readonly ended: number[] = [];
  /** Orders that were sent. */
  orderCount = 0;
  /** The most workers that had jobs of a directory at a time. */
  readonly workersMax = new Map<string, number>();
  readonly #open = new Map<number, { readonly worker: number; readonly order: RunOrder }>();
  /** Whether workers tell by events that they have reported. */
  hasEvents = true;
  readonly later: { readonly atMs: number; readonly callback: () => void }[] = [];
  waitCount = 0;
  /** What a start does before it returns. */
  onStart: (listener: WorkerListener, signals: Int32Array, number: number) => void = () => {};
  /** Whether orders reach the workers. */
  isDeaf = false;

  threads(hasLater: boolean): WorkerThreads {
    const { simulated } = this;
    const ports: WorkerThreads = {
      defaultCount: 2,
      start: (signals, number, listener) => {
        this.started.push(number);
        const onReport = (): void => {
          if (this.hasEvents) listener.onReport();
        };
        const endpoint = simulated.start(signals, number, {
          onReport,
          onDeath: (cause) => listener.onDeath(cause),
        });
        this.onStart(listener, signals, number);
        return {
          ...endpoint,
          send: (order) => {
            this.#note(number, order);
            if (!this.isDeaf) endpoint.send(order);
          },
          receive: () => {
            const report = endpoint.receive();
            if (report?.type === 'done' || report?.type === 'failed') this.#open.delete(report.id);
            return report;
          },
          terminate: () => {
            this.ended.push(number);
            return endpoint.terminate();
          },
        };
      },
      wait: (signals, seen, milliseconds) => {
        this.waitCount++;
        simulated.wait(signals, seen, milliseconds);
      },
      timer: (milliseconds, callback) => simulated.timer(milliseconds, callback),
    };
    if (!hasLater) return ports;
    const later = (milliseconds: number, callback: () => void) => {
      this.later.push({ atMs: this.clock.monotonic() + milliseconds, callback });
      return () => {};
    };
    return { ...ports, later };
  }

  #note(worker: number, order: Order): void {
    if (order.type !== 'run') return;
    this.orderCount++;
    this.#open.set(order.id, { worker, order });
    const { directory } = order;
    const ours = [...this.#open.values()].filter(
      (one) => one.order.directory === directory && one.order.claim[0] !== WITHDRAWN,
    );
    const count = new Set(ours.map((one) => one.worker)).size;
    this.workersMax.set(directory, Math.max(count, this.workersMax.get(directory) ?? 0));
  }

  /** Lets time pass, and timers of the background go off. */
  pass(milliseconds: number): void {
    this.clock.advance(milliseconds);
    const now = this.clock.monotonic();
    const due = this.later.filter(({ atMs }) => atMs <= now);
    for (const one of due) this.later.splice(this.later.indexOf(one), 1);
    for (const { callback } of due) callback();
  }

  open(directory: string, options: DbOptions, threads: WorkerThreads): Promise<Db> {
    const hostLoop = { turn: () => Promise.resolve() };
    return openDatabase(directory, options, { ...this.ports, hostLoop, threads });
  }

  /** Names of table files that the database does not know. */
  orphans(directory: string, db: Db): number {
    const files = this.fs.list(directory).filter((name) => name.endsWith('.sst'));
    return files.length - db.stats().tableCount;
  }
}

/** Ways in which workers do not come. */
const ABSENT: Record<string, (process: Process) => Process['onStart']> = {
  'cannot be started': () => () => {
    throw new Error('too many threads');
  },
  'die before they take orders': (process) => (listener, signals, number) => {
    signals[HEARTBEAT_WORD + number] = 0;
    process.isDeaf = true;
    void Promise.resolve().then(() => listener.onDeath(new Error('too many threads')));
  },
};

for (const [what, absent] of Object.entries(ABSENT)) {
  test(`workers that ${what} are done without, and that is told once`, async () => {
    const process = new Process();
    process.onStart = absent(process);
    const events: DbEvent[] = [];
    const options = { ...SMALL, onEvent: (event: DbEvent) => void events.push(event) };
    const db = await process.open('db', options, process.threads(false));
    for (const round of [0, 1, 2]) {
      write(db, COUNT, round);
      await db.flush();
    }
    await db.compact();
    assert.equal(isComplete(db, COUNT, 2), true);
    assert.equal(process.orphans('db', db), 0);
    const { backgroundError, workers } = db.stats();
    assert.equal(backgroundError, undefined);
    assert.match(String(workers.error), /too many threads/);
    assert.equal(process.waitCount, 0);
    const told = events.filter((event) => event.type === 'workers-unavailable');
    assert.equal(told.length, 1);
    assert.ok(isVarveError(told[0]!.error, 'UNSUPPORTED'));
    assert.match(String(told[0]!.error.cause), /too many threads/);
    // Not with every job.
    const { length } = process.started;
    assert.ok(length <= 2, `${length} starts`);
    process.onStart = () => {};
    process.isDeaf = false;
    process.clock.advance(10_000);
    write(db, COUNT, 3);
    await db.flush();
    assert.ok(process.started.length > length);
    assert.equal(db.stats().workers.error, undefined);
    assert.equal(isComplete(db, COUNT, 3), true);
    await db.close();
  });
}

test('no thread waits for a worker that has not said that it takes orders', async () => {
  const process = new Process();
  process.onStart = (_listener, signals, number) => {
    signals[HEARTBEAT_WORD + number] = 0;
  };
  process.isDeaf = true;
  const db = await process.open('db', SMALL, process.threads(false));
  write(db, COUNT, 0);
  assert.equal(process.waitCount, 0);
  const { counters, workers } = db.stats();
  assert.ok(counters.flushCount > 2 && workers.runningCount > 0);
  // Nobody blocks his thread, but nobody waits for ever either.
  const before = process.clock.monotonic();
  db.put('more', new Uint8Array(SMALL.writeBufferBytes! / 2));
  const flushed = db.flush();
  for (let i = 0; i < 100; i++) {
    process.clock.advance(50);
    await Promise.resolve();
  }
  await flushed;
  assert.ok(process.clock.monotonic() - before < 10_000);
  assert.equal(isComplete(db, COUNT, 0) || db.get('more') !== undefined, true);
  const files = process.fs.list('db').length;
  // It comes after all, and finds that others have done what it was given.
  const { simulated } = process;
  assert.ok(process.orderCount > 0);
  for (let i = 0; i < 100; i++) simulated.run();
  assert.equal(process.fs.list('db').length, files);
  await db.close();
});

test('a worker begins no job that was withdrawn', async () => {
  const process = new Process();
  const held: (() => void)[] = [];
  let withdrawnCount = 0;
  const endpoints: WorkerEndpoint[] = [];
  const threads = process.threads(false);
  const db = await process.open('db', SMALL, {
    ...threads,
    start: (signals, number, listener) => {
      const endpoint = threads.start(signals, number, listener);
      signals[HEARTBEAT_WORD + number] = 0;
      endpoints.push(endpoint);
      const send = (order: Order): void => {
        if (order.type !== 'run') return;
        held.push(() => {
          if (order.claim[0] !== WITHDRAWN) return;
          withdrawnCount++;
          endpoint.send(order);
        });
      };
      return { ...endpoint, send };
    },
  });
  write(db, COUNT, 0);
  const files = process.fs.list('db').filter((name) => name.endsWith('.sst'));
  const { onUncaught, errors } = uncaught();
  for (const send of held.splice(0)) send();
  for (let i = 0; i < 1000; i++) process.simulated.run();
  onUncaught();
  assert.ok(withdrawnCount > 1, `${withdrawnCount} orders were withdrawn`);
  assert.deepEqual(errors, []);
  // A job that was begun would have been reported, even if it failed.
  for (const endpoint of endpoints) assert.equal(endpoint.receive(), undefined);
  assert.deepEqual(
    process.fs.list('db').filter((name) => name.endsWith('.sst')),
    files,
  );
  await db.close();
});

suite('databases of one thread', () => {
  test('share workers, each as many as it may have', async () => {
    const process = new Process();
    const threads = process.threads(false);
    const names = Array.from({ length: 8 }, (_, i) => `db ${i}`);
    const dbs = await Promise.all(
      names.map((name, i) => process.open(name, { ...SMALL, workers: 1 + (i % 2) }, threads)),
    );
    for (const round of [0, 1]) for (const db of dbs) write(db, COUNT, round);
    await Promise.all(dbs.map((db) => db.compact()));
    assert.deepEqual(new Set(process.started), new Set([0, 1]));
    assert.equal(process.started.length, 2);
    dbs.forEach((db, i) => {
      assert.equal(isComplete(db, COUNT, 1), true);
      assert.equal(process.orphans(names[i]!, db), 0);
    });
    for (const db of dbs) await db.close();
    assert.deepEqual(process.ended.toSorted(), [0, 1]);
  });

  test('of which one may have one worker keep that to one, while others have more', async () => {
    const process = new Process();
    const threads = process.threads(false);
    const modest = await process.open('modest', { ...SMALL, workers: 1 }, threads);
    const other = await process.open('other', { ...SMALL, workers: 3 }, threads);
    for (let round = 0; round < 3; round++) {
      write(other, COUNT, round);
      write(modest, COUNT, round);
      await Promise.all([other.compact(), modest.compact()]);
    }
    assert.equal(process.workersMax.get('modest'), 1);
    assert.ok(process.workersMax.get('other')! > 1);
    await modest.close();
    await other.close();
  });

  test('are told of what another one has taken in for them', async () => {
    const process = new Process();
    process.hasEvents = false;
    const threads = process.threads(false);
    const first = await process.open('first', { ...SMALL, writeBufferBytes: 400_000 }, threads);
    const second = await process.open('second', SMALL, threads);
    // Its flush is with a worker; nobody asks for it any more.
    for (let i = 0; process.orderCount === 0; i++) first.put(`key ${i}`, new Uint8Array(1000));
    assert.equal(first.stats().columnFamilies[0]!.frozenMemtableCount, 1);
    for (let round = 0; round < 3; round++) {
      write(second, COUNT, round);
    }
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assert.equal(first.stats().columnFamilies[0]!.frozenMemtableCount, 0);
    await first.close();
    assert.equal(isComplete(second, COUNT, 2), true);
    await second.close();
  });
});

suite('where workers are spared', () => {
  const LARGE = { ...SMALL, writeBufferBytes: 4 * 1_048_576, l0TriggerCount: 2 };
  const fill = (db: Db, bytes: number, round: number): void => {
    for (let n = 0; n < bytes / 10_000; n++) db.put(`${n}/${round}`, new Uint8Array(10_000));
  };

  test('small jobs that somebody waits for start none', async () => {
    const process = new Process();
    const db = await process.open('db', SMALL, process.threads(true));
    for (let round = 0; round < 5; round++) {
      db.put(`${round}`, new Uint8Array(1000));
      await db.flush();
    }
    await db.compact();
    assert.deepEqual(process.started, []);
    assert.equal(db.stats().tableCount, 1);
    await db.close();
  });

  test('a job that nobody waits for starts one after a while, which ends when idle', async () => {
    const process = new Process();
    const db = await process.open('db', LARGE, process.threads(true));
    for (let round = 0; round < 2; round++) {
      fill(db, 200_000, round);
      await db.flush();
    }
    assert.deepEqual(process.started, []);
    process.pass(50);
    assert.deepEqual(process.started, []);
    process.pass(60);
    assert.deepEqual(process.started, [1]);
    for (let i = 0; i < 100; i++) {
      process.simulated.run();
      await Promise.resolve();
    }
    assert.equal(db.stats().counters.compactionCount, 1);
    process.pass(4000);
    assert.deepEqual(process.ended, []);
    process.pass(1100);
    assert.deepEqual(process.ended, [1]);
    assert.equal(db.stats().workers.runningCount, 0);
    await db.close();
  });

  test('a large flush has one started at once', async () => {
    const process = new Process();
    const db = await process.open('db', LARGE, process.threads(true));
    fill(db, 5_000_000, 0);
    assert.deepEqual(process.started, [0]);
    await db.close();
  });

  test('close withdraws what no worker has begun, and waits for none that starts', async () => {
    const process = new Process();
    process.onStart = (_listener, signals, number) => {
      signals[HEARTBEAT_WORD + number] = 0;
    };
    process.isDeaf = true;
    const threads = process.threads(true);
    const db = await process.open('db', LARGE, {
      ...threads,
      start: (signals, number, listener) => {
        const endpoint = threads.start(signals, number, listener);
        return {
          ...endpoint,
          terminate: () => {
            void endpoint.terminate();
            return new Promise(() => {});
          },
        };
      },
    });
    fill(db, 5_000_000, 0);
    const before = process.clock.monotonic();
    await db.close();
    assert.equal(process.clock.monotonic(), before);
    assert.deepEqual(process.ended, process.started);
    const again = await process.open('db', { ...LARGE, workers: 0 }, threads);
    assert.equal(process.orphans('db', again), 0);
    assert.equal(again.get('7/0')?.length, 10_000);
    await again.close();
  });

  test('nothing of a key is left in an order that was sent', async () => {
    const process = new Process();
    const sent: Order[] = [];
    const threads = process.threads(false);
    const keys = { 1: new Uint8Array(32).fill(7) };
    const encryption = { suite: 'aes-256-gcm', epoch: 1, keys } as const;
    const db = await process.open(
      'db',
      { ...SMALL, encryption },
      {
        ...threads,
        start: (signals, number, listener) => {
          const endpoint = threads.start(signals, number, listener);
          const send = (order: Order): void => {
            endpoint.send(order);
            sent.push(order);
          };
          return { ...endpoint, send };
        },
      },
    );
    write(db, COUNT, 0);
    const keysSent = sent.flatMap((order) =>
      order.type === 'run' ? [...(order.pipeline.keys?.keys.values() ?? [])] : [],
    );
    assert.ok(keysSent.length > 0);
    for (const key of keysSent) assert.deepEqual(key, new Uint8Array(32));
    assert.equal(isComplete(db, COUNT, 0), true);
    await db.close();
  });
});

/** The same, for callers who call its methods as such: those of a class know their object. */
function methodsOf<T extends object>(ports: T): T {
  const own: Record<string, unknown> = Object.fromEntries(Object.entries(ports));
  for (const [name, value] of Object.entries(ports)) {
    if (typeof value !== 'function') continue;
    own[name] = function (this: unknown, ...args: unknown[]): unknown {
      assert.equal(this, own, name);
      return value.apply(ports, args);
    };
  }
  return own as T;
}

test('threads and host loops may be objects of classes', async () => {
  const process = new Process();
  const called: string[] = [];
  const hostLoop = methodsOf({
    turn: () => Promise.resolve(),
    delay: async (milliseconds: number) => {
      called.push('delay');
      process.clock.advance(milliseconds);
    },
    later: () => {
      called.push('later');
      return () => {};
    },
  });
  const threads = methodsOf(process.threads(true));
  const ports = { ...process.ports, hostLoop, threads };
  const db = await openDatabase('db', { ...SMALL, l0TriggerCount: 2 }, ports);
  write(db, COUNT, 0);
  process.pass(110);
  assert.ok(process.started.length > 0);
  await db.compact();
  process.pass(5100);
  assert.equal(process.ended.length, process.started.length);
  assert.equal(isComplete(db, COUNT, 0), true);
  await db.close();
  const slow = { ...SMALL, workers: 0, rateLimitBytesPerSecond: 65_536 };
  const again = await openDatabase('db', slow, ports);
  write(again, COUNT, 1);
  await again.compact();
  await again.close();
  assert.deepEqual(new Set(called), new Set(['later', 'delay']));
});

/** Errors that nobody catches, until `onUncaught` is called. */
function uncaught(): { errors: unknown[]; onUncaught: () => void } {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  process.on('uncaughtException', note);
  return { errors, onUncaught: () => process.off('uncaughtException', note) };
}
