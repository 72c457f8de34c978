import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { openSeeded } from './environment.ts';

const CUTS = 20;

test('logs that come back after a power cut do not concern a family made without one', async () => {
  const fs = new CrashFs();
  const first = await openSeeded(fs, 2, { columnFamilies: ['flushed'] });
  first.put('a', '1');
  first.put('b', '1', { columnFamily: 'flushed' });
  // A second log begins here, and the first is still needed.
  await first.flush({ columnFamily: 'flushed' });
  first.put('a', '2');
  await first.close();
  await openSeeded(fs, 4, { wal: false, columnFamilies: ['made'] });
  // It has removed both logs: of each removal the cut decides whether it was durable.
  for (let seed = 0; seed < CUTS; seed++) {
    const disk = fs.crash('reorder', new SeededRandom(seed));
    const db = await openSeeded(disk, 6, {});
    assert.equal(new TextDecoder().decode(db.get('a')), '2');
    await db.close();
  }
});
