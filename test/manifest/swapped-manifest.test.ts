import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { readCurrent, writeCurrent } from '../../src/manifest/current.ts';
import { bytesOf, setBytes } from '../pipeline/world.ts';
import {
  DIRECTORY,
  manifestPath,
  newDirectory,
  OPENINGS,
  recoverManifest,
  usedManifest,
} from './manifest-fixture.ts';

await loadChecksum();

describe('the manifest of a copy that went on', () => {
  for (const [name, opening] of Object.entries(OPENINGS)) {
    for (const isClean of [false, true]) {
      const state = `${name}, ${isClean ? 'closed' : 'killed'}`;
      test(`is not taken for the one that CURRENT means: ${state}`, () => {
        const fs = newDirectory();
        usedManifest(fs, opening).close({ walEnds: [], lastSeqno: 100 });
        const copy = fs.clone();
        for (const [each, seed] of [
          [fs, 5],
          [copy, 6],
        ] as const) {
          const manifest = recoverManifest(each, seed, opening);
          manifest.start();
          manifest.close(isClean ? { walEnds: [], lastSeqno: 100 } : undefined);
        }
        const path = manifestPath(fs);
        assert.equal(manifestPath(copy), path);
        const file = path.slice(DIRECTORY.length + 1);
        recoverManifest(fs, 7, opening);
        const own = bytesOf(fs, file);
        assert.equal(bytesOf(copy, file).length, own.length, 'nothing else tells them apart');
        setBytes(fs, file, bytesOf(copy, file));
        assert.throws(() => recoverManifest(fs, 7, opening), {
          code: 'CORRUPTION',
          file: path,
          message: /manifest is another one than CURRENT says/,
        });
      });
    }

    test(`is not held against a salt that an older version did not note: ${name}`, () => {
      const fs = newDirectory();
      usedManifest(fs, opening).close();
      const pipeline = opening(3);
      const { slot } = readCurrent(fs, DIRECTORY)!;
      pipeline.databaseId = slot.databaseId;
      for (let i = 1; i <= 2; i++) {
        const generation = slot.generation + i;
        const older = { ...slot, generation, manifestSalt: undefined };
        writeCurrent(fs, DIRECTORY, older, pipeline);
      }
      const manifest = recoverManifest(fs, 4, opening);
      manifest.start();
      manifest.close();
      assert.ok(readCurrent(fs, DIRECTORY)!.slot.manifestSalt, 'the next process notes it');
    });
  }
});
