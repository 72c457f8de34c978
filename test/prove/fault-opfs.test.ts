/**
 * A quota that is used up at any call of a browser on its files, below a database in OPFS.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountOpfs } from '../../src/fs/opfs.ts';
import type { Fs } from '../../src/fs/port.ts';
import { TestBrowser } from '../fs/opfs-browser.ts';
import type { Mount, Workload } from './crash-run.ts';
import { CLOSE, failEach, LASTING, RESUME, tell } from './fault-run.ts';
import { SETTINGS } from './settings.ts';
import { FAILING, randomWorkload } from './workloads.ts';

/** So few handles that files share those of the browser. */
const HANDLES_MAX = 9;
/** Calls of a browser that may need room. */
const OPERATIONS = ['open', 'write', 'truncate', 'sync'] as const;
const STRIDE = 3;

const mount: Mount = async (disk: Fs) => {
  const platform = new TestBrowser(disk);
  const fs = await mountOpfs({ directory: 'varve', handlesMax: HANDLES_MAX, platform });
  return { fs, unmount: () => fs.close() };
};

const WORKLOADS: Readonly<Record<string, Workload>> = {
  'a bit of everything': { options: SETTINGS['small']!, operations: FAILING, mount },
  'at random': { ...randomWorkload(12, 30), mount },
};

for (const [name, workload] of Object.entries(WORKLOADS)) {
  test(`a quota that is full at any one call in OPFS is survived (${name})`, async (t) => {
    const sums = new Map<string, { faults: number; failures: number }>();
    for (const operation of OPERATIONS) {
      const rule = { operation, effect: 'NOSPACE' } as const;
      sums.set(operation, await failEach(workload, rule, RESUME, STRIDE));
      await failEach(workload, rule, CLOSE, STRIDE);
    }
    tell(t, sums);
    const { faults, failures } = sums.get('write')!;
    assert.ok(faults > 20 && failures > 0, `${faults} faults, ${failures} failures`);
  });

  test(`a quota that stays full in OPFS is survived (${name})`, async () => {
    const rule = { effect: 'NOSPACE', times: Number.POSITIVE_INFINITY } as const;
    for (const settings of [LASTING, { ...LASTING, answer: 'close' } as const]) {
      await failEach(workload, { ...rule, operation: OPERATIONS }, settings, STRIDE);
    }
  });
}
