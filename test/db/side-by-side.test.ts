/**
 * Several compactions at once, and families that are dropped meanwhile.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CompactionEvent, DbEvent } from '../../src/db/events.ts';
import { type HeldWorld, openHeld, putRound, turn } from './held-workers.ts';
import { code, tableNames } from './helpers.ts';

const FAMILIES = ['a', 'b'];

/** Keeps the compactions that are told. */
function listener(): {
  readonly done: CompactionEvent[];
  readonly onEvent: (event: DbEvent) => void;
} {
  const done: CompactionEvent[] = [];
  return { done, onEvent: (event) => event.type === 'compaction' && done.push(event) };
}

/** Tables in L0 of all families; compactions are held back. */
async function openFull(
  onEvent: (event: DbEvent) => void,
  l0TriggerCount: number,
): Promise<HeldWorld> {
  const options = { columnFamilies: FAMILIES, l0TriggerCount, onEvent };
  const world = await openHeld(options, ['compaction']);
  for (let round = 0; round < 3; round++) {
    for (const family of ['default', ...FAMILIES]) putRound(world.db, round, 20, family);
    await world.db.flush();
  }
  return world;
}

function expectRounds({ db }: HeldWorld, family: string): void {
  assert.equal([...db.keys({ columnFamily: family })].length, 60);
  for (let round = 0; round < 3; round++) {
    const value = db.get(`key 00007/${round}`, { columnFamily: family });
    assert.equal(value?.[999], round);
  }
}

async function expectNoOrphans({ db, fs }: HeldWorld): Promise<void> {
  await db.pauseBackgroundWork();
  const files = tableNames(fs);
  assert.equal(files.length, db.stats().tableCount);
  db.continueBackgroundWork();
}

suite('compactions of several families', () => {
  test('run side by side', async () => {
    const { done, onEvent } = listener();
    const world = await openFull(onEvent, 3);
    const { db, gate, clock, threads } = world;
    for (let i = 0; i < 300 && gate.heldCount < 2; i++) {
      db.put('more', new Uint8Array(1000));
      threads.run();
    }
    assert.equal(gate.heldCount, 2, 'one for each worker');
    assert.equal(done.length, 0);
    clock.advance(100);
    gate.open();
    for (let i = 0; i < 50; i++) {
      threads.run();
      await turn();
    }
    const together = done.filter(({ durationMs }) => durationMs >= 100);
    assert.equal(new Set(together.map(({ columnFamily }) => columnFamily)).size, 2);
    for (const family of FAMILIES) expectRounds(world, family);
    await db.compact();
    for (const family of FAMILIES) expectRounds(world, family);
    await expectNoOrphans(world);
    await db.close();
  });

  test('take turns where there is one worker', async () => {
    const { done, onEvent } = listener();
    const options = { columnFamilies: FAMILIES, l0TriggerCount: 3, workers: 1, onEvent };
    const { db, gate, threads } = await openHeld(options, ['compaction']);
    for (let round = 0; round < 4; round++) {
      for (const family of FAMILIES) putRound(db, round, 20, family);
      await db.flush();
    }
    gate.open();
    for (let round = 4; done.length < 2 && round < 60; round++) {
      // The first one is never without something to do.
      putRound(db, round, 20, 'a');
      await db.flush();
      threads.run();
    }
    const first = done.slice(0, 2).map(({ columnFamily }) => columnFamily);
    assert.deepEqual(first.sort(), FAMILIES);
    await db.close();
  });

  test('that are asked for one by one run side by side as well', async () => {
    const { done, onEvent } = listener();
    const world = await openFull(onEvent, 64);
    const { db, gate, clock } = world;
    const asked = FAMILIES.map((columnFamily) => db.compact({ columnFamily }));
    for (let i = 0; i < 20; i++) await turn();
    assert.equal(gate.heldCount, 2);
    clock.advance(100);
    gate.open();
    await Promise.all(asked);
    assert.deepEqual(done.map(({ columnFamily }) => columnFamily).sort(), FAMILIES);
    assert.ok(done.every(({ durationMs, reason }) => durationMs >= 100 && reason === 'manual'));
    for (const family of FAMILIES) expectRounds(world, family);
    await db.close();
  });

  test('end with the family that is dropped, and with no other', async () => {
    const { done, onEvent } = listener();
    const world = await openFull(onEvent, 64);
    const { db, gate } = world;
    const [lost, kept] = FAMILIES.map((columnFamily) => db.compact({ columnFamily }));
    const refused = assert.rejects(lost!, code('INVALID'));
    for (let i = 0; i < 20; i++) await turn();
    db.dropColumnFamily('a');
    gate.open();
    await refused;
    await kept;
    assert.deepEqual(
      done.map(({ columnFamily }) => columnFamily),
      ['b'],
    );
    expectRounds(world, 'b');
    await expectNoOrphans(world);
    assert.equal(db.stats().backgroundError, undefined);
    await db.close();
  });
});

suite('a compaction of all families', () => {
  for (const [when, turns] of [
    ['before its turn', 0],
    ['while it is compacted', 20],
  ] as const) {
    test(`goes on when one is dropped ${when}`, async () => {
      const { done, onEvent } = listener();
      const world = await openFull(onEvent, 64);
      const { db, gate } = world;
      const compacting = db.compact();
      for (let i = 0; i < 20; i++) await turn();
      assert.equal(gate.heldCount, 1, 'the default family is first');
      if (turns > 0) {
        gate.open();
        gate.holds.add('compaction');
        for (let i = 0; i < turns; i++) await turn();
        assert.equal(gate.heldCount, 1, 'and then the next');
        assert.equal(done.length, 1);
      }
      db.dropColumnFamily('a');
      gate.open();
      await compacting;
      assert.deepEqual(
        done.map(({ columnFamily }) => columnFamily),
        ['default', 'b'],
      );
      expectRounds(world, 'default');
      expectRounds(world, 'b');
      await expectNoOrphans(world);
      await db.close();
    });
  }
});
