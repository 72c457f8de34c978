/**
 * File operations that fail, with every stage of blocks and while stages change.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Workload } from './crash-run.ts';
import { CLOSE, FAULT_OPERATIONS, failEach, LASTING, RESUME, tell } from './fault-run.ts';
import { SETTINGS, STAGES } from './settings.ts';
import { CHANGES, FAILING, IMPORT } from './workloads.ts';

/** With stages the calls are much the same, so that some of them will do. */
const STAGED: Readonly<Record<string, Workload>> = {
  'with every stage': {
    options: { ...SETTINGS['small']!, ...STAGES.everything },
    operations: FAILING,
  },
  'while it is being encrypted': CHANGES['from the clear to encryption']!,
};
const STAGED_STRIDE = 5;

for (const [name, workload] of Object.entries(STAGED)) {
  test(`calls that fail are survived by resuming and by closing (${name})`, async (t) => {
    const sums = new Map<string, { faults: number; failures: number }>();
    for (const operation of FAULT_OPERATIONS) {
      sums.set(operation, await failEach(workload, { operation }, RESUME, STAGED_STRIDE));
      await failEach(workload, { operation }, CLOSE, STAGED_STRIDE);
    }
    tell(t, sums);
    assert.ok(sums.get('write')!.failures > 0 && sums.get('read')!.faults > 0);
    const short = { operation: 'write', effect: 'NOSPACE', shortWriteBytes: 40 } as const;
    await failEach(workload, short, RESUME, STAGED_STRIDE);
    const all = { times: Number.POSITIVE_INFINITY, effect: 'NOSPACE' } as const;
    await failEach(workload, all, LASTING, 3 * STAGED_STRIDE);
  });

  test(`a sync that failed is never taken for done (${name})`, async () => {
    const operation = ['sync', 'syncAsync'] as const;
    await failEach(workload, { operation }, { ...RESUME, losesPower: true });
  });
}

test('failures while an import flushes and compacts are survived', async (t) => {
  const sums = new Map<string, { faults: number; failures: number }>();
  for (const operation of ['open', 'read', 'write', 'sync', 'remove'] as const) {
    sums.set(operation, await failEach(IMPORT, { operation }, RESUME, 41));
  }
  tell(t, sums);
});
