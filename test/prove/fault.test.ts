/**
 * File operations that fail, each of them once and for good.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Workload } from './crash-run.ts';
import { DIRECTORY, openSeeded } from './environment.ts';
import { CLOSE, FAULT_OPERATIONS, failEach, LASTING, RESUME, tell } from './fault-run.ts';
import { SETTINGS } from './settings.ts';
import { FAILING, randomWorkload } from './workloads.ts';

const WORKLOADS: Readonly<Record<string, Workload>> = {
  'a bit of everything': { options: SETTINGS['small']!, operations: FAILING },
  'without a log': { options: SETTINGS['unlogged']!, operations: FAILING },
  'at random': randomWorkload(12, 30),
};

for (const [name, workload] of Object.entries(WORKLOADS)) {
  test(`any one call that fails is survived by resuming (${name})`, async (t) => {
    const sums = new Map<string, { faults: number; failures: number }>();
    for (const operation of FAULT_OPERATIONS) {
      sums.set(operation, await failEach(workload, { operation }, RESUME));
    }
    tell(t, sums);
    for (const operation of ['open', 'write', 'sync', 'syncDirectory'] as const) {
      const { faults, failures } = sums.get(operation)!;
      assert.ok(faults > 10 && failures > 0, `${operation}: ${faults} faults`);
    }
  });

  test(`a file that closes with an error fails nothing (${name})`, async () => {
    const { faults, failures } = await failEach(workload, { operation: 'close' }, CLOSE);
    assert.ok(faults > 10, `${faults} faults`);
    assert.equal(failures, 0);
  });

  test(`any one call that fails is survived by closing (${name})`, async () => {
    for (const operation of FAULT_OPERATIONS) await failEach(workload, { operation }, CLOSE);
  });

  test(`a write that is cut short leaves nothing behind (${name})`, async () => {
    for (const shortWriteBytes of [1, 40, 5000]) {
      const rule = { operation: 'write', effect: 'NOSPACE', shortWriteBytes } as const;
      await failEach(workload, rule, RESUME);
      await failEach(workload, rule, CLOSE);
    }
  });

  test(`failures that go on are survived (${name})`, async () => {
    for (const operation of ['open', 'read', 'write', 'sync', 'syncDirectory'] as const) {
      await failEach(workload, { operation, times: Number.POSITIVE_INFINITY }, LASTING);
    }
    const all = { times: Number.POSITIVE_INFINITY, effect: 'NOSPACE' } as const;
    await failEach(workload, all, LASTING, 3);
    await failEach(workload, all, { ...LASTING, answer: 'close' }, 3);
  });

  test(`a sync that failed is never taken for done (${name})`, async (t) => {
    const operation = ['sync', 'syncAsync'] as const;
    const resumed = await failEach(workload, { operation }, { ...RESUME, losesPower: true });
    const closed = await failEach(workload, { operation }, { ...CLOSE, losesPower: true });
    tell(t, [
      ['resumed', resumed],
      ['closed', closed],
    ]);
  });
}

test('a disk that is full stops writing until there is space again', async () => {
  const disk = new MemoryFs({ capacityBytes: 400_000 });
  const ballast = disk.open('ballast', 'create');
  ballast.truncate(150_000);
  ballast.close();
  const db = await openSeeded(disk, 1, SETTINGS['small']);
  let written = 0;
  const fill = () => {
    for (; written < 1000; written++) db.put(`key ${written}`, new Uint8Array(1000).fill(written));
  };
  assert.throws(fill, (error) => error instanceof VarveError && error.code === 'NOSPACE');
  assert.ok(written > 50, `${written} writes`);
  assert.throws(
    () => db.put('one', 'more'),
    (error) => error instanceof VarveError && error.code === 'NOSPACE',
  );
  assert.equal(db.stats().backgroundError !== undefined, true);
  for (let i = 0; i < written; i++) assert.equal(db.get(`key ${i}`)![0], i & 0xff);
  assert.equal(db.get('one'), undefined);
  disk.remove('ballast');
  await db.resume();
  assert.equal(db.stats().backgroundError, undefined);
  db.put('one', 'more');
  await db.close();
  const again = await openSeeded(disk, 2, SETTINGS['small']);
  for (let i = 0; i < written; i++) assert.equal(again.get(`key ${i}`)![0], i & 0xff);
  assert.equal(again.get('one')!.length, 4);
  await again.close();
  assert.ok(disk.list(DIRECTORY).length > 0);
});
