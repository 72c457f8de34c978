/**
 * Damage beneath a running database, compared with a model: whatever is read is right, and what
 * parity gives back is right on the disk within a cycle.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { joinPath } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { PATH } from './helpers.ts';
import { DAY, HOUR, openPatrolled, PatrolHost } from './patrolled.ts';

const CODES = [
  { scheme: 'secded' },
  { scheme: 'xor', data: 4 },
  { scheme: 'reed-solomon', data: 6, parity: 2 },
] as const;
const ROUNDS = 12;
const DAMAGES_MAX = 6;
const KEYS = 300;
const OPTIONS = {
  scrub: { cycleMs: DAY, bytesPerSecond: 1_048_576 },
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  blockCacheBytes: 0,
  l0TriggerCount: 2,
};

/** Turns one bit in each of a few files that have none turned: within the budget of any code. */
function damage(fs: MemoryFs, random: SeededRandom): number {
  const names = fs
    .list(PATH)
    .filter((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(sst|wal))$/.test(name));
  const chosen = new Set<string>();
  for (let i = 1 + random.below(DAMAGES_MAX); i > 0; i--) {
    chosen.add(names[random.below(names.length)]!);
  }
  let count = 0;
  for (const name of chosen) {
    const file = fs.fileAt(joinPath(PATH, name))!;
    if (file.size === 0) continue;
    const byte = new Uint8Array(1);
    const at = random.below(file.size);
    file.read(byte, 0, 1, at);
    byte[0]! ^= 1 << random.below(8);
    file.write(byte, 0, 1, at);
    count++;
  }
  return count;
}

function change(db: Db, model: Map<string, string>, random: SeededRandom): void {
  const key = `k${random.below(KEYS)}`;
  if (random.below(5) === 0) {
    db.delete(key);
    model.delete(key);
    return;
  }
  const value = String(random.u32()).repeat(1 + random.below(60));
  db.put(key, value);
  model.set(key, value);
}

function compare(db: Db, model: ReadonlyMap<string, string>): void {
  const text = new TextDecoder();
  const found = new Map<string, string>();
  for (const [key, value] of db.entries()) found.set(text.decode(key), text.decode(value));
  assert.equal(found.size, model.size);
  for (const [key, value] of model) assert.equal(found.get(key), value, key);
}

for (const [i, ecc] of CODES.entries()) {
  suite(`damage beneath a database with ${ecc.scheme}`, () => {
    for (const workers of [0, 2]) {
      test(`is healed within a cycle, and reads are right, ${workers} workers`, async () => {
        const random = new SeededRandom(100 * i + workers);
        const fs = new MemoryFs();
        const host = new PatrolHost();
        const model = new Map<string, string>();
        let patrolled = await openPatrolled(fs, { ...OPTIONS, ecc }, host, workers);
        let healed = 0;
        for (let round = 0; round < ROUNDS; round++) {
          const { db } = patrolled;
          for (let n = 0; n < 150; n++) change(db, model, random);
          if (random.below(2) === 0) await db.flush();
          damage(fs, random);
          if (random.below(2) === 0) compare(db, model);
          for (let n = 0; n < 50; n++) change(db, model, random);
          await host.pass(2 * DAY);
          compare(db, model);
          const report = await db.scrub();
          assert.deepEqual(report.findings, [], `round ${round}`);
          const { counters, scrub } = db.stats();
          assert.equal(scrub?.totals.lostCount, 0);
          assert.equal(scrub.lastCycle?.correctedCount, 0);
          if (random.below(3) > 0) continue;
          healed += counters.healCount;
          damage(fs, random);
          await db.close();
          host.forget();
          patrolled = await openPatrolled(fs, { ...OPTIONS, ecc }, host, workers);
          compare(patrolled.db, model);
          await host.pass(HOUR);
        }
        const { db } = patrolled;
        healed += db.stats().counters.healCount;
        assert.ok(healed > ROUNDS, `${healed} healed`);
        await db.close();
      });
    }
  });
}
