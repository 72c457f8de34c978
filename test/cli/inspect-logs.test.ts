/** What an inspection says of logs beyond their batches. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import { type DbOptions, open } from '../../src/index.ts';
import {
  bytesOf,
  DIRECTORY,
  ENCRYPTION,
  filesOf,
  inspectionOf,
  partsNamed,
  partsOf,
} from './inspect-fixture.ts';

const FAMILIES = ['a', 'b'];

/** Two logs as a process leaves them that dies: values of zeros, and a sync after each write. */
async function twoLogs(options: DbOptions): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const db = await open(DIRECTORY, { ...options, fs, workers: 0, columnFamilies: FAMILIES });
  db.put('k', new Uint8Array(1500), { columnFamily: 'a' });
  db.put('k', 'v', { columnFamily: 'b' });
  await db.flush({ columnFamily: 'b' });
  for (let i = 0; i < 12; i++) db.put(`k${i}`, 'v', { columnFamily: 'b', sync: true });
  return fs.clone();
}

for (const [way, options] of Object.entries({
  'in the clear': {},
  sealed: { encryption: ENCRYPTION },
  'with a code': { ecc: { scheme: 'xor', data: 3 } },
} satisfies Record<string, DbOptions>)) {
  test(`of a log that another one follows, and one with room ahead: ${way}`, async () => {
    const fs = await twoLogs(options);
    const inspection = await inspectionOf(fs, options.encryption ? ENCRYPTION : undefined);
    const logs = filesOf(fs).filter((name) => name.endsWith('.wal'));
    assert.equal(logs.length, 2);
    const [first, second] = logs.map((name) => partsOf(name, inspection));
    const [closing] = partsNamed(first!, 'closing');
    assert.equal(`${String(closing!.nextNumber).padStart(6, '0')}.wal`, logs[1]);
    const salt = Buffer.from(bytesOf(fs, logs[1]!).subarray(16, 32)).toString('hex');
    assert.equal(closing!.nextSalt, salt);
    assert.deepEqual(partsNamed(second!, 'closing'), []);
    assert.equal(partsNamed(second!, 'record').length, 12);
    for (const parts of [first!, second!]) {
      const [summary] = partsNamed(parts, 'summary');
      assert.equal(summary!.damageCount, 0);
      assert.equal(summary!.isTorn, parts === second);
    }
    const fields = partsOf(logs[0]!, { ...inspection, block: closing!.block });
    const named = partsNamed(fields, 'field').map(({ name }) => name);
    assert.ok(named.includes('next log number') && named.includes('salt of the next log'));
    assert.ok(named.includes('mask'));
    const [record] = partsNamed(first!, 'record');
    const value = partsNamed(partsOf(logs[0]!, { ...inspection, block: record!.block }), 'field');
    const shown = value.find(({ name }) => name === 'operation 0: value');
    assert.equal(shown!.area, way === 'sealed' || isMasked(value) ? 'content' : 'file');
    await (await open(DIRECTORY, { ...options, fs, workers: 0, columnFamilies: FAMILIES })).close();
  });
}

function isMasked(fields: readonly { name: string; bytes: Uint8Array }[]): boolean {
  return fields.find(({ name }) => name === 'mask')!.bytes[0] !== 0;
}
