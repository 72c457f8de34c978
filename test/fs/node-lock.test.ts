import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isVarveError } from '../../src/errors.ts';
import { acquireNodeLock, type LivenessMethod } from '../../src/fs/node-lock.ts';
import { Child, childFile, lockedBy, newDirectory } from './lock-fixture.ts';

const methods: LivenessMethod[] = ['socket', 'process'];

for (const method of methods) {
  test(`a second open in one process is refused (${method})`, async (t) => {
    const path = join(newDirectory(t), 'LOCK');
    const lock = await acquireNodeLock(path, method);
    await assert.rejects(acquireNodeLock(path, method), lockedBy(new RegExp(`${process.pid}`)));
    await lock.release();
  });

  test(`the error names process, command, host and time of the owner (${method})`, async (t) => {
    const path = join(newDirectory(t), 'LOCK');
    const child = new Child(t, path, method);
    assert.equal(await child.ask('take'), 'held');
    const owner = `process ${child.process.pid} \\(node .*lock-child.* on ${hostname()} since 20`;
    await assert.rejects(acquireNodeLock(path, method), lockedBy(new RegExp(owner)));
    await child.ask('release');
    await (await acquireNodeLock(path, method)).release();
  });

  test(`the lock of a killed process is free at once (${method})`, async (t) => {
    const path = join(newDirectory(t), 'LOCK');
    const child = new Child(t, path, method);
    assert.equal(await child.ask('take'), 'held');
    await child.kill();
    const lock = await acquireNodeLock(path, method);
    await lock.release();
    assert.deepEqual(fs.readdirSync(join(path, '..')), ['LOCK']);
  });

  test(`an owner that blocks its event loop is alive (${method})`, async (t) => {
    const path = join(newDirectory(t), 'LOCK');
    const child = new Child(t, path, method);
    await child.ask('take');
    assert.equal(await child.ask('block'), 'blocked');
    for (let i = 0; i < 20; i++) {
      await assert.rejects(acquireNodeLock(path, method), lockedBy(/held by process/));
    }
  });

  test(`of twelve processes that find a dead owner exactly one wins (${method})`, async (t) => {
    const path = join(newDirectory(t), 'LOCK');
    let contenders = Array.from({ length: 12 }, () => new Child(t, path, method));
    // Every winner is killed and leaves a stale lock for the rest.
    while (contenders.length > 0) {
      const answers = await Promise.all(contenders.map((child) => child.ask('take')));
      const winners = contenders.filter((_, i) => answers[i] === 'held');
      assert.equal(winners.length, 1, answers.join('\n'));
      const losers = answers.filter((answer) => answer.startsWith('LOCKED'));
      assert.equal(losers.length, contenders.length - 1, answers.join('\n'));
      await winners[0]!.kill();
      contenders = contenders.filter((child) => child !== winners[0]);
    }
    await (await acquireNodeLock(path, method)).release();
    assert.deepEqual(fs.readdirSync(join(path, '..')), ['LOCK']);
  });

  test(`taking and releasing a hundred times leaves one file (${method})`, async (t) => {
    const directory = newDirectory(t);
    for (let i = 0; i < 100; i++) {
      const lock = await acquireNodeLock(join(directory, 'LOCK'), method);
      await lock.release();
    }
    assert.deepEqual(fs.readdirSync(directory), ['LOCK']);
  });
}

test('a worker thread is kept out, and its lock ends with it', async (t) => {
  const path = join(newDirectory(t), 'LOCK');
  const worker = new Worker(childFile, { workerData: [path, 'socket'] });
  t.after(() => worker.terminate());
  const ask = async (line: string): Promise<string> => {
    worker.postMessage(line);
    const [reply] = await once(worker, 'message');
    return reply;
  };
  const own = await acquireNodeLock(path);
  assert.match(await ask('take'), /^LOCKED/);
  await own.release();
  assert.equal(await ask('take'), 'held');
  await assert.rejects(acquireNodeLock(path), lockedBy(/worker thread \d/));
  await worker.terminate();
  await (await acquireNodeLock(path)).release();
});

test('a directory path longer than a socket address works', async (t) => {
  const directory = join(newDirectory(t), 'x'.repeat(120), 'y'.repeat(120));
  fs.mkdirSync(directory, { recursive: true });
  const path = join(directory, 'LOCK');
  const child = new Child(t, path);
  assert.equal(await child.ask('take'), 'held');
  await assert.rejects(acquireNodeLock(path), lockedBy(/held by process/));
  await child.kill();
  await (await acquireNodeLock(path)).release();
  assert.deepEqual(fs.readdirSync(directory), ['LOCK']);
});

test('an owner from before the last boot is dead', async (t) => {
  const path = join(newDirectory(t), 'LOCK');
  const lock = await acquireNodeLock(path, 'process');
  const record = JSON.parse(fs.readFileSync(path, 'utf8'));
  if (record.bootId === '') return t.diagnostic('this platform does not tell its boot id');
  fs.writeFileSync(path, JSON.stringify({ ...record, bootId: 'another' }));
  await (await acquireNodeLock(path)).release();
  await lock.release();
});

test('a recycled process id does not keep the lock', async (t) => {
  const path = join(newDirectory(t), 'LOCK');
  const lock = await acquireNodeLock(path, 'process');
  const record = JSON.parse(fs.readFileSync(path, 'utf8'));
  if (record.startTime === '') return t.diagnostic('this platform does not tell start times');
  fs.writeFileSync(path, JSON.stringify({ ...record, startTime: '1' }));
  await (await acquireNodeLock(path)).release();
  await lock.release();
});

test('a lock file with any other content counts as free', async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, 'LOCK');
  const lock = await acquireNodeLock(path);
  const record = fs.readFileSync(path, 'utf8');
  await lock.release();
  const contents = ['', 'null', '[1]', record.slice(0, -9), record.replace(/"token":"/, '$&../')];
  contents.push('\0'.repeat(400));
  for (const pid of [-1, 0, 1.5, 1e12]) contents.push(record.replace(/"pid":\d+/, `"pid":${pid}`));
  for (const text of contents) {
    fs.writeFileSync(path, text);
    await (await acquireNodeLock(path)).release();
    assert.deepEqual(fs.readdirSync(directory), ['LOCK']);
  }
});

test('owners that died while they took over are passed, and cleared away', async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, 'LOCK');
  await (await acquireNodeLock(path)).release();
  let record = JSON.parse(fs.readFileSync(path, 'utf8'));
  for (const token of ['00000000000000aa', '00000000000000bb']) {
    const claim = `${path}.after-${record.token}`;
    // Of a process that has ended.
    record = { ...record, token, state: 'held', socket: true, startTime: '1' };
    fs.mkdirSync(claim);
    fs.writeFileSync(join(claim, 'owner'), JSON.stringify(record));
  }
  fs.mkdirSync(`${path}.${record.token}.new`);
  const lock = await acquireNodeLock(path);
  await assert.rejects(acquireNodeLock(path), lockedBy(/held by process/));
  await lock.release();
  assert.deepEqual(fs.readdirSync(directory), ['LOCK']);
});

test('a missing directory is an IO error', async (t) => {
  const path = join(newDirectory(t), 'missing', 'LOCK');
  await assert.rejects(acquireNodeLock(path), (error) => isVarveError(error, 'IO'));
});

test('a lock does not keep its process running', async (t) => {
  const path = join(newDirectory(t), 'LOCK');
  const child = new Child(t, path);
  assert.equal(await child.ask('take'), 'held');
  child.process.stdin!.end();
  const [code] = await once(child.process, 'exit');
  assert.equal(code, 0);
  await (await acquireNodeLock(path)).release();
});

test('leftovers of dead owners go, and nothing else that begins with LOCK', async (t) => {
  const directory = newDirectory(t);
  const path = join(directory, 'LOCK');
  const token = '0123456789abcdef';
  const theirs = ['LOCK.d', 'LOCK.md', 'LOCK.old.socket', 'LOCKS', 'LOCK.abc.released'];
  for (const name of theirs) {
    if (name.endsWith('.d')) fs.mkdirSync(join(directory, name));
    else fs.writeFileSync(join(directory, name), '');
  }
  for (const name of [`${token}.socket`, `${token}.released`])
    fs.writeFileSync(`${path}.${name}`, '');
  for (const name of [`${token}.new`, `after-${token}`, 'after-unreadable-unreadable']) {
    fs.mkdirSync(`${path}.${name}`);
    fs.writeFileSync(`${path}.${name}/owner`, '');
  }
  await (await acquireNodeLock(path)).release();
  assert.deepEqual(fs.readdirSync(directory).sort(), ['LOCK', ...theirs].sort());
});
