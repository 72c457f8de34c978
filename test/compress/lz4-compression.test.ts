/**
 * The engine without zstd: `varve/core`.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Compression,
  type DbOptions,
  isVarveError,
  lz4Compression,
  MemoryFs,
  nobleCrypto,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
} from '../../src/core.ts';
import { portableCompression } from '../../src/zstd.ts';

const fs = new MemoryFs();
const environment = {
  fs,
  clock: systemClock,
  random: systemRandom,
  hostLoop: systemHostLoop,
  crypto: nobleCrypto,
};

function openWith(compression: Compression, directory: string, options: DbOptions = {}) {
  return openDatabase(directory, options, { ...environment, compression });
}

function saysWhatToPass(error: unknown): boolean {
  return isVarveError(error, 'UNSUPPORTED') && error.message.includes('varve/zstd');
}

test('LZ4 needs no zstd', async () => {
  const db = await openWith(lz4Compression, 'lz4');
  db.put('a', 'b'.repeat(10_000));
  await db.flush();
  assert.ok(db.stats().tableBytes < 5000);
  await db.close();
});

test('where zstd is missing it is refused, and said what to pass', async () => {
  await assert.rejects(openWith(lz4Compression, 'a', { compression: 'zstd' }), saysWhatToPass);
  const db = await openWith(portableCompression, 'b', { compression: 'zstd' });
  db.put('a', 'b'.repeat(10_000));
  await db.flush();
  await db.close();
  await assert.rejects(openWith(lz4Compression, 'b'), saysWhatToPass);
  const again = await openWith(portableCompression, 'b');
  assert.equal(again.get('a')?.length, 10_000);
  await again.close();
});
