/**
 * Group commit over several logs: who waits for which fsync, and what is acknowledged when.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BLOCK_HEADER_BYTES } from '../../src/block/block-format.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { fileHeaderBytes } from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { readU64 } from '../../src/bytes/fixed.ts';
import { settled } from './gated-fs.ts';
import { pathOf, WalHarness } from './wal-harness.ts';

await loadChecksum();

const LOG_HEADER_BYTES = fileHeaderBytes(UNPROTECTED);

/** A harness whose syncs so far do not count. */
function harness(): WalHarness {
  const wal = new WalHarness();
  wal.fs.syncs.length = 0;
  return wal;
}

suite('waiting for stable storage', () => {
  test('a hundred waiters at once share one fsync', async () => {
    const wal = harness();
    for (let i = 0; i < 5; i++) wal.append(3);
    const waiters = Array.from({ length: 100 }, () => wal.sync());
    await wal.drain();
    await Promise.all(waiters);
    assert.deepEqual(wal.fs.syncs, [pathOf(1)]);
    assert.equal(wal.set.durableSeqno, 15);
    assert.equal(wal.acknowledged.length, 100);
  });

  test('a hundred writers that append in turn share two', async () => {
    const wal = harness();
    const waiters = Array.from({ length: 100 }, () => {
      wal.append();
      return wal.sync();
    });
    await wal.drain();
    await Promise.all(waiters);
    assert.equal(wal.fs.syncs.length, 2);
    assert.equal(wal.set.durableSeqno, 100);
  });

  test('a write between two calls gets an fsync of its own', async () => {
    const wal = harness();
    wal.append();
    const first = wal.sync();
    wal.append();
    const second = wal.sync();
    await settled();
    assert.equal(wal.fs.pending.length, 1);
    wal.fs.pending[0]!.finish();
    await first;
    await settled();
    assert.deepEqual(wal.acknowledged, [1]);
    assert.equal(wal.set.durableSeqno, 1);
    await wal.drain();
    await second;
    assert.deepEqual(wal.acknowledged, [1, 2]);
    assert.equal(wal.fs.syncs.length, 2);
  });

  test('costs nothing when everything is there already', async () => {
    const wal = harness();
    await wal.sync();
    wal.append();
    wal.set.syncNow();
    await wal.sync();
    wal.set.syncNow();
    assert.deepEqual(wal.fs.syncs, [pathOf(1)]);
  });

  test('costs nothing for writes that tables made durable, and never forgets what is', async () => {
    const wal = harness();
    wal.append(3);
    wal.set.noteDurable(3);
    await wal.set.sync();
    wal.set.syncNow();
    wal.set.noteDurable(1);
    assert.equal(wal.set.durableSeqno, 3);
    assert.deepEqual(wal.fs.syncs, []);
    wal.append();
    const waiter = wal.sync();
    await wal.drain();
    await waiter;
    assert.deepEqual(wal.fs.syncs, [pathOf(1)]);
  });

  test('writers in a loop never have two fsyncs under way', async () => {
    const wal = harness();
    const rounds = 20;
    const writer = async (): Promise<void> => {
      for (let i = 0; i < rounds; i++) {
        wal.append();
        await wal.set.sync();
        assert.ok(wal.fs.pending.length === 0 || wal.set.durableSeqno < wal.lastSeqno);
      }
    };
    const writers = Array.from({ length: 10 }, writer);
    await wal.drain();
    await Promise.all(writers);
    assert.equal(wal.set.durableSeqno, 10 * rounds);
    assert.ok(wal.fs.syncs.length <= 2 * rounds + 1, `${wal.fs.syncs.length} fsyncs`);
  });

  test('records say what was durable when they were written', async () => {
    const wal = harness();
    wal.append(2);
    wal.set.syncNow();
    const { sizeBytes } = wal.set.ends()[0]!;
    wal.append();
    const buf = new Uint8Array(8);
    const file = wal.fs.open(pathOf(1), 'read');
    file.read(buf, 0, 8, LOG_HEADER_BYTES + BLOCK_HEADER_BYTES + 8);
    assert.equal(readU64(buf, 0), 0);
    file.read(buf, 0, 8, sizeBytes + BLOCK_HEADER_BYTES + 8);
    assert.equal(readU64(buf, 0), 2);
  });
});

suite('a failing fsync', () => {
  test('refuses all who waited for it and all who came later', async () => {
    const wal = harness();
    wal.append();
    wal.set.syncNow();
    wal.append();
    const waiters = [wal.sync(), wal.sync()];
    wal.append();
    waiters.push(wal.sync());
    await settled();
    wal.fs.pending[0]!.fail(new Error('no'));
    await wal.drain();
    await Promise.all(waiters);
    assert.equal(wal.refusals, 3);
    assert.equal(wal.set.durableSeqno, 1);
    await wal.sync();
    assert.equal(wal.refusals, 4);
    assert.throws(() => wal.set.syncNow());
    assert.throws(() => wal.append());
    assert.deepEqual(wal.acknowledged, []);
  });

  test('is not made up for by one of a later log', async () => {
    const wal = harness();
    wal.append();
    const waiter = wal.sync();
    await settled();
    wal.fs.pending[0]!.fail(new Error('no'));
    await waiter;
    wal.rotate();
    wal.append();
    const later = wal.sync();
    await wal.drain();
    await later;
    assert.throws(() => wal.set.syncNow());
    assert.throws(() => wal.set.syncUpTo(2));
    assert.deepEqual(wal.acknowledged, []);
    assert.equal(wal.set.durableSeqno, 0);
  });

  test('is over when its log is removed, for what it held is in tables then', async () => {
    const wal = harness();
    wal.append();
    const waiter = wal.sync();
    await settled();
    wal.fs.pending[0]!.fail(new Error('no'));
    await waiter;
    wal.rotate();
    wal.removeOld();
    wal.append();
    const later = wal.sync();
    await wal.drain();
    await later;
    assert.deepEqual(wal.acknowledged, [2]);
    wal.append();
    wal.set.syncNow();
    assert.equal(wal.set.durableSeqno, 3);
  });

  test('that blocks refuses those who wait for another fsync of the same log', async () => {
    // The system reports lost pages once: the fsync that is under way may well succeed.
    const wal = harness();
    wal.append();
    const waiter = wal.sync();
    await settled();
    wal.fs.nextSyncError = new Error('no');
    assert.throws(() => wal.set.syncNow());
    await wal.drain();
    await waiter;
    assert.equal(wal.refusals, 1);
    assert.equal(wal.set.durableSeqno, 0);
  });

  test('leaves what was acknowledged before it', async () => {
    const wal = harness();
    wal.append();
    wal.set.syncNow();
    wal.append();
    const waiter = wal.sync();
    await settled();
    wal.fs.pending[0]!.fail(new Error('no'));
    await waiter;
    assert.equal(wal.set.durableSeqno, 1);
    wal.check();
  });
});

suite('rotation', () => {
  test('makes the new log durable before it returns', () => {
    const wal = harness();
    wal.append();
    wal.rotate();
    assert.ok(!wal.fs.syncs.includes(pathOf(1)));
    assert.equal(wal.fs.durableBytes.get(pathOf(2)), LOG_HEADER_BYTES);
    assert.equal(wal.set.activeNumber, 2);
    assert.equal(wal.set.count, 2);
  });

  test('during a sync leaves that sync valid and new writes for the next', async () => {
    const wal = harness();
    wal.append();
    const first = wal.sync();
    await settled();
    wal.rotate();
    wal.append();
    const second = wal.sync();
    wal.fs.pending[0]!.finish();
    await first;
    wal.check();
    assert.equal(wal.set.durableSeqno, 1);
    await wal.drain();
    await second;
    assert.equal(wal.set.durableSeqno, 2);
    // The old log is synced once more, for the record that names the new one.
    assert.equal(wal.fs.syncs.filter((path) => path === pathOf(1)).length, 2);
    assert.equal(wal.fs.syncs.at(-1), pathOf(2));
  });

  test('a sync covers the unsynced ends of all logs', async () => {
    const wal = harness();
    wal.append();
    wal.rotate();
    wal.append();
    wal.rotate();
    wal.append();
    const waiter = wal.sync();
    await wal.drain();
    await waiter;
    assert.equal(wal.syncedSeqno(), 3);
    assert.equal(wal.set.durableSeqno, 3);
    assert.deepEqual(wal.acknowledged, [3]);
  });

  test('syncing up to the end of an old log leaves the active one alone', () => {
    const wal = harness();
    wal.append(2);
    wal.rotate();
    wal.append();
    wal.fs.syncs.length = 0;
    wal.set.syncUpTo(2);
    assert.deepEqual(wal.fs.syncs, [pathOf(1)]);
    assert.equal(wal.set.durableSeqno, 2);
    wal.set.syncUpTo(2);
    assert.equal(wal.fs.syncs.length, 1);
    wal.set.syncUpTo(3);
    assert.deepEqual(wal.fs.syncs, [pathOf(1), pathOf(2)]);
    assert.equal(wal.set.durableSeqno, 3);
  });
});

suite('removing logs', () => {
  test('closes and removes those below a number, never the active one', () => {
    const wal = harness();
    wal.append();
    wal.rotate();
    wal.append();
    wal.rotate();
    const { sizeBytes } = wal.set.ends()[2]!;
    wal.removeOld();
    assert.deepEqual(wal.fs.list('db'), [pathOf(3).slice(3)]);
    assert.deepEqual(wal.fs.openPaths, [pathOf(3)]);
    wal.set.removeBelow(100);
    assert.equal(wal.set.count, 1);
    assert.equal(wal.set.sizeBytes, sizeBytes);
  });

  test('while a sync is under way closes the handles only afterwards', async () => {
    const wal = harness();
    wal.append();
    wal.rotate();
    wal.append();
    const waiter = wal.sync();
    await settled();
    wal.rotate();
    wal.removeOld();
    assert.equal(wal.fs.exists(pathOf(1)), false);
    assert.equal(wal.fs.exists(pathOf(2)), false);
    assert.deepEqual(wal.fs.openPaths, [pathOf(1), pathOf(2), pathOf(3)]);
    await wal.drain();
    await waiter;
    assert.deepEqual(wal.acknowledged, [2]);
    assert.deepEqual(wal.fs.openPaths, [pathOf(3)]);
    assert.deepEqual(wal.fs.misuses, []);
  });

  test('takes their unsynced ends out of what later syncs wait for', async () => {
    const wal = harness();
    wal.append();
    wal.rotate();
    wal.removeOld();
    wal.fs.syncs.length = 0;
    wal.append();
    const waiter = wal.sync();
    await wal.drain();
    await waiter;
    assert.deepEqual(wal.fs.syncs, [pathOf(2)]);
  });
});

suite('closing', () => {
  test('waits for the syncs under way and queued, then releases every handle', async () => {
    const wal = harness();
    wal.append();
    const waiters = [wal.sync()];
    wal.append();
    waiters.push(wal.sync());
    wal.rotate();
    wal.removeOld();
    let isClosed = false;
    const closing = wal.set.close().then(() => {
      isClosed = true;
    });
    await settled();
    assert.equal(isClosed, false);
    await wal.drain();
    await closing;
    await Promise.all(waiters);
    assert.deepEqual(wal.fs.openPaths, []);
    assert.deepEqual(wal.fs.misuses, []);
  });

  test('works after a failed sync', async () => {
    const wal = harness();
    wal.append();
    const waiter = wal.sync();
    await settled();
    const closing = wal.set.close();
    wal.fs.pending[0]!.fail(new Error('no'));
    await closing;
    await waiter;
    assert.equal(wal.refusals, 1);
    assert.deepEqual(wal.fs.openPaths, []);
  });
});
