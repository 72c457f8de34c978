import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { NodeFs } from '../../src/fs/node.ts';

const nodeFs = new NodeFs();

function newDirectory(t: TestContext): string {
  const directory = fs.mkdtempSync(join(tmpdir(), 'varve-node-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

test('an error names the path and carries the error of the platform', (t) => {
  const path = join(newDirectory(t), 'missing');
  assert.throws(
    () => nodeFs.open(path, 'read'),
    (error) =>
      isVarveError(error, 'IO') &&
      error.file === path &&
      error.message.includes(path) &&
      (error.cause as NodeJS.ErrnoException).code === 'ENOENT',
  );
});

const noFullDevice = fs.existsSync('/dev/full') ? false : 'this platform has no /dev/full';

test('a full device is NOSPACE', { skip: noFullDevice }, () => {
  const file = nodeFs.open('/dev/full', 'update');
  assert.throws(
    () => file.write(new Uint8Array(10), 0, 10, 0),
    (error) => isVarveError(error, 'NOSPACE') && error.file === '/dev/full',
  );
  file.close();
});

test('written bytes are in the hands of the system when write returns', (t) => {
  const path = join(newDirectory(t), 'a');
  const file = nodeFs.open(path, 'create');
  file.write(Uint8Array.of(1, 2, 3), 0, 3, 0);
  assert.deepEqual([...fs.readFileSync(path)], [1, 2, 3]);
  file.close();
});

test('positions beyond 4 GiB work', (t) => {
  const file = nodeFs.open(join(newDirectory(t), 'sparse'), 'create');
  const far = 2 ** 33 + 5;
  file.write(Uint8Array.of(1, 2, 3), 0, 3, far);
  assert.equal(file.size(), far + 3);
  const target = new Uint8Array(3);
  assert.equal(file.read(target, 0, 3, far), 3);
  assert.deepEqual([...target], [1, 2, 3]);
  file.close();
});

test('a closed handle does not touch the file that got its descriptor', (t) => {
  const directory = newDirectory(t);
  const old = nodeFs.open(join(directory, 'old'), 'create');
  old.close();
  const heir = nodeFs.open(join(directory, 'heir'), 'create');
  const closed = (error: unknown) => isVarveError(error, 'CLOSED');
  assert.throws(() => old.write(Uint8Array.of(1), 0, 1, 0), closed);
  assert.throws(() => old.truncate(5), closed);
  old.close();
  heir.write(Uint8Array.of(1), 0, 1, 0);
  assert.equal(heir.size(), 1);
  heir.close();
});

test('list leaves out directories and sockets, exists tells absence from failure', async (t) => {
  const directory = newDirectory(t);
  nodeFs.createDirectory(join(directory, 'sub'));
  const lock = await nodeFs.lock(join(directory, 'LOCK'));
  assert.deepEqual(nodeFs.list(directory), ['LOCK']);
  assert.equal(nodeFs.exists(join(directory, 'LOCK', 'below-a-file')), false);
  assert.throws(
    () => nodeFs.exists(join(directory, 'n'.repeat(300))),
    (error) => isVarveError(error, 'IO'),
  );
  await lock.release();
});

test('a file in the way of a directory is an IO error', (t) => {
  const path = join(newDirectory(t), 'a');
  nodeFs.open(path, 'create').close();
  for (const wanted of [path, join(path, 'below')]) {
    assert.throws(
      () => nodeFs.createDirectory(wanted),
      (error) => isVarveError(error, 'IO'),
    );
  }
});

test('a place that takes no directories is an IO error and no endless loop', (t) => {
  if (!fs.existsSync('/proc/self')) return t.diagnostic('this platform has no /proc');
  assert.throws(
    () => nodeFs.createDirectory('/proc/varve/below'),
    (error) => isVarveError(error, 'IO'),
  );
});
