/**
 * Power cuts at every operation of a browser on its files, below a database in OPFS.
 * @slow
 * @module
 */
import { test } from 'node:test';
import { mountOpfs } from '../../src/fs/opfs.ts';
import type { Fs } from '../../src/fs/port.ts';
import { TestBrowser } from '../fs/opfs-browser.ts';
import { cutEverywhere, type Mount } from './crash-run.ts';
import { CORNERS, OPERATIONS_PER_WORKLOAD, randomWorkload } from './workloads.ts';

/** So few handles that files share those of the browser. */
const HANDLES_MAX = 9;
const STRIDE = 7;

const mount: Mount = async (disk: Fs) => {
  const platform = new TestBrowser(disk);
  const fs = await mountOpfs({ directory: 'varve', handlesMax: HANDLES_MAX, platform });
  return { fs, unmount: () => fs.close() };
};

const workloads = { ...CORNERS, 'random workload': randomWorkload(7, OPERATIONS_PER_WORKLOAD) };

for (const [name, workload] of Object.entries(workloads)) {
  test(`a power cut loses nothing that was synced in OPFS (${name})`, async (t) => {
    await cutEverywhere(t, { ...workload, mount }, STRIDE);
  });
}
