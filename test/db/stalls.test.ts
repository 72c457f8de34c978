/**
 * Writes that are slowed, and writes that stop, while background work is behind.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { StallStats } from '../../src/db/background/stall-log.ts';
import type { DbEvent, StallEvent } from '../../src/db/events.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { flushRound, type HeldWorld, l0Count, openHeld, putRound } from './held-workers.ts';
import { openMemory } from './helpers.ts';

const L0_OPTIONS = { l0TriggerCount: 4, l0SlowdownCount: 4, l0StopCount: 24 } as const;
const KIB = 1024;

/** Keeps the stalls that are told. */
function stallsOf(): { readonly stalls: StallEvent[]; readonly onEvent: (event: DbEvent) => void } {
  const stalls: StallEvent[] = [];
  return { stalls, onEvent: (event) => event.type === 'stall' && stalls.push(event) };
}

/** What writers did by themselves, and what they waited, by the count of L0 tables. */
type Times = Map<number, { ownMs: number; waitedMs: number }>;

/** Writes until L0 has so many tables; each write takes a millisecond of its own. */
function writeUntilL0({ db, clock }: HeldWorld, end: number): Times {
  const times: Times = new Map();
  for (let i = 0; ; i++) {
    const count = l0Count(db);
    if (count >= end) return times;
    const entry = times.get(count) ?? { ownMs: 0, waitedMs: 0 };
    times.set(count, entry);
    clock.advance(1);
    const before = clock.monotonic();
    db.put(`key ${(i * 7919) % 10_000}`, new Uint8Array(1000));
    entry.ownMs++;
    entry.waitedMs += clock.monotonic() - before;
  }
}

suite('slowed writes', () => {
  test('give up the more of their pace, the more tables L0 has', async () => {
    const world = await openHeld(L0_OPTIONS, ['compaction']);
    const times = writeUntilL0(world, 22);
    for (const [count, { ownMs, waitedMs }] of times) {
      const share = count < 4 ? 0 : (count - 3) / 21;
      const expectedMs = (ownMs * share) / (1 - share);
      const text = `${count} tables: ${waitedMs} ms waited, expected ${expectedMs}`;
      assert.ok(waitedMs >= expectedMs * 0.8 - 5 && waitedMs <= expectedMs * 1.2 + 5, text);
    }
    assert.ok(times.get(21)!.waitedMs > 200);
    assert.equal(times.get(2)!.waitedMs, 0);
    world.gate.open();
    await world.db.close();
  });

  test('give it up for a few large tables as well', async () => {
    const world = await openHeld(L0_OPTIONS, ['compaction']);
    const { db, gate } = world;
    const batch = new WriteBatch();
    for (let i = 0; i < 16; i++) batch.put(`large ${i}`, new Uint8Array(64 * KIB));
    db.write(batch);
    await db.flush();
    assert.equal(l0Count(db), 1);
    writeUntilL0(world, 2);
    assert.deepEqual(
      db.stats().stalls.map(({ kind, reason }) => `${kind} ${reason}`),
      ['slowdown l0-size'],
    );
    gate.open();
    await db.close();
  });

  test('are counted as they wait, and told as one stall when it is over', async () => {
    const { stalls, onEvent } = stallsOf();
    const world = await openHeld({ ...L0_OPTIONS, onEvent }, ['compaction']);
    const { db, gate } = world;
    let waitedMs = 0;
    for (const one of writeUntilL0(world, 12).values()) waitedMs += one.waitedMs;
    const { slowdownMs } = db.stats().counters;
    assert.ok(Math.abs(slowdownMs - waitedMs) < 1e-6, `${slowdownMs} of ${waitedMs} ms`);
    assert.equal(stalls.filter(({ kind }) => kind === 'slowdown').length, 0);
    const rows = () => db.stats().stalls.filter(({ kind }) => kind === 'slowdown');
    const row = { kind: 'slowdown', reason: 'l0-count', count: 1, totalMs: slowdownMs };
    assert.deepEqual(rows(), [row]);
    gate.open();
    await db.compact();
    assert.equal(l0Count(db), 0);
    putRound(db, 1, 10);
    const told = stalls.filter(({ kind }) => kind === 'slowdown');
    assert.deepEqual(told, [
      { type: 'stall', kind: 'slowdown', reason: 'l0-count', durationMs: slowdownMs },
    ]);
    assert.equal(db.stats().counters.slowdownMs, slowdownMs);
    assert.deepEqual(rows(), [row]);
    await db.close();
  });

  test('are told before the database closes', async () => {
    const { stalls, onEvent } = stallsOf();
    const world = await openHeld({ ...L0_OPTIONS, onEvent }, ['compaction']);
    writeUntilL0(world, 8);
    const { slowdownMs } = world.db.stats().counters;
    world.gate.open();
    await world.db.close();
    assert.deepEqual(
      stalls.filter(({ kind }) => kind === 'slowdown').map(({ durationMs }) => durationMs),
      [slowdownMs],
    );
  });

  test('wait no longer than background work has something to do', async () => {
    // Behind by the thresholds, but within what calls for a compaction.
    const { db, clock } = await openHeld({ l0SlowdownCount: 2, l0StopCount: 64 });
    for (let round = 0; round < 10; round++) await flushRound(db, round);
    const before = clock.monotonic();
    for (let round = 10; round < 12; round++) {
      clock.advance(20);
      putRound(db, round, 10);
    }
    assert.equal(clock.monotonic() - before, 40);
    assert.equal(db.stats().counters.slowdownMs, 0);
    await db.close();
  });
});

suite('stopped writes', () => {
  test('wait at l0StopCount until L0 is below it, and say for how long', async () => {
    const { stalls, onEvent } = stallsOf();
    const options = { l0TriggerCount: 4, l0SlowdownCount: 8, l0StopCount: 8, onEvent };
    const { db, gate, clock, threads } = await openHeld(options, ['compaction']);
    let isOpen = false;
    gate.onWait = () => {
      if (clock.monotonic() < 1500) return;
      isOpen = true;
      gate.open();
    };
    for (let i = 0; !isOpen; i++) {
      db.put(`key ${i % 300}`, new Uint8Array(1000));
      threads.run();
    }
    const totalMs = clock.monotonic();
    assert.ok(totalMs >= 1500);
    const isOurs = ({ kind, reason }: StallStats | StallEvent) => {
      return kind === 'stop' && reason === 'l0-count';
    };
    const kind = 'stop';
    const reason = 'l0-count';
    assert.deepEqual(db.stats().stalls.filter(isOurs), [{ kind, reason, count: 1, totalMs }]);
    assert.equal(db.stats().counters.stallMs, totalMs);
    assert.deepEqual(stalls.filter(isOurs), [{ type: 'stall', kind, reason, durationMs: totalMs }]);
    assert.ok(l0Count(db) < 8);
    await db.close();
  });

  test('wait at compactionDebtStopBytes until enough is compacted', async () => {
    const options = {
      l0TriggerCount: 2,
      l0SlowdownCount: 900,
      l0StopCount: 900,
      compactionDebtSlowdownBytes: 200 * KIB,
      compactionDebtStopBytes: 200 * KIB,
    };
    const { db, gate, threads } = await openHeld(options, ['compaction']);
    const debt = () => db.stats().columnFamilies[0]!.compactionDebtBytes;
    let debtMax = 0;
    gate.onWait = () => {
      debtMax = debt();
      gate.open();
    };
    for (let i = 0; debtMax === 0; i++) {
      db.put(`key ${i % 300}`, new Uint8Array(1000));
      threads.run();
    }
    assert.ok(debtMax >= 200 * KIB && debtMax < 400 * KIB, `${debtMax} bytes`);
    const reasons = db.stats().stalls.map(({ kind, reason }) => `${kind} ${reason}`);
    assert.ok(reasons.includes('stop compaction-debt'), reasons.join());
    assert.ok(!reasons.join().includes('l0-count'), reasons.join());
    assert.ok(debt() < 200 * KIB);
    await db.close();
  });

  test('wait while too many memtables are on their way to disk', async () => {
    const { db, gate } = await openHeld({}, ['flush']);
    let frozenMax = 0;
    gate.onWait = () => {
      frozenMax = db.stats().columnFamilies[0]!.frozenMemtableCount;
      gate.open();
    };
    putRound(db, 0, 250);
    assert.equal(frozenMax, 2);
    assert.equal(db.stats().stalls[0]?.reason, 'memtables');
    await db.close();
  });
});

suite('deletes that wait in L0', () => {
  const LIVE_COUNT = 600;
  const ROUNDS = 600;
  const options = { baseLevelBytes: 64 * KIB, l0TriggerCount: 4, l0StopCount: 64 };

  /** Puts new keys for old ones while nothing is compacted; returns what held writes back. */
  async function replace(deletes: boolean, compaction: 'leveled' | 'size-tiered') {
    const world = await openHeld({ ...options, l0SlowdownCount: 64, compaction });
    const { db, gate, threads } = world;
    putRound(db, 0, LIVE_COUNT);
    await db.compact();
    gate.holds.add('compaction');
    let stopBytes = 0;
    gate.onWait = () => {
      stopBytes = db.stats().columnFamilies[0]!.levels[0]!.sizeBytes;
      gate.open();
    };
    for (let i = 0; i < ROUNDS && stopBytes === 0; i++) {
      if (deletes) db.delete(`key ${String(i).padStart(5, '0')}/0`);
      db.put(`new ${i}`, new Uint8Array(1000));
      threads.run();
    }
    const kinds = db.stats().stalls.filter(({ reason }) => reason === 'garbage');
    gate.open();
    await db.close();
    return { kinds: kinds.map(({ kind }) => kind), stopBytes };
  }

  test('slow writes and stop them at a share of what is alive', async () => {
    const { kinds, stopBytes } = await replace(true, 'leveled');
    assert.deepEqual(kinds, ['slowdown', 'stop']);
    const share = stopBytes / (LIVE_COUNT * 1000);
    assert.ok(share > 0.4 && share < 0.6, `stopped at ${share} of the live data`);
  });

  test('hold no write back that deletes nothing, and nothing that merges by runs', async () => {
    assert.deepEqual(await replace(false, 'leveled'), { kinds: [], stopBytes: 0 });
    assert.deepEqual(await replace(true, 'size-tiered'), { kinds: [], stopBytes: 0 });
  });
});

test('the tables of a FIFO family are all in L0, and hold no write back', async () => {
  const compaction = { policy: 'fifo', maxBytes: 64 * KIB * KIB } as const;
  const { db, gate, threads } = await openHeld({ ...L0_OPTIONS, l0StopCount: 4, compaction });
  gate.onWait = () => assert.ok(l0Count(db) < 4, 'a write waits');
  for (let i = 0; l0Count(db) < 12; i++) {
    db.put(`key ${i}`, new Uint8Array(1000));
    for (let j = 0; j < 8; j++) threads.run();
  }
  assert.ok(db.stats().stalls.every(({ reason }) => reason === 'memtables'));
  gate.onWait = () => {};
  await db.close();
});

for (const workers of [0, 2]) {
  test(`nothing is counted while nothing is behind, ${workers} workers`, async () => {
    const { stalls, onEvent } = stallsOf();
    const options = { onEvent, writeBufferBytes: 64 * KIB, compression: 'none' } as const;
    const db =
      workers === 0
        ? await openMemory({ ...options, l0TriggerCount: 64 })
        : (await openHeld({ onEvent })).db;
    for (let round = 0; round < 4; round++) {
      putRound(db, round, 60);
      await db.flush();
    }
    const { counters } = db.stats();
    assert.deepEqual(db.stats().stalls, []);
    assert.equal(counters.stallCount + counters.stallMs + counters.slowdownMs, 0);
    assert.deepEqual(stalls, []);
    await db.close();
  });
}
