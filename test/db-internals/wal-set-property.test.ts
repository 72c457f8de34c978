/**
 * WalSet under random schedules: whatever the order of writes, syncs, rotations and removals, no
 * seqno is called durable before the disk has it.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { settled } from './gated-fs.ts';
import { WalHarness } from './wal-harness.ts';

await loadChecksum();

type Step =
  | 'append'
  | 'sync'
  | 'finish'
  | 'writer'
  | 'rotate'
  | 'remove'
  | 'syncNow'
  | 'syncUpTo'
  | 'syncOld'
  | 'settle';

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Step>('append') },
    { weight: 4, arbitrary: fc.constant<Step>('sync') },
    { weight: 5, arbitrary: fc.constant<Step>('finish') },
    { weight: 3, arbitrary: fc.constant<Step>('settle') },
    { weight: 2, arbitrary: fc.constantFrom<Step>('writer', 'rotate', 'remove') },
    { weight: 1, arbitrary: fc.constantFrom<Step>('syncNow', 'syncUpTo', 'syncOld') },
  ),
  { maxLength: 60 },
);

/** A writer that acts as soon as it is told, between the reactions of the others. */
async function write(wal: WalHarness, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    try {
      wal.append();
    } catch {
      return;
    }
    await wal.sync();
  }
}

async function run(wal: WalHarness, step: Step, waiters: Promise<void>[]): Promise<void> {
  if (step === 'append') wal.append(1 + (wal.lastSeqno % 3));
  else if (step === 'sync') waiters.push(wal.sync());
  else if (step === 'finish') wal.fs.pending[0]?.finish();
  else if (step === 'writer') waiters.push(write(wal, 3));
  else if (step === 'rotate') wal.rotate();
  else if (step === 'remove') wal.removeOld();
  else if (step === 'syncOld') wal.syncOld();
  else if (step === 'syncNow') wal.set.syncNow();
  else if (step === 'syncUpTo') wal.set.syncUpTo(Math.floor(wal.lastSeqno / 2));
  else await settled();
}

suite('any schedule of writes, syncs, rotations and removals', () => {
  test('acknowledges exactly what the disk has, with one fsync at a time', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const wal = new WalHarness();
        const waiters: Promise<void>[] = [];
        for (const step of list) {
          await run(wal, step, waiters);
          wal.check();
        }
        await wal.drain();
        await Promise.all(waiters);
        assert.equal(wal.refusals, 0);
        await Promise.all([wal.sync(), wal.drain()]);
        assert.equal(wal.set.durableSeqno, wal.lastSeqno);
        await wal.set.close();
        assert.deepEqual(wal.fs.openPaths, []);
        assert.deepEqual(wal.fs.misuses, []);
      }),
      { numRuns: 300 },
    );
  });

  test('acknowledges nothing new once an fsync has failed', async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, async (before, after) => {
        const wal = new WalHarness();
        const waiters: Promise<void>[] = [];
        for (const step of before) await run(wal, step, waiters);
        await settled();
        const failing = wal.fs.pending[0];
        fc.pre(failing !== undefined && wal.hasUnsynced(failing.path));
        failing.fail(new Error('no'));
        await settled();
        const limit = wal.syncedSeqno();
        // Removing the failed log means that its content is in tables: then it no longer counts.
        for (const step of after.filter((one) => one !== 'remove')) {
          // What throws has stopped the database; the waiters that remain must be refused.
          await run(wal, step, waiters).catch(() => undefined);
          assert.ok(wal.set.durableSeqno <= limit);
        }
        await wal.drain();
        await Promise.all(waiters);
        assert.ok(wal.acknowledged.every((seqno) => seqno <= limit));
        await wal.set.close();
        assert.deepEqual(wal.fs.misuses, []);
      }),
      { numRuns: 300 },
    );
  });
});
