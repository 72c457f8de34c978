import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { code, fill, PATH, text } from './helpers.ts';

/** A database with two tables of distinct keys and an empty log, closed. */
async function makeDatabase(): Promise<MemoryFs> {
  const fs = new MemoryFs();
  const db = await open(PATH, { fs });
  fill(db, 10);
  await db.flush();
  db.put('z', 'last');
  await db.flush();
  await db.close();
  return fs;
}

function namesOf(fs: MemoryFs, ending: string): string[] {
  return fs
    .list(PATH)
    .filter((name) => name.endsWith(ending))
    .sort();
}

test('a missing table is damage to its keys only', async () => {
  const fs = await makeDatabase();
  const [first] = namesOf(fs, '.sst');
  fs.remove(`${PATH}/${first}`);
  for (const readOnly of [true, false]) {
    const db = await open(PATH, { fs, readOnly });
    assert.ok(db.has('z'));
    assert.throws(() => db.get('k003'), code('CORRUPTION'));
    const { uncorrectable } = await db.verify();
    assert.deepEqual(
      uncorrectable.map(({ file }) => file),
      [`${PATH}/${first}`],
    );
    const lost = db.stats().damage.map(({ file, gte }) => [file, text(gte)]);
    assert.deepEqual(lost, [[`${PATH}/${first}`, 'k000']]);
    await db.close();
  }
});

test('a missing log is an error in the modes that look for damage, and no other', async () => {
  for (const walRecovery of ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const) {
    const fs = await makeDatabase();
    for (const name of namesOf(fs, '.wal')) fs.remove(`${PATH}/${name}`);
    const opening = open(PATH, { fs, walRecovery });
    if (walRecovery === 'absolute' || walRecovery === 'tolerate-tail') {
      await assert.rejects(opening, code('CORRUPTION'));
    } else {
      const db = await opening;
      assert.ok(db.has('z') && db.has('k003'));
      await db.close();
    }
  }
});

test('options of the wrong kind reject and do not throw', async () => {
  const opening = open(PATH, null as never);
  await assert.rejects(opening, TypeError);
  await assert.rejects(open(PATH, { filterBitsPerKey: 0.5 }), RangeError);
});
