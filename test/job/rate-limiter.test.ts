/**
 * The limit of background work: the pace of one thread and of several, and who goes first.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type DbOptions, open, WriteBatch } from '../../src/index.ts';
import { NORMAL, URGENT } from '../../src/job/job.ts';
import { newRateShare, RateLimiter } from '../../src/job/rate-limiter.ts';
import { SimulatedClock } from '../../src/testing/index.ts';

const MIB = 1_048_576;
const RATE = 10 * MIB;

suite('a limiter', () => {
  test('lets jobs of all threads have the rate together', () => {
    const clock = new SimulatedClock();
    const share = newRateShare(RATE, true);
    const limiters = [new RateLimiter(share, clock), new RateLimiter(share, clock)];
    const due = [0, 0];
    const begin = clock.monotonic();
    let bytes = 0;
    while (clock.monotonic() - begin < 2000) {
      limiters.forEach((limiter, i) => {
        if (clock.monotonic() < due[i]!) return;
        bytes += MIB / 4;
        due[i] = clock.monotonic() + limiter.charge(NORMAL, MIB / 4);
      });
      clock.advance(1);
    }
    assert.ok(Math.abs(bytes - 2 * RATE) < RATE / 10, `${bytes} bytes in two seconds`);
  });

  test('lets flushes go before compactions', () => {
    const clock = new SimulatedClock();
    const limiter = new RateLimiter(newRateShare(RATE, false), clock);
    for (let i = 0; i < 10; i++) limiter.charge(NORMAL, MIB);
    assert.ok(limiter.charge(NORMAL, MIB) > 1000);
    assert.ok(limiter.charge(URGENT, MIB) < 100);
    // What flushes take is missing for compactions.
    assert.ok(limiter.charge(NORMAL, MIB) > 1200);
  });

  test('owes nothing for idle time, and goes on after the clock was set back', () => {
    const clock = new SimulatedClock();
    const limiter = new RateLimiter(newRateShare(RATE, false), clock);
    clock.advance(60_000);
    for (let i = 0; i < 10; i++) limiter.charge(NORMAL, MIB);
    assert.ok(limiter.charge(NORMAL, MIB) > 1000);
    const past = { now: () => clock.now() - 3_600_000, monotonic: () => clock.monotonic() };
    const share = newRateShare(RATE, false);
    new RateLimiter(share, clock).charge(URGENT, MIB);
    assert.ok(new RateLimiter(share, past).charge(URGENT, MIB) <= 100);
  });

  test('wants small steps for a low rate', () => {
    const clock = new SimulatedClock();
    assert.equal(new RateLimiter(newRateShare(1000 * MIB, false), clock).stepBytes(MIB), MIB);
    assert.equal(new RateLimiter(newRateShare(65_536, false), clock).stepBytes(MIB), 4096);
  });
});

suite('a database with a limit', () => {
  for (const workers of [0, 2]) {
    test(`takes as long for a compaction as that allows, with ${workers} workers`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'varve-rate-'));
      try {
        const rateLimitBytesPerSecond = 8 * MIB;
        const took = await compactionMs(directory, { workers, rateLimitBytesPerSecond });
        // 4 MiB are read and 4 MiB are written.
        assert.ok(took > 800, `${took} ms at 8 MiB/s`);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
});

async function compactionMs(path: string, options: DbOptions): Promise<number> {
  const db = await open(path, { ...options, compression: 'none', writeBufferBytes: 16 * MIB });
  for (let round = 0; round < 2; round++) {
    const batch = new WriteBatch();
    for (let i = 0; i < 2048; i++) batch.put(`key ${i * 2 + round}`, new Uint8Array(1024).fill(i));
    db.write(batch);
    await db.flush();
  }
  const begin = performance.now();
  await db.compact();
  const elapsed = performance.now() - begin;
  assert.equal([...db.keys()].length, 4096);
  await db.close();
  return elapsed;
}
