/**
 * Databases in which tables are damaged, cut short, taken away and brought back while they work:
 * no read gives a wrong or an older value, all that is outside of what is lost is right, and work
 * goes on.
 * @slow
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLost } from './lost-run.ts';
import { STAGES } from './settings.ts';

const SEEDS = [1, 4];

const POLICIES = {
  leveled: { compaction: 'leveled' },
  'size-tiered': { compaction: 'size-tiered' },
  fifo: { compaction: { policy: 'fifo', maxBytes: 1e9, mergeTableCount: 2 } },
  'leveled, all stages': { ...STAGES.everything, compaction: 'leveled' },
  'leveled, without filters': { compaction: 'leveled', filterBitsPerKey: 0 },
} as const;

for (const [name, options] of Object.entries(POLICIES)) {
  for (const seed of SEEDS) {
    const workers = seed % 2 === 0 ? 2 : 0;
    test(`lost tables (${name}, ${workers} workers, seed ${seed})`, async (t) => {
      const totals = await runLost(seed, 80, { ...options, workers });
      t.diagnostic(JSON.stringify(totals));
      assert.ok(totals.damages > 3 && totals.losses > 0 && totals.values > 1000);
      assert.ok(totals.accepted > 0, 'losses were given up');
    });
  }
}
