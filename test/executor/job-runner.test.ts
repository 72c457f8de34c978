/**
 * Whose turn it is at a worker that has several jobs.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { portableCompression } from '../../src/compress/portable.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import { JobRunner } from '../../src/executor/job-runner.ts';
import type { Order, Report } from '../../src/executor/protocol.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { turn } from '../db/held-workers.ts';
import { openThreaded, SMALL, write } from './fixture.ts';

type RunOrder = Extract<Order, { type: 'run' }>;

/** Orders of a database for a flush, a compaction and a verification; no worker gets them. */
async function ordersOf(fs: MemoryFs): Promise<RunOrder[]> {
  const kept: RunOrder[] = [];
  const holds = new Set<string>();
  const { db } = await openThreaded(fs, { ...SMALL, workers: 1 }, (threads) => ({
    defaultCount: 1,
    start(signals, number, listener) {
      const endpoint = threads.start(signals, number, listener);
      const send = (order: Order): void => {
        if (order.type === 'run' && holds.has(order.job.kind)) kept.push(structuredClone(order));
        else endpoint.send(order);
      };
      return { ...endpoint, send };
    },
    wait: (signals, seen, milliseconds) => threads.wait(signals, seen, milliseconds),
    timer: (_milliseconds, callback) => {
      const handle = setImmediate(() => {
        // Nobody waits any more when all orders are there.
        if (kept.length === 3) return;
        threads.run();
        callback();
      });
      return () => clearImmediate(handle);
    },
  }));
  write(db, 3000, 0);
  await db.flush();
  for (const kind of ['verify', 'compaction', 'flush']) holds.add(kind);
  void db.verify().catch(() => {});
  void db.compact({ bottommost: true }).catch(() => {});
  while (kept.length < 2) await turn();
  db.put('more', 'v');
  void db.flush().catch(() => {});
  while (kept.length < 3) await turn();
  return kept;
}

/** The kinds of the jobs in the order in which they end, and the steps that each took. */
async function runAll(kinds: readonly string[], stepBytes: number) {
  const fs = new MemoryFs();
  const orders = (await ordersOf(fs)).filter(({ job }) => kinds.includes(job.kind));
  assert.equal(orders.length, kinds.length);
  const ports = {
    fs,
    clock: new SimulatedClock(1_700_000_000_000),
    random: new SeededRandom(3),
    compression: portableCompression,
    crypto: nodeCrypto(),
  };
  const ended: { kind: string; afterSteps: number }[] = [];
  let steps = 0;
  const runner = new JobRunner(ports, (report: Report) => {
    if (report.type === 'failed') throw new Error(report.error.message);
    if (report.type !== 'done') return;
    const { job } = orders.find(({ id }) => id === report.id)!;
    ended.push({ kind: job.kind, afterSteps: steps });
  });
  for (const order of orders) runner.take(order);
  while (!runner.isIdle) {
    steps++;
    runner.step(stepBytes);
  }
  return ended;
}

suite('a worker with several jobs', () => {
  test('does a flush first, then a compaction, then what no write waits for', async () => {
    const ended = await runAll(['verify', 'compaction', 'flush'], 32_768);
    assert.deepEqual(
      ended.map(({ kind }) => kind),
      ['flush', 'compaction', 'verify'],
    );
  });

  test('gives what no write waits for one step of eight', async () => {
    const [alone] = await runAll(['verify'], 32_768);
    const [quick, slow] = await runAll(['verify', 'compaction'], 32_768);
    const [compaction] = await runAll(['compaction'], 32_768);
    const first = quick!.kind === 'compaction' ? quick! : slow!;
    const stolen = first.afterSteps - compaction!.afterSteps;
    assert.equal(stolen, Math.min(alone!.afterSteps, Math.floor(compaction!.afterSteps / 7)));
    assert.ok(stolen > 0);
  });
});
