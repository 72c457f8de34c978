/** Batches that an error-correcting code makes too long for a record of the log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RECORD_BYTES_MAX } from '../../src/block/block-format.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { PATH, texts } from './helpers.ts';

const SEVENFOLD: DbOptions = { ecc: { scheme: 'reed-solomon', data: 1, parity: 6 } };
const VALUE_BYTES = 0x400_0000;
const VALUES = Math.ceil(RECORD_BYTES_MAX / 7 / VALUE_BYTES);

test('a batch that no record of the log can take is refused, and nothing stops', async () => {
  const fs = new MemoryFs();
  const batch = new WriteBatch();
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  for (let i = 0; i < VALUES; i++) batch.put(`key ${i}`, value);
  const db = await open(PATH, { fs, ...SEVENFOLD });
  const names = fs.list(PATH).sort();
  assert.throws(() => db.write(batch), { name: 'RangeError', message: /bytes of the log/ });
  await assert.rejects(db.writeAsync(batch), RangeError);
  assert.deepEqual(fs.list(PATH).sort(), names);
  assert.equal(db.stats().counters.operationsWritten, 0);
  db.put('small', 'one');
  await db.close();
  const again = await open(PATH, { fs, readOnly: true });
  assert.equal(texts(again.keys()), 'small');
  await again.close();
});
