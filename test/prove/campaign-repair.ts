/**
 * What the damage campaign demands of a repair: a typed error, or a database that opens, holds
 * nothing that was never written, takes writes, and needs no other repair.
 * @module
 */
import assert from 'node:assert/strict';
import type { Db } from '../../src/db/database.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { repairIn } from '../integrity/repair-fixture.ts';
import type { CampaignSample } from './campaign-sample.ts';
import { openSeeded } from './environment.ts';
import { keyOf } from './model.ts';

/** What became of it. */
export type RepairOutcome = 'refused' | 'needless' | 'repaired';

/** Repairs in place what `fs` holds. @throws Error for what a repair must not leave */
export async function repairAndCheck(sample: CampaignSample, fs: MemoryFs): Promise<RepairOutcome> {
  let isRepaired: boolean;
  try {
    ({ isRepaired } = await repairIn(fs, sample.options));
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return 'refused';
  }
  const { problems } = await repairIn(fs, { ...sample.options, dryRun: true });
  assert.deepEqual(problems, [], 'a second repair finds something to do');
  const options = { ...sample.options, createIfMissing: false };
  const db = await openSeeded(fs, 30, options);
  for (const columnFamily of db.listColumnFamilies()) expectKnown(sample, db, columnFamily);
  db.put('new', 'value', { sync: true });
  await db.close();
  const again = await openSeeded(fs, 31, options);
  assert.equal(Buffer.from(again.get('new')!).toString(), 'value');
  await again.close();
  return isRepaired ? 'repaired' : 'needless';
}

/** Every value is one that the key once had, as far as reads do not fail. */
function expectKnown({ history }: CampaignSample, db: Db, columnFamily: string): void {
  // A family whose name is lost gets another one.
  const families = history.has(columnFamily) ? [history.get(columnFamily)!] : history.values();
  const known = [...families];
  try {
    for (const [key, value] of db.entries({ columnFamily })) {
      const text = Buffer.from(value).toString('hex');
      const wasThere = known.some((values) => values.get(keyOf(key))?.has(text));
      assert.ok(wasThere, `${columnFamily}: ${keyOf(key)} never had the value ${text}`);
    }
  } catch (error) {
    if (!isVarveError(error)) throw error;
  }
}
