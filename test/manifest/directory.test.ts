import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { readCurrent, writeCurrent } from '../../src/manifest/current.ts';
import { inspectDirectory } from '../../src/manifest/directory.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import {
  adding,
  createManifest,
  DIRECTORY,
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
    assert.equal(inspectDirectory(new MemoryFs(), DIRECTORY).isFresh, true);
    const fs = newDirectory('LOCK', 'notes.txt', 'CURRENT');
    assert.equal(inspectDirectory(fs, DIRECTORY).isFresh, true);
  });

  test('is fresh when a creation was cut off there, and creation succeeds then', () => {
    const fs = newDirectory();
    createManifest(fs).close();
    fs.remove(CURRENT);
    assert.equal(inspectDirectory(fs, DIRECTORY).isFresh, true);
    fs.open(CURRENT, 'create').close();
    assert.equal(inspectDirectory(fs, DIRECTORY).isFresh, true);
    const manifest = createManifest(fs, 2);
    assert.deepEqual(recoverState(fs), stateOf(manifest));
    assert.deepEqual(fs.list(DIRECTORY).sort(), ['CURRENT', 'MANIFEST-000001']);
    for (const size of [0, 40, 128, 150]) {
      const torn = newDirectory();
      createManifest(torn).close();
      torn.remove(CURRENT);
      torn.open(`${DIRECTORY}/MANIFEST-000001`, 'update').truncate(size);
      assert.equal(inspectDirectory(torn, DIRECTORY).isFresh, true, `${size}`);
      createManifest(torn);
    }
  });

  test('is a damaged database when files of one are there without CURRENT', () => {
    for (const name of ['000004.sst', '000004.wal', 'MANIFEST-000004']) {
      const damaged = { code: 'CORRUPTION', file: CURRENT };
      const missing = { ...damaged, message: /CURRENT is missing/ };
      assert.throws(() => inspectDirectory(newDirectory(name), DIRECTORY), missing);
      const bad = { ...damaged, message: /both slots of CURRENT are damaged/ };
      assert.throws(() => inspectDirectory(newDirectory(name, 'CURRENT'), DIRECTORY), bad);
    }
    const used = newDirectory();
    createManifest(used).append({ ...emptyEdit(), createdFamilies: [{ id: 1, name: 'b' }] });
    used.remove(CURRENT);
    assert.throws(() => inspectDirectory(used, DIRECTORY), { code: 'CORRUPTION' });
  });

  test('lists its files by kind, in ascending order', () => {
    const fs = newDirectory('000011.sst', '000009.sst', '000010.wal', '000002.wal', 'x.sst');
    const manifest = createManifestBeside(fs);
    assert.deepEqual(inspectDirectory(fs, DIRECTORY), {
      isFresh: false,
      tableNumbers: [9, 11],
      logNumbers: [2, 10],
      manifestNumbers: [manifest],
      largestNumber: 11,
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

describe('CURRENT', () => {
  const slot = {
    generation: 1,
    manifestNumber: 5,
    manifestBytes: 600,
    isClean: false,
    databaseId: new Uint8Array(16).fill(7),
  };

  test('holds two slots, of which the higher generation counts', () => {
    const fs = newDirectory('CURRENT');
    assert.equal(readCurrent(fs, DIRECTORY), undefined);
    for (let generation = 1; generation < 6; generation++) {
      const written = { ...slot, generation, isClean: generation % 3 === 0 };
      writeCurrent(fs, DIRECTORY, written);
      assert.deepEqual(readCurrent(fs, DIRECTORY), written);
    }
    const file = fs.open(CURRENT, 'update');
    assert.equal(file.size(), 1024);
    file.write(new Uint8Array(512), 0, 512, 0);
    assert.equal(readCurrent(fs, DIRECTORY)!.generation, 4);
    file.write(new Uint8Array(512), 0, 512, 512);
    assert.equal(readCurrent(fs, DIRECTORY), undefined);
  });

  test('does not take a slot that stands in the place of the other', () => {
    const fs = newDirectory('CURRENT');
    writeCurrent(fs, DIRECTORY, slot);
    const bytes = new Uint8Array(512);
    const file = fs.open(CURRENT, 'update');
    file.read(bytes, 0, 512, 0);
    file.write(new Uint8Array(512), 0, 512, 0);
    file.write(bytes, 0, 512, 512);
    assert.equal(readCurrent(fs, DIRECTORY), undefined);
  });
});
