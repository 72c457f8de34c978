/**
 * Space under churn, at a scale of 1/64: write buffer, levels and tables are that much smaller than
 * by default, so the data stands for 680 MiB. `npm run bench -- churn` does it at full scale.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChurn } from '../../bench/churn/run.ts';
import { CHURNS } from '../../bench/churn/workloads.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { joinPath } from '../../src/fs/port.ts';
import { DIRECTORY, openSeeded } from './environment.ts';

const MIB = 1_048_576;
const SCALED: DbOptions = {
  compression: 'none',
  writeBufferBytes: MIB / 4,
  baseLevelBytes: MIB,
  targetTableBytes: MIB / 2,
  blockCacheBytes: MIB,
};
/** Of the bytes that are alive. */
const SPACE_MAX = 2;
const PLAN = { liveCount: 96_000, valueBytes: 100, turnovers: 4 };

function sizeOf(fs: MemoryFs): number {
  let bytes = 0;
  for (const name of fs.list(DIRECTORY)) {
    const file = fs.open(joinPath(DIRECTORY, name), 'read');
    bytes += file.size();
    file.close();
  }
  return bytes;
}

for (const name of Object.keys(CHURNS)) {
  test(`files stay below twice the live data (${name})`, async (t) => {
    const fs = new MemoryFs();
    const db = await openSeeded(fs, 2, SCALED);
    const result = await runChurn(db, { name, ...PLAN }, () => sizeOf(fs));
    await db.close();
    const peak = result.peakBytes / result.liveBytes;
    const rest = result.finalBytes / result.liveBytes;
    const writes = result.writeAmplification.toFixed(1);
    t.diagnostic(`${peak.toFixed(2)} times, ${rest.toFixed(2)} at rest, written ${writes} times`);
    assert.ok(peak > 0.5 && peak < SPACE_MAX, `${peak} times the live data`);
    assert.ok(rest < SPACE_MAX, `${rest} times the live data at rest`);
  });
}
