/**
 * Threads that die with jobs: how often the jobs are tried again.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { openHeld, turn } from './held-workers.ts';
import { texts } from './helpers.ts';

/** A thread that has two flushes to do dies so many times in a row. */
async function flushUnder(deaths: number) {
  const { db, gate, threads } = await openHeld({ workers: 1 }, ['flush']);
  const flushes: Promise<unknown>[] = [];
  for (const key of ['a', 'b']) {
    db.put(key, '1');
    flushes.push(db.flush().catch((error: unknown) => error));
    await turn();
  }
  assert.equal(gate.heldCount, 2);
  for (let death = 0; death < deaths; death++) {
    gate.open();
    gate.holds.add('flush');
    assert.ok(threads.kill());
    for (let i = 0; i < 10 && gate.heldCount < 2; i++) await turn();
  }
  gate.open();
  const errors = (await Promise.all(flushes)).filter((error) => error !== undefined);
  return { db, errors };
}

suite('jobs whose thread has died', () => {
  test('are tried again after three deaths in a row, however many they are', async () => {
    const { db, errors } = await flushUnder(3);
    assert.deepEqual(errors, []);
    assert.equal(texts(db.keys()), 'a b');
    await db.close();
  });

  test('are given up after four, and can be resumed', async () => {
    const { db, errors } = await flushUnder(4);
    assert.equal(errors.length, 2);
    assert.match(db.stats().backgroundError!, /is gone/);
    await db.resume();
    await db.flush();
    assert.equal(texts(db.keys()), 'a b');
    await db.close();
  });
});
