/** The last generations of CURRENT: no slot gets one that a reader would not know again. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { readCurrent, writeCurrent } from '../../src/manifest/current.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { plainPipeline } from '../block/pipelines.ts';
import { DIRECTORY, newDirectory, recoverManifest, usedManifest } from './manifest-fixture.ts';

before(loadChecksum);

/** A database that was closed cleanly, whose newest slot has this generation. */
function closedAt(generation: number): MemoryFs {
  const fs = newDirectory();
  usedManifest(fs).close({ walEnds: [], lastSeqno: 99 });
  const { slot } = readCurrent(fs, DIRECTORY)!;
  writeCurrent(fs, DIRECTORY, { ...slot, generation }, plainPipeline());
  return fs;
}

test('the last generation of CURRENT is used, and read back', () => {
  // An install takes two of them.
  const fs = closedAt(Number.MAX_SAFE_INTEGER - 3);
  const manifest = recoverManifest(fs, 2);
  manifest.start();
  assert.equal(readCurrent(fs, DIRECTORY)!.slot.generation, Number.MAX_SAFE_INTEGER - 1);
  manifest.append(emptyEdit());
  assert.equal(recoverManifest(fs, 3).lastSeqno, 99);
  manifest.close();
});

test('a manifest without a generation left is not installed, and the one before counts', () => {
  for (const left of [0, 1]) {
    const fs = closedAt(Number.MAX_SAFE_INTEGER - left);
    const before = readCurrent(fs, DIRECTORY)!.slot;
    for (let attempt = 0; attempt < 2; attempt++) {
      const manifest = recoverManifest(fs, 2);
      assert.throws(() => manifest.start(), {
        code: 'INVALID',
        message: /used up its generations/,
      });
      assert.throws(() => manifest.append(emptyEdit()), { code: 'INVALID' });
      manifest.close();
      assert.deepEqual(readCurrent(fs, DIRECTORY)!.slot, before);
    }
    assert.equal(recoverManifest(fs, 3).lastSeqno, 99);
  }
});
