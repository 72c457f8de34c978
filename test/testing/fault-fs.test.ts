import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, Fs } from '../../src/fs/port.ts';
import { CrashFs, FaultFs, type FaultOperation, SeededRandom } from '../../src/testing/index.ts';

const failed = (code: 'IO' | 'NOSPACE') => (error: unknown) =>
  isVarveError(error, code) && error.message.startsWith('injected');

function writeByte(file: FileHandle, value: number, position: number): void {
  file.write(Uint8Array.of(value), 0, 1, position);
}

/** Calls every operation that can fail once, `write` twice. @returns the number of calls */
async function everyOperation(fs: Fs): Promise<number> {
  fs.createDirectory('d');
  const lock = await fs.lock('d/LOCK');
  const file = fs.open('d/a', 'create');
  try {
    writeByte(file, 1, 0);
    writeByte(file, 2, 1);
    file.read(new Uint8Array(2), 0, 2, 0);
    file.truncate(1);
    file.sync();
    await file.syncAsync();
    fs.link('d/a', 'd/b');
    fs.rename('d/a', 'd/c');
    fs.remove('d/b');
    fs.syncDirectory('d');
    fs.list('d');
  } finally {
    file.close();
    await lock.release();
  }
  return 14;
}

const operations: FaultOperation[] = [
  'createDirectory',
  'open',
  'read',
  'write',
  'sync',
  'syncAsync',
  'truncate',
  'remove',
  'rename',
  'link',
  'list',
  'lock',
  'syncDirectory',
  'close',
];

test('without rules nothing fails, and calls are counted', async () => {
  const fs = new FaultFs(new MemoryFs());
  const calls = await everyOperation(fs);
  assert.equal(fs.calls(), calls);
  assert.equal(fs.calls('write'), 2);
  assert.equal(fs.calls('rename'), 1);
  assert.equal(fs.faults, 0);
});

for (const operation of operations) {
  test(`${operation} fails on demand, once`, async () => {
    const fs = new FaultFs(new MemoryFs(), [{ operation, effect: 'NOSPACE' }]);
    await assert.rejects(everyOperation(fs), failed('NOSPACE'));
    assert.equal(fs.faults, 1);
    const fresh = new FaultFs(new MemoryFs(), [{ operation, path: () => false }]);
    await everyOperation(fresh);
  });
}

test('a sweep fails every call of a workload in turn and then ends', async () => {
  let n = 1;
  for (; n < 100; n++) {
    const fs = new FaultFs(new MemoryFs());
    fs.failCall(n);
    const outcome = await everyOperation(fs).catch(failed('IO'));
    if (fs.faults === 0) break;
    assert.equal(outcome, true);
    assert.equal(fs.calls(), n);
  }
  assert.equal(n, 15);
});

test('a sweep may be limited to one kind of call', () => {
  const fs = new FaultFs(new MemoryFs());
  const file = fs.open('a', 'create');
  fs.failCall(2, { operation: ['write', 'sync'], times: 2 });
  writeByte(file, 1, 0);
  file.read(new Uint8Array(1), 0, 1, 0);
  assert.throws(() => file.sync(), failed('IO'));
  assert.throws(() => writeByte(file, 1, 1), failed('IO'));
  writeByte(file, 1, 1);
});

test('rules choose by path, skip calls, and last until they are cleared', () => {
  const fs = new FaultFs(new MemoryFs());
  const path = (name: string) => name.endsWith('.wal');
  fs.addRule({ operation: 'write', path, skip: 1, times: Number.POSITIVE_INFINITY });
  const wal = fs.open('1.wal', 'create');
  const table = fs.open('2.sst', 'create');
  writeByte(wal, 1, 0);
  for (let i = 0; i < 3; i++) {
    assert.throws(() => writeByte(wal, 1, 1), failed('IO'));
    writeByte(table, 1, i);
  }
  fs.clearRules();
  writeByte(wal, 1, 1);
  assert.equal(fs.faults, 3);
});

test('of two rules for one call the oldest decides', () => {
  const fs = new FaultFs(new MemoryFs(), [{ effect: 'NOSPACE' }, { effect: 'IO', times: 2 }]);
  assert.throws(() => fs.list(''), failed('NOSPACE'));
  assert.throws(() => fs.list(''), failed('IO'));
  fs.list('');
});

test('a short write leaves its first bytes', () => {
  const inner = new MemoryFs();
  const fs = new FaultFs(inner);
  const file = fs.open('a', 'create');
  fs.addRule({ operation: 'write', shortWriteBytes: 2, effect: 'NOSPACE' });
  assert.throws(() => file.write(Uint8Array.of(1, 2, 3), 0, 3, 0), failed('NOSPACE'));
  assert.equal(inner.open('a', 'read').size(), 2);
});

test('over a CrashFs a failed sync can lose the data for good', () => {
  const disk = new CrashFs();
  const fs = new FaultFs(disk);
  const file = fs.open('a', 'create');
  fs.syncDirectory('');
  writeByte(file, 7, 0);
  fs.addRule({ operation: 'sync', onFault: (call) => disk.loseUnsynced(call.path) });
  assert.throws(() => file.sync(), failed('IO'));
  file.sync();
  assert.equal(file.size(), 1);
  assert.equal(disk.crash('keepAll', new SeededRandom(1)).open('a', 'read').size(), 0);
});
