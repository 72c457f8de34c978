/**
 * The file system of who holds a lock: what passes, and what does not once that is lost.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { HeldFs } from '../../src/fs/held.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FsLock } from '../../src/fs/port.ts';
import { fsSuite } from '../../src/testing/fs-suite.ts';

const DIRECTORY = 'db';
const LOCK = `${DIRECTORY}/LOCK`;

fsSuite({
  test,
  name: 'HeldFs',
  create: async () => {
    const { held } = await locked();
    held.createDirectory('work');
    return { fs: held, directory: 'work', cleanup: () => {} };
  },
});

async function locked(): Promise<{ inner: MemoryFs; held: HeldFs; lock: FsLock }> {
  const inner = new MemoryFs();
  inner.createDirectory(DIRECTORY);
  const lock = await inner.lock(LOCK);
  return { inner, held: new HeldFs(inner, LOCK, lock.token), lock };
}

const detached = (error: unknown): boolean => isVarveError(error, 'DETACHED');

test('once the lock is lost, no name is changed or looked up, and no sync counts', async () => {
  const { inner, held, lock } = await locked();
  const file = held.open(`${DIRECTORY}/a`, 'create');
  await lock.release();
  const calls: Record<string, () => unknown> = {
    createDirectory: () => held.createDirectory(`${DIRECTORY}/sub`),
    create: () => held.open(`${DIRECTORY}/b`, 'create'),
    read: () => held.open(`${DIRECTORY}/a`, 'read'),
    update: () => held.open(`${DIRECTORY}/a`, 'update'),
    remove: () => held.remove(`${DIRECTORY}/a`),
    rename: () => held.rename(`${DIRECTORY}/a`, `${DIRECTORY}/b`),
    link: () => held.link(`${DIRECTORY}/a`, `${DIRECTORY}/b`),
    list: () => held.list(DIRECTORY),
    missing: () => held.exists(`${DIRECTORY}/b`),
    syncDirectory: () => held.syncDirectory(DIRECTORY),
    freeBytes: () => held.freeBytes(DIRECTORY),
    sync: () => file.sync(),
  };
  for (const [name, call] of Object.entries(calls)) assert.throws(call, detached, name);
  await assert.rejects(held.removeAsync(`${DIRECTORY}/a`), detached);
  await assert.rejects(file.syncAsync(), detached);
  assert.deepEqual(inner.list(DIRECTORY), ['a']);
  assert.equal(inner.exists(`${DIRECTORY}/sub`), false);
  // Bytes go where the file is, and it is closed as ever.
  file.write(Uint8Array.of(1), 0, 1, 0);
  file.close();
});
