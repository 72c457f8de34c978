import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, Fs } from '../../src/fs/port.ts';
import {
  CRASH_VARIANTS,
  CrashFs,
  type CrashVariant,
  PowerCut,
  SeededRandom,
} from '../../src/testing/index.ts';

const SEEDS = 200;

/** Content as text, `undefined` without such a file. */
function read(fs: Fs, path: string): string | undefined {
  if (!fs.exists(path)) return undefined;
  const file = fs.open(path, 'read');
  const data = new Uint8Array(file.size());
  file.read(data, 0, data.length, 0);
  file.close();
  return String.fromCharCode(...data);
}

function write(file: FileHandle, text: string, position = 0): void {
  file.write(
    Uint8Array.from(text, (c) => c.charCodeAt(0)),
    0,
    text.length,
    position,
  );
}

/** A file that is durable with its entry. */
function durable(fs: Fs, path: string, text: string): FileHandle {
  const file = fs.open(path, 'create');
  write(file, text);
  file.sync();
  fs.syncDirectory('');
  return file;
}

/** Everything that `observe` sees after a crash of this variant, over many seeds. */
function outcomes<T>(fs: CrashFs, variant: CrashVariant, observe: (disk: MemoryFs) => T): Set<T> {
  const seen = new Set<T>();
  for (let seed = 0; seed < SEEDS; seed++) {
    seen.add(observe(fs.crash(variant, new SeededRandom(seed))));
  }
  return seen;
}

test('synced content under a synced name survives every variant', () => {
  const fs = new CrashFs();
  durable(fs, 'a', 'safe');
  for (const variant of CRASH_VARIANTS) {
    assert.deepEqual([...outcomes(fs, variant, (disk) => read(disk, 'a'))], ['safe'], variant);
  }
});

test('unsynced changes are lost, kept, or there in size only', () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', 'old');
  write(file, 'NEW+', 1);
  write(fs.open('b', 'create'), 'xy');
  const state = (variant: CrashVariant) => {
    const disk = fs.crash(variant, new SeededRandom(1));
    return [read(disk, 'a'), read(disk, 'b')];
  };
  assert.deepEqual(state('dropAll'), ['old', undefined]);
  assert.deepEqual(state('keepAll'), ['oNEW+', 'xy']);
  assert.deepEqual(state('dropWrites'), ['old', '']);
  assert.deepEqual(state('dropEntries'), ['oNEW+', undefined]);
  assert.deepEqual(state('zeros'), ['old\0\0', '\0\0']);
});

test('a synced file without a synced entry is gone', () => {
  const fs = new CrashFs();
  const file = fs.open('a', 'create');
  write(file, 'data');
  file.sync();
  assert.equal(fs.crash('dropAll', new SeededRandom(1)).exists('a'), false);
  fs.syncDirectory('');
  assert.equal(read(fs.crash('dropAll', new SeededRandom(1)), 'a'), 'data');
});

test('a synced entry of an unsynced file leads to an empty file', () => {
  const fs = new CrashFs();
  write(fs.open('a', 'create'), 'data');
  fs.syncDirectory('');
  assert.equal(read(fs.crash('dropAll', new SeededRandom(1)), 'a'), '');
});

test('torn leaves the writes up to any byte, in order', () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', '');
  write(file, '123', 0);
  write(file, '456', 3);
  const seen = outcomes(fs, 'torn', (disk) => read(disk, 'a'));
  assert.deepEqual([...seen].sort(), ['', '1', '12', '123', '1234', '12345', '123456']);
});

test('reorder loses any write and tears at sectors', () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', 'o'.repeat(512));
  write(file, 'A'.repeat(1024), 256);
  write(file, 'B'.repeat(10), 2000);
  const shape = (disk: MemoryFs) =>
    read(disk, 'a')!
      .replace(/(.)\1*/gs, '$1')
      .replaceAll('\0', '0');
  const seen = outcomes(fs, 'reorder', shape);
  // Nothing; the first only; the second only; the first without its last, middle and first sector.
  for (const wanted of ['o', 'oA', 'o0B', 'oA0B', 'o0A0B', 'oA0A']) {
    assert.ok(seen.has(wanted), `${wanted} in ${[...seen]}`);
  }
  for (let seed = 0; seed < SEEDS; seed++) {
    const text = read(fs.crash('reorder', new SeededRandom(seed)), 'a')!;
    const borders = [...text.slice(1)].flatMap((c, i) => (c === text[i] ? [] : [i + 1]));
    for (const at of borders) assert.ok(at % 512 === 0 || [256, 1280, 2000].includes(at), `${at}`);
  }
});

test('a truncation is lost or kept', () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', 'long text');
  file.truncate(4);
  for (const variant of ['torn', 'reorder'] as const) {
    const seen = outcomes(fs, variant, (disk) => read(disk, 'a'));
    assert.deepEqual([...seen].sort(), ['long', 'long text']);
  }
});

test('an unsynced removal is kept or undone', () => {
  const fs = new CrashFs();
  durable(fs, 'a', 'x').close();
  fs.remove('a');
  assert.deepEqual([...outcomes(fs, 'dropAll', (disk) => read(disk, 'a'))], ['x']);
  assert.deepEqual([...outcomes(fs, 'keepAll', (disk) => read(disk, 'a'))], [undefined]);
  assert.equal(outcomes(fs, 'reorder', (disk) => read(disk, 'a')).size, 2);
  fs.syncDirectory('');
  assert.deepEqual([...outcomes(fs, 'dropAll', (disk) => read(disk, 'a'))], [undefined]);
});

test('an unsynced rename leaves the old or the new names, never a mixture', () => {
  const fs = new CrashFs();
  durable(fs, 'from', 'new').close();
  durable(fs, 'to', 'old').close();
  fs.rename('from', 'to');
  const names = (disk: MemoryFs) => `${read(disk, 'from')} ${read(disk, 'to')}`;
  assert.deepEqual([...outcomes(fs, 'dropAll', names)], ['new old']);
  for (const variant of ['torn', 'reorder'] as const) {
    assert.deepEqual([...outcomes(fs, variant, names)].sort(), ['new old', 'undefined new']);
  }
});

test('a rename between directories needs both of them synced', () => {
  const fs = new CrashFs();
  fs.createDirectory('d');
  durable(fs, 'a', 'x').close();
  fs.rename('a', 'd/a');
  const names = (disk: MemoryFs) => `${read(disk, 'a')} ${read(disk, 'd/a')}`;
  fs.syncDirectory('d');
  assert.deepEqual([...outcomes(fs, 'dropAll', names)], ['x x']);
  fs.syncDirectory('');
  assert.deepEqual([...outcomes(fs, 'dropAll', names)], ['undefined x']);
});

test('entries of one directory may survive in any combination', () => {
  const fs = new CrashFs();
  for (const name of ['a', 'b', 'c']) fs.open(name, 'create').close();
  const names = (disk: MemoryFs) => disk.list('').sort().join('');
  assert.equal(outcomes(fs, 'reorder', names).size, 8);
  assert.deepEqual([...outcomes(fs, 'torn', names)].sort(), ['', 'a', 'ab', 'abc']);
});

test('hard links survive as two names of one file', () => {
  const fs = new CrashFs();
  durable(fs, 'a', 'x').close();
  fs.link('a', 'b');
  fs.syncDirectory('');
  const disk = fs.crash('dropAll', new SeededRandom(1));
  const file = disk.open('a', 'update');
  write(file, 'y');
  assert.equal(read(disk, 'b'), 'y');
});

test('syncAsync covers the writes before the call and no later ones', async () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', '');
  write(file, '1', 0);
  const synced = file.syncAsync();
  write(file, '2', 1);
  assert.deepEqual([...outcomes(fs, 'dropAll', (disk) => read(disk, 'a'))], ['']);
  await synced;
  assert.deepEqual([...outcomes(fs, 'dropAll', (disk) => read(disk, 'a'))], ['1']);
  assert.deepEqual([...outcomes(fs, 'torn', (disk) => read(disk, 'a'))].sort(), ['1', '12']);
});

test('the power goes in the chosen operation and stays off', async () => {
  const fs = new CrashFs();
  const file = fs.open('a', 'create');
  const before = fs.operations;
  fs.cutAfter(2);
  write(file, '1', 0);
  assert.equal(file.size(), 1);
  assert.throws(() => write(file, '2', 1), PowerCut);
  assert.equal(fs.isOff, true);
  assert.equal(fs.operations, before + 2);
  const later: (() => unknown)[] = [
    () => file.read(new Uint8Array(1), 0, 1, 0),
    () => file.size(),
    () => file.sync(),
    () => fs.open('a', 'read'),
    () => fs.exists('a'),
    () => fs.list(''),
    () => fs.remove('a'),
    () => fs.syncDirectory(''),
  ];
  for (const action of later) assert.throws(action, PowerCut);
  await assert.rejects(file.syncAsync(), PowerCut);
  await assert.rejects(fs.lock('LOCK'), PowerCut);
  file.close();
  assert.equal(isVarveError(new PowerCut('x')), false);
});

test('the interrupted operation may have happened or not', async () => {
  const interrupted: Record<string, (fs: CrashFs, file: FileHandle) => void> = {
    write: (_, file) => write(file, 'NEW'),
    sync: (_, file) => file.sync(),
    truncate: (_, file) => file.truncate(1),
    create: (fs) => fs.open('b', 'create'),
    remove: (fs) => fs.remove('a'),
    rename: (fs) => fs.rename('a', 'b'),
    syncDirectory: (fs) => fs.syncDirectory(''),
  };
  for (const [name, operation] of Object.entries(interrupted)) {
    const fs = new CrashFs();
    const file = durable(fs, 'a', 'old');
    if (name === 'sync') write(file, 'NEW');
    if (name === 'syncDirectory') fs.remove('a');
    fs.cutAfter(1);
    assert.throws(() => operation(fs, file), PowerCut);
    const names = (disk: MemoryFs) => `${read(disk, 'a')} ${read(disk, 'b')}`;
    for (const variant of ['torn', 'reorder'] as const) {
      const seen = outcomes(fs, variant, names);
      assert.ok(seen.size >= 2, `${name} ${variant}: ${[...seen]}`);
    }
  }
});

test('a sync that ends after the power has gone does not succeed', async () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', '');
  write(file, '1');
  const synced = file.syncAsync();
  fs.cutAfter(1);
  assert.throws(() => fs.open('b', 'create'), PowerCut);
  await assert.rejects(synced, PowerCut);
  assert.equal(read(fs.crash('dropAll', new SeededRandom(1)), 'a'), '');
  assert.equal(outcomes(fs, 'zeros', (disk) => read(disk, 'a')).size, 2);
});

test('lost unsynced data stays readable and is never made durable', () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', 'x');
  write(file, 'LOST', 1);
  fs.loseUnsynced('a');
  write(file, 'z', 5);
  file.sync();
  assert.equal(read(fs, 'a'), 'xLOSTz');
  assert.equal(read(fs.crash('keepAll', new SeededRandom(1)), 'a'), 'x\0\0\0\0z');
});

test('what a full disk took of a write is lost and kept like any other', () => {
  const fs = new CrashFs(new MemoryFs({ capacityBytes: 5 }));
  const file = durable(fs, 'a', 'abc');
  assert.throws(
    () => write(file, 'defg', 3),
    (error) => isVarveError(error, 'NOSPACE'),
  );
  assert.equal(read(fs.crash('dropAll', new SeededRandom(1)), 'a'), 'abc');
  file.sync();
  assert.equal(read(fs.crash('dropAll', new SeededRandom(1)), 'a'), 'abcde');
});

test('a crash can follow a crash', () => {
  const first = new CrashFs();
  durable(first, 'dir-less', 'one').close();
  first.createDirectory('/d');
  const second = new CrashFs(first.crash('dropAll', new SeededRandom(1)));
  assert.equal(read(second.crash('dropAll', new SeededRandom(1)), 'dir-less'), 'one');
  const file = second.open('dir-less', 'update');
  write(file, 'two');
  assert.equal(read(second.crash('dropAll', new SeededRandom(1)), 'dir-less'), 'one');
  assert.equal(read(first, 'dir-less'), 'one');
  assert.equal(second.exists('d'), true);
});

test('the same seed gives the same crash', () => {
  const fs = new CrashFs();
  const file = durable(fs, 'a', '');
  for (let i = 0; i < 50; i++) write(file, String(i).repeat(40), i * 70);
  for (const variant of CRASH_VARIANTS) {
    const twice = [7, 7].map((seed) => read(fs.crash(variant, new SeededRandom(seed)), 'a'));
    assert.equal(twice[0], twice[1]);
  }
});

/** Appends records to three logs and syncs some; keeps the acknowledged sizes in `synced`. */
function appendLogs(fs: CrashFs, seed: number, synced: Map<string, number>): void {
  const random = new SeededRandom(seed);
  for (let log = 0; log < 3; log++) {
    const path = `log-${log}`;
    const file = fs.open(path, 'create');
    fs.syncDirectory('');
    synced.set(path, 0);
    let size = 0;
    for (let i = 0; i < 12; i++) {
      const record = String.fromCharCode(97 + i).repeat(1 + random.below(700));
      write(file, record, size);
      size += record.length;
      if (random.chance(0.4)) {
        file.sync();
        synced.set(path, size);
      }
    }
    file.close();
  }
}

test('at every cut point of a workload the acknowledged bytes survive all variants', () => {
  const whole = new CrashFs();
  appendLogs(whole, 1, new Map());
  let crashes = 0;
  for (let cut = 1; cut <= whole.operations; cut++) {
    const fs = new CrashFs();
    fs.cutAfter(cut);
    const synced = new Map<string, number>();
    assert.throws(() => appendLogs(fs, 1, synced), PowerCut);
    for (const variant of CRASH_VARIANTS) {
      const disk = fs.crash(variant, new SeededRandom(cut));
      crashes++;
      for (const [path, size] of synced) {
        const expected = read(whole, path)!.slice(0, size);
        assert.equal(read(disk, path)?.slice(0, size), expected, `${variant} at ${cut}`);
      }
    }
  }
  assert.ok(crashes > 300);
});
