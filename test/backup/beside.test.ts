/**
 * Backups and purges of one target at the same time, in every order of two and many orders of more:
 * every backup that is listed stays whole.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backups } from '../../src/backup/index.ts';
import type { Db } from '../../src/db/database.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { NumberedWriter, openCopied } from '../copy/copy-fixture.ts';
import { MemoryTarget, portsOf } from './backup-fixture.ts';

/** A database whose later states share tables with earlier ones, and backups of it. */
async function started(): Promise<{ db: Db; writer: NumberedWriter; target: MemoryTarget }> {
  const db = await openCopied(new MemoryFs());
  const writer = new NumberedWriter(db);
  const target = new MemoryTarget();
  const backups = new Backups(target, portsOf(1));
  for (let i = 0; i < 2; i++) {
    writer.write(60);
    await db.flush();
    await backups.create(db);
  }
  return { db, writer, target };
}

/** Every listed backup is sound, and stays so when all is quiet and the rest is removed. */
async function expectWhole(target: MemoryTarget, where: string): Promise<number[]> {
  const backups = new Backups(target, portsOf(99));
  const { backups: listed, damaged, pending } = await backups.list();
  const numbers = listed.map(({ number }) => number);
  const { sound, damage } = await backups.verify();
  assert.deepEqual(damage, [], where);
  assert.deepEqual(sound, numbers, where);
  assert.deepEqual([damaged, pending], [[], []], where);
  assert.equal((await backups.purge()).waitsFor, undefined, where);
  assert.deepEqual((await backups.verify()).sound, numbers, where);
  return numbers;
}

/** Runs `other` as a whole at the `at`-th call of `work`; false where there are fewer calls. */
async function interrupted(
  target: MemoryTarget,
  at: number,
  work: () => Promise<unknown>,
  other: () => Promise<unknown>,
): Promise<boolean> {
  let calls = 0;
  let isInside = false;
  target.before = async () => {
    if (isInside || ++calls !== at) return;
    isInside = true;
    await other();
    isInside = false;
  };
  await work();
  target.before = () => {};
  return calls >= at;
}

for (const [what, keep] of [
  ['all others', 0],
  ['all but one', 1],
] as const) {
  test(`a purge of ${what} at every call of a backup`, async (t) => {
    let at = 1;
    for (; ; at++) {
      const { db, target } = await started();
      const [make, purge] = [new Backups(target, portsOf(2)), new Backups(target, portsOf(3))];
      const isThere = await interrupted(
        target,
        at,
        () => make.create(db),
        () => purge.purge({ keep }),
      );
      const numbers = await expectWhole(target, `at call ${at}`);
      // One that is complete may be among those that go.
      assert.ok(numbers.length >= keep, `at call ${at}`);
      await db.close();
      if (!isThere) break;
    }
    t.diagnostic(`${at - 1} places`);
    assert.ok(at > 10);
  });

  test(`a backup at every call of a purge of ${what}`, async (t) => {
    let at = 1;
    for (; ; at++) {
      const { db, writer, target } = await started();
      writer.write(60);
      await db.flush();
      const [make, purge] = [new Backups(target, portsOf(2)), new Backups(target, portsOf(3))];
      const isThere = await interrupted(
        target,
        at,
        () => purge.purge({ keep }),
        () => make.create(db),
      );
      await expectWhole(target, `at call ${at}`);
      await db.close();
      if (!isThere) break;
    }
    t.diagnostic(`${at - 1} places`);
    assert.ok(at > 5);
  });
}

test('backups and purges in random orders', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { db, writer, target } = await started();
    const random = new SeededRandom(seed);
    // Calls wait for some turns each, so that they pass each other.
    target.before = async () => {
      for (let i = random.below(6); i > 0; i--) await Promise.resolve();
      if (random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
    };
    const actors = Array.from({ length: 4 }, async (_, actor) => {
      const backups = new Backups(target, portsOf(seed * 10 + actor));
      for (let i = 0; i < 2; i++) {
        if (actor < 2) {
          writer.write(20);
          await backups.create(db);
        } else {
          await backups.purge({ keep: random.below(3) });
        }
      }
    });
    await Promise.all(actors);
    target.before = () => {};
    await expectWhole(target, `seed ${seed}`);
    await db.close();
  }
});

test('a purge that is cut off at any call is ended by the next one', async () => {
  for (let at = 1; ; at++) {
    const { db, target } = await started();
    const backups = new Backups(target, portsOf(2));
    await backups.create(db);
    let calls = 0;
    target.before = () => {
      if (++calls >= at) throw new Error('cut off');
    };
    const isDone = await backups.purge({ keep: 1 }).then(
      () => true,
      (error: unknown) => {
        assert.ok(!isVarveError(error));
        return false;
      },
    );
    target.before = () => {};
    const { backups: listed } = await backups.list();
    assert.deepEqual(
      (await backups.verify()).sound,
      listed.map(({ number }) => number),
    );
    await backups.purge({ keep: 1 });
    assert.deepEqual(await expectWhole(target, `at call ${at}`), [3]);
    const { fileCount } = (await backups.list()).backups[0]!;
    assert.equal(target.objects.size, fileCount + 1);
    await db.close();
    if (isDone) break;
  }
});
