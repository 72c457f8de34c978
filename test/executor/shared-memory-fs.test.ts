/**
 * The file system that the tests of web workers use.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { fsSuite } from '../../src/testing/index.ts';
import { makeSharedMemory, SharedMemoryFs } from './shared-memory-fs.ts';

const CAPACITY_BYTES = 4 << 20;

fsSuite({
  test,
  name: 'SharedMemoryFs',
  create: async () => {
    const fs = new SharedMemoryFs(makeSharedMemory(CAPACITY_BYTES));
    fs.createDirectory('/some/place');
    return { fs, directory: '/some/place', cleanup: () => {} };
  },
});

test('two over one memory show the same files, and files that grow', () => {
  const memory = makeSharedMemory(CAPACITY_BYTES);
  const [one, other] = [new SharedMemoryFs(memory), new SharedMemoryFs(memory)];
  one.createDirectory('a');
  const writer = one.open('a/b', 'create');
  const reader = other.open('a/b', 'read');
  for (let n = 0; n < 10; n++) {
    const piece = new Uint8Array(30_000).fill(n);
    writer.write(piece, 0, piece.length, n * piece.length);
    const back = new Uint8Array(piece.length);
    assert.equal(reader.read(back, 0, back.length, n * piece.length), back.length);
    assert.deepEqual(back, piece);
  }
});

test('space comes back when nothing leads to a file any more', () => {
  const fs = new SharedMemoryFs(makeSharedMemory(CAPACITY_BYTES));
  fs.createDirectory('a');
  const free = fs.freeBytes('a');
  const piece = new Uint8Array(free);
  for (let round = 0; round < 3; round++) {
    const file = fs.open('a/b', 'create');
    file.write(piece, 0, free, 0);
    assert.equal(fs.freeBytes('a'), 0);
    assert.throws(
      () => file.write(piece, 0, 1, free),
      (error) => isVarveError(error, 'NOSPACE'),
    );
    fs.remove('a/b');
    assert.equal(fs.freeBytes('a'), 0);
    file.close();
    assert.equal(fs.freeBytes('a'), free);
  }
});
