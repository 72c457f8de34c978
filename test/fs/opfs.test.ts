/**
 * Files in OPFS, in a browser of the tests.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { mountOpfs, type OpfsFs, type OpfsOptions } from '../../src/fs/opfs.ts';
import type { Fs } from '../../src/fs/port.ts';
import { CRASH_VARIANTS, CrashFs, SeededRandom } from '../../src/testing/index.ts';
import { TestBrowser } from './opfs-browser.ts';

const DIRECTORY = 'varve';
const HANDLES_MAX = 8;

function mount(disk: Fs, options: Partial<OpfsOptions> = {}): Promise<OpfsFs> {
  const platform = options.platform ?? new TestBrowser(disk);
  return mountOpfs({ directory: DIRECTORY, handlesMax: HANDLES_MAX, ...options, platform });
}

function fill(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 0xff);
}

function put(fs: Fs, path: string, data: Uint8Array): void {
  const file = fs.open(path, fs.exists(path) ? 'update' : 'create');
  file.truncate(0);
  file.write(data, 0, data.length, 0);
  file.close();
}

function get(fs: Fs, path: string): Uint8Array {
  const file = fs.open(path, 'read');
  const data = new Uint8Array(file.size());
  file.read(data, 0, data.length, 0);
  file.close();
  return data;
}

function contents(fs: Fs): Map<string, string> {
  const all = new Map<string, string>();
  for (const name of fs.list('d').sort()) all.set(name, get(fs, `d/${name}`).join());
  return all;
}

test('wrong options are the mistake of the caller', async () => {
  const platform = new TestBrowser(new MemoryFs());
  const wrong = [undefined, {}, { directory: 7 }, { directory: 'a', handles: 9 }];
  for (const options of [...wrong, { directory: 'a', persist: 1 }]) {
    await assert.rejects(
      mountOpfs({ ...options, ...(options && { platform }) } as never),
      TypeError,
    );
  }
  for (const options of [{ directory: '/' }, { directory: 'a', handlesMax: 7 }]) {
    await assert.rejects(mountOpfs({ ...options, platform }), RangeError);
  }
});

test('a runtime without OPFS is told so', async () => {
  await assert.rejects(mountOpfs({ directory: 'a' }), (error: unknown) => {
    assert.ok(isVarveError(error, 'UNSUPPORTED'));
    assert.match(error.message, /origin private file system/);
    return true;
  });
});

test('a directory has one mount at a time, and closed ones refuse everything', async () => {
  const platform = new TestBrowser(new MemoryFs());
  const first = await mount(platform.disk, { platform });
  await assert.rejects(mount(platform.disk, { platform }), { code: 'LOCKED' });
  first.createDirectory('d');
  put(first, 'd/a', fill(9, 1));
  const file = first.open('d/a', 'read');
  await first.close();
  await first.close();
  assert.equal(platform.open.size, 0);
  assert.throws(() => file.read(new Uint8Array(1), 0, 1, 0), { code: 'CLOSED' });
  assert.throws(() => first.list('d'), { code: 'CLOSED' });
  assert.throws(() => first.open('d/b', 'create'), { code: 'CLOSED' });
  const second = await mount(platform.disk, { platform });
  assert.deepEqual(get(second, 'd/a'), fill(9, 1));
  await second.close();
});

test('a mount that waits for another one has what that one wrote to the end', async () => {
  const platform = new TestBrowser(new MemoryFs());
  // A worker that is being ended may have given up its lock, and still have its files.
  platform.hold = async () => () => {};
  const handlesMax = 64;
  const first = await mount(platform.disk, { platform, handlesMax });
  const waiting = mount(platform.disk, { platform, handlesMax });
  first.createDirectory('d');
  for (let n = 0; n < 40; n++) {
    put(first, `d/${n}`, fill(100, n));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await first.close();
  const second = await waiting;
  assert.deepEqual(second.lostPaths, []);
  for (let n = 0; n < 40; n++) assert.deepEqual(get(second, `d/${n}`), fill(100, n));
  await second.close();
});

test('a failed mount gives everything back', async () => {
  const platform = new TestBrowser(new MemoryFs());
  platform.handlesMax = 3;
  await assert.rejects(mount(platform.disk, { platform }), { code: 'IO' });
  assert.equal(platform.open.size, 0);
  platform.handlesMax = 252;
  await (await mount(platform.disk, { platform })).close();
});

test('files beyond the limit share those of the browser; their space is used again', async () => {
  const platform = new TestBrowser(new MemoryFs());
  const fs = await mount(platform.disk, { platform });
  fs.createDirectory('d');
  for (let round = 0; round < 50; round++) {
    for (let n = 0; n < 40; n++) put(fs, `d/${n}`, fill(100 + n, n + round));
    for (let n = 0; n < 40; n++) assert.deepEqual(get(fs, `d/${n}`), fill(100 + n, n + round));
    for (let n = 0; n < 40; n++) fs.remove(`d/${n}`);
    fs.syncDirectory('d');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(platform.open.size <= HANDLES_MAX, `${platform.open.size} open files`);
  assert.ok(platform.creationCount <= HANDLES_MAX, `${platform.creationCount} creations`);
  let bytes = 0;
  for (const name of platform.disk.list(`/opfs/${DIRECTORY}`)) {
    if (name.startsWith('c')) bytes += get(platform.disk, `/opfs/${DIRECTORY}/${name}`).length;
  }
  assert.equal(bytes, 0);
  await fs.close();
});

test('a loop that never awaits creates files though all others are being written', async () => {
  const platform = new TestBrowser(new MemoryFs());
  const fs = await mount(platform.disk, { platform });
  fs.createDirectory('d');
  const files = Array.from({ length: 60 }, (_, n) => fs.open(`d/${n}`, 'create'));
  for (let at = 0; at < 300; at += 100) {
    for (const [n, file] of files.entries()) file.write(fill(100, n + at), 0, 100, at);
  }
  for (const file of files) file.close();
  await fs.close();
  const again = await mount(platform.disk, { platform });
  for (const n of files.keys()) {
    for (let at = 0; at < 300; at += 100) {
      assert.deepEqual(get(again, `d/${n}`).subarray(at, at + 100), fill(100, n + at));
    }
  }
  await again.close();
});

test('an empty file and the one that begins at the same place are both found', async () => {
  const disk = new MemoryFs();
  const fs = await mount(disk);
  fs.createDirectory('d');
  for (let n = 0; n < 30; n++) put(fs, `d/${n}`, fill(n % 3 === 0 ? 0 : 10, n));
  for (let n = 0; n < 30; n += 3) fs.rename(`d/${n}`, `d/x${n}`);
  const expected = contents(fs);
  await fs.close();
  const again = await mount(disk);
  assert.deepEqual(contents(again), expected);
  assert.deepEqual(again.lostPaths, []);
  await again.close();
});

type Step =
  | { do: 'put'; name: number; length: number; seed: number }
  | { do: 'append'; name: number; length: number; seed: number }
  | { do: 'truncate'; name: number; length: number }
  | { do: 'remove'; name: number }
  | { do: 'rename'; name: number; to: number }
  | { do: 'sync' }
  | { do: 'syncFile'; name: number }
  | { do: 'turn' }
  | { do: 'remount' };

const name = fc.nat({ max: 15 });
const length = fc.nat({ max: 2000 });
const seed = fc.nat({ max: 200 });
const changes = [
  fc.record({ do: fc.constant('put' as const), name, length, seed }),
  fc.record({ do: fc.constant('append' as const), name, length, seed }),
  fc.record({ do: fc.constant('truncate' as const), name, length }),
  fc.record({ do: fc.constant('remove' as const), name }),
  fc.record({ do: fc.constant('rename' as const), name, to: name }),
  fc.record({ do: fc.constant('syncFile' as const), name }),
  fc.record({ do: fc.constant('turn' as const) }),
];
const step: fc.Arbitrary<Step> = fc.oneof(
  ...changes,
  fc.record({ do: fc.constant('sync' as const) }),
  fc.record({ do: fc.constant('remount' as const) }),
);
const change: fc.Arbitrary<Step> = fc.oneof(...changes);

/** Does a step on any file system, as far as it makes sense there. */
function perform(fs: Fs, step: Step): void {
  if (step.do === 'sync') syncAll(fs);
  if (!('name' in step)) return;
  const path = `d/${step.name}`;
  if (step.do === 'put') put(fs, path, fill(step.length, step.seed));
  else if (fs.exists(path)) changeFile(fs, path, step);
}

function syncAll(fs: Fs): void {
  for (const each of fs.list('d')) syncFile(fs, `d/${each}`);
  fs.syncDirectory('d');
}

function syncFile(fs: Fs, path: string): void {
  const file = fs.open(path, 'update');
  file.sync();
  file.close();
}

function changeFile(fs: Fs, path: string, step: Step): void {
  if (step.do === 'remove') fs.remove(path);
  if (step.do === 'rename') fs.rename(path, `d/${step.to}`);
  if (step.do === 'syncFile') syncFile(fs, path);
  if (step.do !== 'append' && step.do !== 'truncate') return;
  const file = fs.open(path, 'update');
  if (step.do === 'append') file.write(fill(step.length, step.seed), 0, step.length, file.size());
  else file.truncate(step.length);
  file.close();
}

test('any changes and mounts leave what a file system in memory has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const disk = new MemoryFs();
      const model = new MemoryFs();
      let fs = await mount(disk);
      for (const each of [fs, model]) each.createDirectory('d');
      for (const each of steps) {
        perform(fs, each);
        perform(model, each);
        if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve));
        if (each.do !== 'remount') continue;
        await fs.close();
        fs = await mount(disk);
        assert.deepEqual(contents(fs), contents(model));
      }
      assert.deepEqual(contents(fs), contents(model));
      await fs.close();
    }),
    { numRuns: 60 },
  );
});

/** What must be on the disk, whatever a power cut takes. */
class Durable {
  /** Content by name, as it was synced; undefined where it has changed since. */
  readonly contents: Map<string, string | undefined>;
  /** Names that lead to something else since they were synced. */
  readonly #renamed: Set<string>;

  constructor(contents: Map<string, string>) {
    this.contents = contents;
    this.#renamed = new Set();
  }

  /** Before a step. */
  begin(fs: Fs, step: Step): void {
    if (!('name' in step) || step.do === 'syncFile') return;
    const isPut = step.do === 'put' && !fs.exists(`d/${step.name}`);
    if (isPut || step.do === 'remove' || step.do === 'rename') this.#renamed.add(`${step.name}`);
    this.contents.set(`${step.name}`, undefined);
    if (!('to' in step)) return;
    this.#renamed.add(`${step.to}`);
    this.contents.set(`${step.to}`, undefined);
  }

  /** After it. */
  end(fs: Fs, step: Step): void {
    if (step.do !== 'syncFile' || !fs.exists(`d/${step.name}`)) return;
    const synced = get(fs, `d/${step.name}`).join();
    if (!this.#renamed.has(`${step.name}`)) this.contents.set(`${step.name}`, synced);
  }
}

test('a power cut takes nothing that was synced and not changed since', async () => {
  const before = fc.array(change, { minLength: 10, maxLength: 40 });
  const after = fc.array(change, { maxLength: 30 });
  const plans = fc.record({ before, after, cut: fc.nat({ max: 120 }), seed: fc.nat() });
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const disk = new CrashFs();
      const fs = await mount(disk);
      fs.createDirectory('d');
      for (const each of plan.before) perform(fs, each);
      perform(fs, { do: 'sync' });
      const durable = new Durable(contents(fs));
      disk.cutAfter(plan.cut + 1);
      try {
        for (const each of plan.after) {
          durable.begin(fs, each);
          perform(fs, each);
          durable.end(fs, each);
          if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve));
        }
      } catch (error) {
        if (!disk.isOff) throw error;
      }
      for (const variant of CRASH_VARIANTS) {
        const left = await mount(disk.crash(variant, new SeededRandom(plan.seed)));
        const found = contents(left);
        for (const [each, content] of durable.contents) {
          if (content !== undefined) assert.equal(found.get(each), content, `${each}, ${variant}`);
        }
        await left.close();
      }
    }),
    { numRuns: 300 },
  );
});

/** A mount with so many synced files that they share those of the browser. */
async function crowded(): Promise<{ disk: CrashFs; fs: OpfsFs }> {
  const disk = new CrashFs();
  const fs = await mount(disk);
  fs.createDirectory('d');
  for (let n = 0; n < 20; n++) put(fs, `d/${n}`, fill(700, n));
  syncAll(fs);
  return { disk, fs };
}

test('a file that grows elsewhere keeps what was synced, before and after', async () => {
  for (let n = 0; n < 20; n++) {
    const { disk, fs } = await crowded();
    const file = fs.open(`d/${n}`, 'update');
    file.write(fill(50, 99), 0, 50, 700);
    for (const variant of CRASH_VARIANTS) {
      const left = await mount(disk.crash(variant, new SeededRandom(n)));
      assert.deepEqual(get(left, `d/${n}`).subarray(0, 700), fill(700, n), variant);
      await left.close();
    }
    file.sync();
    for (const variant of CRASH_VARIANTS) {
      const left = await mount(disk.crash(variant, new SeededRandom(n)));
      assert.deepEqual(get(left, `d/${n}`).subarray(700), fill(50, 99), variant);
      await left.close();
    }
  }
});

test('a power cut while it is mounted leaves one copy of the name map', async () => {
  const { disk, fs } = await crowded();
  const expected = contents(fs);
  for (const copy of ['MAP-A', 'MAP-B']) {
    for (let cut = 1; ; cut++) {
      const start = disk.crash('keepAll', new SeededRandom(1));
      put(start, `/opfs/${DIRECTORY}/${copy}`, fill(100, 1));
      const again = new CrashFs(start);
      const platform = new TestBrowser(again);
      again.cutAfter(cut);
      const isMounted = await mount(again, { platform }).then(
        () => true,
        () => false,
      );
      if (isMounted) break;
      for (const variant of CRASH_VARIANTS) {
        const left = await mount(again.crash(variant, new SeededRandom(cut)));
        assert.deepEqual(contents(left), expected, `${copy}, cut ${cut}, ${variant}`);
        await left.close();
      }
    }
  }
});

test('an edit whose forerunner was lost does not come back', async () => {
  const disk = new MemoryFs();
  const first = await mount(disk);
  first.createDirectory('d');
  await first.close();
  // From here on all mounts begin with equal records.
  const fs = await mount(disk);
  const copies = ['MAP-A', 'MAP-B'].map((copy) => `/opfs/${DIRECTORY}/${copy}`);
  const before = copies.map((path) => get(disk, path));
  put(fs, 'd/a', fill(9, 1));
  const between = copies.map((path) => get(disk, path));
  put(fs, 'd/b', fill(9, 2));
  await fs.close();
  for (const [i, path] of copies.entries()) {
    const after = get(disk, path);
    for (let at = 0; at < after.length; at++) {
      if (before[i]![at] !== between[i]![at]) after[at] = before[i]![at]!;
    }
    put(disk, path, after);
  }
  const again = await mount(disk);
  assert.deepEqual(again.list('d'), []);
  put(again, 'd/c', fill(9, 3));
  await again.close();
  const last = await mount(disk);
  assert.deepEqual(last.list('d'), ['c']);
  await last.close();
});

test('a damaged copy of the name map is made good by the other one', async () => {
  const start = new MemoryFs();
  const fs = await mount(start);
  fs.createDirectory('d');
  for (let n = 0; n < 12; n++) put(fs, `d/${n}`, fill(50, n));
  const expected = contents(fs);
  await fs.close();
  for (const copy of ['MAP-A', 'MAP-B']) {
    const path = `/opfs/${DIRECTORY}/${copy}`;
    const whole = get(start, path);
    const end = whole.findLastIndex((byte) => byte !== 0) + 1;
    for (let at = 0; at < end; at += 3) {
      const disk = start.clone();
      const damaged = whole.slice();
      damaged[at]! ^= 1 << (at % 8);
      put(disk, path, damaged);
      const again = await mount(disk);
      assert.deepEqual(contents(again), expected, `byte ${at} of ${copy}`);
      await again.close();
    }
    const disk = start.clone();
    disk.remove(path);
    const again = await mount(disk);
    assert.deepEqual(contents(again), expected, `${copy} is gone`);
    await again.close();
  }
});

test('without a name map nothing is touched that it may have named', async () => {
  const disk = new MemoryFs();
  const fs = await mount(disk);
  fs.createDirectory('d');
  put(fs, 'd/a', fill(100, 1));
  await fs.close();
  for (const copy of ['MAP-A', 'MAP-B']) put(disk, `/opfs/${DIRECTORY}/${copy}`, fill(100, 3));
  const before = disk
    .list(`/opfs/${DIRECTORY}`)
    .map((each) => [each, get(disk, `/opfs/${DIRECTORY}/${each}`)]);
  await assert.rejects(mount(disk), { code: 'CORRUPTION' });
  const after = disk
    .list(`/opfs/${DIRECTORY}`)
    .map((each) => [each, get(disk, `/opfs/${DIRECTORY}/${each}`)]);
  assert.deepEqual(after, before);
});

test('files whose content the browser has lost are named, the others are there', async () => {
  const disk = new MemoryFs();
  const fs = await mount(disk);
  fs.createDirectory('d');
  put(fs, 'd/a', fill(100, 1));
  put(fs, 'd/b', fill(100, 2));
  await fs.close();
  const folder = `/opfs/${DIRECTORY}`;
  const holder = disk
    .list(folder)
    .find((each) => get(disk, `${folder}/${each}`)[1] === fill(2, 1)[1]);
  disk.remove(`${folder}/${holder}`);
  const again = await mount(disk);
  assert.deepEqual(again.lostPaths, ['d/a']);
  assert.deepEqual(again.list('d'), ['b']);
  assert.deepEqual(get(again, 'd/b'), fill(100, 2));
  await again.close();
});

test('when the quota is full, files can be read and removed, and there is room again', async () => {
  const disk = new MemoryFs({ capacityBytes: 1 << 20 });
  const fs = await mount(disk);
  fs.createDirectory('d');
  const full = () => {
    for (let n = 0; ; n++) put(fs, `d/${n}`, fill(60_000, n));
  };
  assert.throws(full, { code: 'NOSPACE' });
  const names = fs.list('d');
  for (const each of names.slice(0, -1)) {
    assert.deepEqual(get(fs, `d/${each}`), fill(60_000, Number(each)));
  }
  for (const each of names) fs.remove(`d/${each}`);
  fs.syncDirectory('d');
  put(fs, 'd/new', fill(60_000, 1));
  await fs.close();
  const again = await mount(disk);
  assert.deepEqual(again.list('d'), ['new']);
  await again.close();
});
