/**
 * A table whose filter is damaged: lookups say so, and nothing else needs it.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BLOCK_FILTER, BLOCK_OVERHEAD_BYTES } from '../../src/block/block-format.ts';
import { FILE_HEADER_BYTES_MIN } from '../../src/block/file-header.ts';
import { readU32 } from '../../src/bytes/fixed.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { openHeld } from './held-workers.ts';
import { code, fill, keyAt, onlyTable, PATH } from './helpers.ts';

const COUNT = 100;

/** Turns a bit in the middle of the filter of the only table. */
function damageFilter(fs: MemoryFs): void {
  const file = onlyTable(fs);
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0, bytes.length, 0);
  let at = FILE_HEADER_BYTES_MIN;
  while (bytes[at] !== BLOCK_FILTER) at += readU32(bytes, at + 8) + BLOCK_OVERHEAD_BYTES;
  const middle = at + ((readU32(bytes, at + 8) + BLOCK_OVERHEAD_BYTES) >> 1);
  file.write(Uint8Array.of(bytes[middle]! ^ 1), 0, 1, middle);
}

async function openDamaged(workers: number) {
  const fs = new MemoryFs();
  const writer = await open(PATH, { fs, workers: 0 });
  fill(writer, COUNT, 50);
  await writer.compact();
  await writer.close();
  damageFilter(fs);
  return (await openHeld({ workers }, [], fs)).db;
}

for (const workers of [0, 2]) {
  suite(`a table with a damaged filter, ${workers} workers`, () => {
    test('can be read as a whole; lookups and verification tell of the damage', async () => {
      const db = await openDamaged(workers);
      assert.equal([...db.keys()].length, COUNT);
      assert.throws(() => db.get(keyAt(3)), code('CORRUPTION'));
      assert.equal([...db.keys()].length, COUNT);
      assert.equal((await db.verify()).uncorrectable.length, 1);
      await db.close();
    });

    test('is made whole by a compaction', async () => {
      const db = await openDamaged(workers);
      await db.compact({ bottommost: true });
      assert.deepEqual((await db.verify()).uncorrectable, []);
      for (let i = 0; i < COUNT; i++) assert.equal(db.get(keyAt(i))?.length, 50);
      await db.close();
    });
  });
}
