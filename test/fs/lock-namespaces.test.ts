/**
 * Owners that see another system: another boot id, other process ids, another user. What this
 * machine does not permit to set up is left out with a note; node-owner.test.ts has the rules.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isVarveError } from '../../src/errors.ts';
import { acquireNodeLock, breakNodeLock, inspectNodeLock } from '../../src/fs/node-lock.ts';
import { Child, childFile, lockedBy, newDirectory } from './lock-fixture.ts';

const NOBODY = 65_534;

/** Runs what follows with a boot id of its own, as LXC and systemd-nspawn do. */
function withOwnBootId(t: TestContext): string[] | undefined {
  const file = join(newDirectory(t), 'boot-id');
  fs.writeFileSync(file, '11111111-2222-3333-4444-555555555555\n');
  const script = `mount --bind ${file} /proc/sys/kernel/random/boot_id && exec "$@"`;
  return usable(['unshare', '-m', 'sh', '-c', script, 'sh']);
}

/** Runs what follows where process ids begin anew, as in a container. */
function withOwnProcessIds(): string[] | undefined {
  return usable(['unshare', '-p', '-f', '--kill-child', '--mount-proc']);
}

/** The command if this machine permits it. */
function usable(command: string[]): string[] | undefined {
  const [program, ...args] = [...command, 'true'];
  return spawnSync(program!, args).status === 0 ? command : undefined;
}

/** The user of the next process; undefined where this one may not say so. */
function otherUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = { uid: NOBODY, gid: NOBODY };
  const args = ['--check', fileURLToPath(childFile)];
  return spawnSync(process.execPath, args, user).status === 0 ? user : undefined;
}

/** A directory that every user may write to. */
function openDirectory(t: TestContext): string {
  const directory = newDirectory(t);
  fs.chmodSync(directory, 0o777);
  return directory;
}

test('a living owner with another boot id keeps the lock, either way round', async (t) => {
  const wrapper = withOwnBootId(t);
  if (wrapper === undefined) return t.diagnostic('no mount namespaces here');
  const path = join(newDirectory(t), 'LOCK');
  const guest = new Child(t, path, 'socket', { wrapper });
  const own = await acquireNodeLock(path);
  assert.match(await guest.ask('take'), /^LOCKED/);
  await own.release();
  assert.equal(await guest.ask('take'), 'held');
  const record = JSON.parse(fs.readFileSync(path, 'utf8'));
  assert.match(record.bootId, /^11111111/);
  await assert.rejects(acquireNodeLock(path), lockedBy(/held by process/));
  await assert.rejects(breakNodeLock(path), lockedBy(/held by process/));
  await guest.kill();
  await (await acquireNodeLock(path)).release();
});

test('a container is kept out, and free at once when it is killed', async (t) => {
  const wrapper = withOwnProcessIds();
  if (wrapper === undefined) return t.diagnostic('no pid namespaces here');
  const path = join(newDirectory(t), 'LOCK');
  const guest = new Child(t, path, 'socket', { wrapper });
  assert.equal(await guest.ask('take'), 'held');
  await assert.rejects(acquireNodeLock(path), lockedBy(/held by process/));
  await guest.kill();
  await (await acquireNodeLock(path)).release();
});

test('without sockets a container cannot be judged, and its lock is broken by hand', async (t) => {
  const wrapper = withOwnProcessIds();
  if (wrapper === undefined) return t.diagnostic('no pid namespaces here');
  const path = join(newDirectory(t), 'LOCK');
  const guest = new Child(t, path, 'process', { wrapper });
  assert.equal(await guest.ask('take'), 'held');
  await assert.rejects(acquireNodeLock(path), lockedBy(/cannot be told.*another container/));
  assert.equal((await inspectNodeLock(path)).life, 'unknown');
  assert.equal(await guest.ask('check'), 'held');
  await breakNodeLock(path);
  assert.match(await guest.ask('check'), /^DETACHED/);
  const own = await acquireNodeLock(path);
  assert.match(await guest.ask('release'), /released/);
  await assert.rejects(acquireNodeLock(path), lockedBy(/held by process/));
  await own.release();
  assert.equal((await inspectNodeLock(path)).state, 'free');
});

test('an owner of another user answers too', async (t) => {
  const user = otherUser();
  if (user === undefined) return t.diagnostic('no other user here');
  const directory = openDirectory(t);
  const path = join(directory, 'LOCK');
  const stranger = new Child(t, path, 'socket', { user });
  const own = await acquireNodeLock(path);
  assert.match(await stranger.ask('take'), /^LOCKED/);
  assert.match(await stranger.ask('look'), /answers at its socket/);
  await own.release();
});

test('an owner whose socket is closed to us is judged by its process', async (t) => {
  const user = otherUser();
  if (user === undefined) return t.diagnostic('no other user here');
  const directory = openDirectory(t);
  const path = join(directory, 'LOCK');
  const owner = new Child(t, path);
  const stranger = new Child(t, path, 'socket', { user });
  assert.equal(await owner.ask('take'), 'held');
  const socket = fs.readdirSync(directory).find((name) => name.endsWith('.socket'))!;
  fs.chmodSync(join(directory, socket), 0o600);
  assert.match(await stranger.ask('take'), /^LOCKED/);
  await owner.kill();
  assert.equal(await stranger.ask('take'), 'held');
});

test('the lock of an owner that lives is not broken', async (t) => {
  const path = join(newDirectory(t), 'LOCK');
  for (const method of ['socket', 'process'] as const) {
    const lock = await acquireNodeLock(path, method);
    const state = await inspectNodeLock(path);
    assert.equal(state.state, 'held');
    assert.match(state.owner, new RegExp(`process ${process.pid} `));
    // Where start times are hidden a process cannot be told from its successor.
    const isCertain = method === 'socket' || fs.existsSync('/proc/self/stat');
    if (isCertain) {
      assert.equal(state.life, 'alive');
      await assert.rejects(breakNodeLock(path), (error) => isVarveError(error, 'LOCKED'));
    }
    await lock.release();
    assert.equal((await inspectNodeLock(path)).state, 'free');
  }
});

test('a socket that was swept away does not give the lock to another', async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, 'LOCK');
  if (!fs.existsSync('/proc/self/stat')) return t.diagnostic('start times are hidden here');
  const owner = new Child(t, path);
  assert.equal(await owner.ask('take'), 'held');
  for (const name of fs.readdirSync(directory)) {
    if (name.endsWith('.socket')) fs.rmSync(join(directory, name));
  }
  await assert.rejects(acquireNodeLock(path), lockedBy(/held by process/));
  // The same files elsewhere are a copy, which nobody holds.
  const copy = join(newDirectory(t), 'LOCK');
  fs.copyFileSync(path, copy);
  await (await acquireNodeLock(copy)).release();
  await owner.kill();
  await (await acquireNodeLock(path)).release();
});

test('a release without room for its record frees the lock all the same', async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, 'LOCK');
  const lock = await acquireNodeLock(path);
  const { token } = JSON.parse(fs.readFileSync(path, 'utf8'));
  // In the way of the record: it cannot be written, as on a full disk.
  fs.mkdirSync(`${path}.${token}.released`);
  await lock.release();
  assert.equal((await inspectNodeLock(path)).state, 'free');
  await (await acquireNodeLock(path)).release();
});
