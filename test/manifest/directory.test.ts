import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { inspectDirectory } from '../../src/manifest/directory.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import {
  adding,
  createManifest,
  DIRECTORY,
  OPENINGS,
  PLAIN,
  recoverState,
  stateOf,
  table,
} from './manifest-fixture.ts';

before(loadChecksum);

const CURRENT = `${DIRECTORY}/CURRENT`;

function newDirectory(...names: string[]): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory(DIRECTORY);
  for (const name of names) fs.open(`${DIRECTORY}/${name}`, 'create').close();
  return fs;
}

describe('a directory', () => {
  test('is fresh when it is missing, empty or holds other files', () => {
    assert.equal(inspectDirectory(new MemoryFs(), DIRECTORY, PLAIN(1)).isFresh, true);
    const fs = newDirectory('LOCK', 'notes.txt', 'CURRENT');
    assert.equal(inspectDirectory(fs, DIRECTORY, PLAIN(1)).isFresh, true);
  });

  for (const [name, opening] of Object.entries(OPENINGS)) {
    test(`is fresh when a creation was cut off, and creation succeeds then (${name})`, () => {
      const fs = newDirectory();
      createManifest(fs, 1, opening).close();
      fs.remove(CURRENT);
      // Without keys too: there is nothing yet that they would belong to.
      assert.equal(inspectDirectory(fs, DIRECTORY, PLAIN(1)).isFresh, true);
      fs.open(CURRENT, 'create').close();
      assert.equal(inspectDirectory(fs, DIRECTORY, opening(1)).isFresh, true);
      const manifest = createManifest(fs, 2, opening);
      assert.deepEqual(recoverState(fs, opening), stateOf(manifest));
      assert.deepEqual(fs.list(DIRECTORY).sort(), ['CURRENT', 'MANIFEST-000001']);
      for (const size of [0, 40, 128, 150, 200, 460]) {
        const torn = newDirectory();
        createManifest(torn, 1, opening).close();
        torn.remove(CURRENT);
        const file = torn.open(`${DIRECTORY}/MANIFEST-000001`, 'update');
        file.truncate(Math.min(size, file.size()));
        assert.equal(inspectDirectory(torn, DIRECTORY, opening(1)).isFresh, true, `${size}`);
        createManifest(torn, 1, opening);
      }
    });
  }

  test('is a damaged database when files of one are there without CURRENT', () => {
    for (const name of ['000004.sst', '000004.wal', 'MANIFEST-000004']) {
      const damaged = { code: 'CORRUPTION', file: CURRENT };
      const missing = { ...damaged, message: /CURRENT is missing/ };
      assert.throws(() => inspectDirectory(newDirectory(name), DIRECTORY, PLAIN(1)), missing);
      const bad = { ...damaged, message: /both slots of CURRENT are damaged/ };
      assert.throws(
        () => inspectDirectory(newDirectory(name, 'CURRENT'), DIRECTORY, PLAIN(1)),
        bad,
      );
    }
    const used = newDirectory();
    createManifest(used).append({ ...emptyEdit(), createdFamilies: [{ id: 1, name: 'b' }] });
    used.remove(CURRENT);
    assert.throws(() => inspectDirectory(used, DIRECTORY, PLAIN(1)), { code: 'CORRUPTION' });
  });

  test('lists its files by kind, in ascending order', () => {
    const fs = newDirectory('000011.sst', '000009.sst', '000010.wal', '000002.wal', 'x.sst');
    const manifest = createManifestBeside(fs);
    const { numbers, ...contents } = inspectDirectory(fs, DIRECTORY, PLAIN(1));
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      [1, 2, 9, 10, 11],
    );
    assert.deepEqual(contents, {
      isFresh: false,
      tableNumbers: [9, 11],
      logNumbers: [2, 10],
      manifestNumbers: [manifest],
    });
  });
});

/** A database whose other files are put there afterwards. */
function createManifestBeside(fs: MemoryFs): number {
  const others = fs.list(DIRECTORY);
  for (const name of others) fs.remove(`${DIRECTORY}/${name}`);
  const manifest = createManifest(fs);
  const number = manifest.newFileNumber();
  manifest.append(adding(0, table(number, 'a', 'b')));
  for (const name of others) fs.open(`${DIRECTORY}/${name}`, 'create').close();
  return manifest.manifestNumber;
}
