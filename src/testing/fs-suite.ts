/**
 * What every `Fs` has to do, as tests for any runner. What a file system does not claim in its
 * capabilities is expected to be refused, or left out where there is nothing to refuse.
 *
 *     import { test } from 'node:test';
 *     fsSuite({ test, name: 'MyFs', create: async () => ({ fs, directory, cleanup }) });
 * @module
 */
import { type ErrorCode, isError, isVarveError } from '../errors.ts';
import { type FileHandle, type Fs, joinPath } from '../fs/port.ts';

/** A file system under test. */
export interface FsFixture {
  /** The file system. */
  readonly fs: Fs;
  /** An existing, empty directory for the test to use. */
  readonly directory: string;
  /** Called after the test, whether it passed or not. */
  readonly cleanup: () => void | Promise<void>;
}

/** What {@link fsSuite} needs. */
export interface FsSuite {
  /** Registers one test, such as `test` of `node:test`; the function rejects when it fails. */
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  /** Stands before the names of the tests. */
  readonly name: string;
  /** Called once for each test. */
  readonly create: () => Promise<FsFixture>;
}

type Check = (fs: Fs, directory: string) => void | Promise<void>;

/** Registers all tests. */
export function fsSuite(suite: FsSuite): void {
  for (const [title, check] of Object.entries({ ...CONTENT, ...ENTRIES, ...LIFETIME, ...LOCKS })) {
    suite.test(`${suite.name}: ${title}`, async () => {
      const { fs, directory, cleanup } = await suite.create();
      try {
        await check(fs, directory);
      } finally {
        await cleanup();
      }
    });
  }
}

const CONTENT: Record<string, Check> = {
  'what was written is read back, at any offset of the buffer'(fs, directory) {
    const file = fs.open(joinPath(directory, 'a'), 'create');
    file.write(bytes(9, 1, 2, 3, 9), 1, 3, 0);
    const target = new Uint8Array(6).fill(7);
    equal(file.read(target, 2, 3, 0), 3);
    same(target, bytes(7, 7, 1, 2, 3, 7));
    file.close();
  },

  'a read stops at the end of the file'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1, 2, 3));
    const target = new Uint8Array(8);
    equal(file.read(target, 0, 8, 1), 2);
    same(target, bytes(2, 3, 0, 0, 0, 0, 0, 0));
    equal(file.read(target, 0, 8, 3), 0);
    equal(file.read(target, 0, 8, 1000), 0);
    equal(file.read(target, 0, 0, 0), 0);
    file.close();
  },

  'a write beyond the end leaves zeros between'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1));
    file.write(bytes(2), 0, 1, 5);
    equal(file.size(), 6);
    same(content(file), bytes(1, 0, 0, 0, 0, 2));
    file.close();
  },

  'a write replaces bytes in the middle and nothing else'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1, 2, 3, 4));
    file.write(bytes(8, 9), 0, 2, 1);
    file.write(bytes(), 0, 0, 100);
    same(content(file), bytes(1, 8, 9, 4));
    file.close();
  },

  'a truncated file holds zeros where it grows again'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1, 2, 3, 4));
    file.truncate(2);
    same(content(file), bytes(1, 2));
    file.truncate(5);
    same(content(file), bytes(1, 2, 0, 0, 0));
    file.truncate(0);
    file.write(bytes(6), 0, 1, 2);
    same(content(file), bytes(0, 0, 6));
    file.close();
  },

  'a megabyte written in uneven pieces comes back whole'(fs, directory) {
    const whole = new Uint8Array(1 << 20).map((_, i) => i ^ (i >> 8));
    const file = fs.open(joinPath(directory, 'a'), 'create');
    for (let at = 0, step = 1; at < whole.length; at += step, step = (step * 7) % 9973) {
      file.write(whole, at, Math.min(step, whole.length - at), at);
    }
    equal(file.size(), whole.length);
    same(content(file), whole);
    file.close();
  },

  'shared memory can be written from and read into'(fs, directory) {
    if (typeof SharedArrayBuffer === 'undefined') return;
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set([1, 2, 3, 4]);
    const file = fs.open(joinPath(directory, 'a'), 'create');
    file.write(shared, 1, 3, 0);
    equal(file.read(shared, 0, 2, 1), 2);
    same(shared, bytes(3, 4, 3, 4));
    file.close();
  },

  'ranges outside of the buffer and bad sizes are the mistake of the caller'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1, 2, 3));
    throwsRange(() => file.write(bytes(1, 2), 1, 2, 0));
    throwsRange(() => file.read(bytes(1, 2), 1, 2, 0));
    throwsRange(() => file.truncate(-1));
    same(content(file), bytes(1, 2, 3));
    file.close();
  },

  async 'synced content is still there'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1, 2));
    file.sync();
    file.write(bytes(3), 0, 1, 2);
    await file.syncAsync();
    fs.syncDirectory(directory);
    same(content(file), bytes(1, 2, 3));
    file.close();
  },
};

const ENTRIES: Record<string, Check> = {
  'create refuses a name that is taken'(fs, directory) {
    created(fs, directory, 'a', bytes(1)).close();
    throwsCode('IO', () => fs.open(joinPath(directory, 'a'), 'create'));
    same(contentAt(fs, directory, 'a'), bytes(1));
  },

  'opening, removing and renaming a missing file fails'(fs, directory) {
    const missing = joinPath(directory, 'missing');
    throwsCode('IO', () => fs.open(missing, 'read'));
    throwsCode('IO', () => fs.open(missing, 'update'));
    throwsCode('IO', () => fs.remove(missing));
    throwsCode('IO', () => fs.list(missing));
    throwsCode('IO', () => fs.open(joinPath(missing, 'a'), 'create'));
    if (fs.capabilities.atomicRename) throwsCode('IO', () => fs.rename(missing, `${missing}2`));
    if (fs.capabilities.hardLinks) throwsCode('IO', () => fs.link(missing, `${missing}2`));
    equal(fs.exists(missing), false);
  },

  'a file opened for reading cannot be written'(fs, directory) {
    created(fs, directory, 'a', bytes(1, 2)).close();
    const file = fs.open(joinPath(directory, 'a'), 'read');
    same(content(file), bytes(1, 2));
    throwsCode('IO', () => file.write(bytes(3), 0, 1, 0));
    file.close();
    same(contentAt(fs, directory, 'a'), bytes(1, 2));
  },

  'a file opened for update is read and written in place'(fs, directory) {
    created(fs, directory, 'a', bytes(1, 2, 3)).close();
    const file = fs.open(joinPath(directory, 'a'), 'update');
    file.write(bytes(9), 0, 1, 1);
    same(content(file), bytes(1, 9, 3));
    file.close();
  },

  'list names the files of one directory'(fs, directory) {
    for (const name of ['b', 'a', 'c.sst']) created(fs, directory, name, bytes()).close();
    fs.createDirectory(joinPath(directory, 'sub'));
    created(fs, joinPath(directory, 'sub'), 'inner', bytes()).close();
    equal(fs.list(directory).sort().join(), 'a,b,c.sst');
    fs.remove(joinPath(directory, 'b'));
    equal(fs.list(directory).sort().join(), 'a,c.sst');
    equal(fs.exists(joinPath(directory, 'b')), false);
    equal(fs.exists(joinPath(directory, 'a')), true);
  },

  async 'a file is removed without blocking as well'(fs, directory) {
    for (const name of ['a', 'b']) created(fs, directory, name, bytes(1)).close();
    await fs.removeAsync(joinPath(directory, 'a'));
    equal(fs.list(directory).join(), 'b');
    await rejectsCode('IO', () => fs.removeAsync(joinPath(directory, 'a')));
  },

  'a resolved path leads to the same place, which need not be there'(fs, directory) {
    const resolved = fs.resolve(directory);
    equal(fs.resolve(resolved), resolved);
    created(fs, resolved, 'a', bytes(1)).close();
    same(contentAt(fs, directory, 'a'), bytes(1));
    const missing = fs.resolve(joinPath(directory, 'x/y'));
    equal(fs.exists(missing), false);
    fs.createDirectory(missing);
    equal(fs.exists(joinPath(directory, 'x/y')), true);
    equal(fs.resolve(joinPath(directory, 'x/y')), missing);
  },

  'directories are made with their parents, as often as one likes'(fs, directory) {
    const deep = joinPath(directory, 'x/y/z');
    fs.createDirectory(deep);
    fs.createDirectory(deep);
    equal(fs.exists(deep), true);
    equal(fs.list(deep).length, 0);
    fs.syncDirectory(deep);
  },

  'free space is a number of bytes, or nobody can tell'(fs, directory) {
    const free = fs.freeBytes(directory);
    equal(free === undefined || (Number.isSafeInteger(free) && free >= 0), true);
    throwsCode('IO', () => fs.freeBytes(joinPath(directory, 'missing')));
  },

  'rename moves a file over another one'(fs, directory) {
    const from = joinPath(directory, 'from');
    const to = joinPath(directory, 'to');
    created(fs, directory, 'from', bytes(1)).close();
    if (!fs.capabilities.atomicRename) {
      throwsCode('UNSUPPORTED', () => fs.rename(from, to));
      return;
    }
    created(fs, directory, 'to', bytes(2, 2)).close();
    fs.rename(from, to);
    equal(fs.list(directory).join(), 'to');
    same(contentAt(fs, directory, 'to'), bytes(1));
  },

  'a hard link is a second name of the same file'(fs, directory) {
    const existing = joinPath(directory, 'a');
    const second = joinPath(directory, 'b');
    created(fs, directory, 'a', bytes(1, 2)).close();
    if (!fs.capabilities.hardLinks) {
      throwsCode('UNSUPPORTED', () => fs.link(existing, second));
      return;
    }
    fs.link(existing, second);
    throwsCode('IO', () => fs.link(existing, second));
    const file = fs.open(second, 'update');
    equal(file.linkCount(), 2);
    file.write(bytes(9), 0, 1, 0);
    file.close();
    fs.remove(existing);
    same(contentAt(fs, directory, 'b'), bytes(9, 2));
  },
};

const LIFETIME: Record<string, Check> = {
  async 'a closed handle refuses everything but close'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1));
    equal(file.path, joinPath(directory, 'a'));
    equal(file.linkCount(), 1);
    file.close();
    file.close();
    throwsCode('CLOSED', () => file.read(new Uint8Array(1), 0, 1, 0));
    throwsCode('CLOSED', () => file.write(bytes(2), 0, 1, 0));
    throwsCode('CLOSED', () => file.size());
    throwsCode('CLOSED', () => file.linkCount());
    throwsCode('CLOSED', () => file.truncate(0));
    throwsCode('CLOSED', () => file.sync());
    await rejectsCode('CLOSED', () => file.syncAsync());
    same(contentAt(fs, directory, 'a'), bytes(1));
  },

  async 'a handle may be closed while a sync is under way'(fs, directory) {
    const file = created(fs, directory, 'a', bytes(1));
    const synced = file.syncAsync();
    file.close();
    // A recycled descriptor would now belong to this file.
    const other = created(fs, directory, 'b', bytes(2));
    await synced;
    same(content(other), bytes(2));
    other.close();
  },

  'several handles of one file see each other'(fs, directory) {
    if (!fs.capabilities.sharedHandles) return;
    const writer = created(fs, directory, 'a', bytes(1));
    const reader = fs.open(joinPath(directory, 'a'), 'read');
    writer.write(bytes(2, 3), 0, 2, 1);
    same(content(reader), bytes(1, 2, 3));
    writer.close();
    same(content(reader), bytes(1, 2, 3));
    reader.close();
  },

  'a file reads past the cache as it does through it, where it can'(fs, directory) {
    const own = Uint8Array.from({ length: 20_001 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    created(fs, directory, 'a', own).close();
    const path = joinPath(directory, 'a');
    const file = fs.openPastCache?.(path);
    throwsCode('IO', () => {
      // Absent or unable is as good as refused.
      if (fs.openPastCache?.(joinPath(directory, 'none')) === undefined) fs.open('/none', 'read');
    });
    if (file === undefined) return;
    equal(file.size(), own.length);
    const target = new Uint8Array(own.length + 10);
    const positions = [0, 1, 511, 4095, 4096, 8192, 19_990, 20_000, 20_001, 30_000];
    for (const position of positions)
      for (const length of [0, 1, 2, 4096, 9000, 20_001]) {
        target.fill(99);
        const expected = own.subarray(position, position + length);
        equal(file.read(target, 3, length, position), expected.length);
        same(target.subarray(3, 3 + expected.length), expected);
        equal(target[2], 99);
        equal(target[3 + expected.length], 99);
      }
    // What is written is there at once, whatever is kept back of it.
    const writer = fs.open(path, 'update');
    writer.write(bytes(1, 2, 3), 0, 3, 10_000);
    equal(file.read(target, 0, 3, 10_000), 3);
    same(target.subarray(0, 3), bytes(1, 2, 3));
    writer.close();
    file.close();
    file.close();
    throwsCode('CLOSED', () => file.read(target, 0, 1, 0));
  },

  'the name of a removed file is free, open handles or not'(fs, directory) {
    if (!fs.capabilities.sharedHandles) return;
    const old = created(fs, directory, 'a', bytes(1));
    fs.remove(joinPath(directory, 'a'));
    created(fs, directory, 'a', bytes(2)).close();
    same(content(old), bytes(1));
    old.close();
    same(contentAt(fs, directory, 'a'), bytes(2));
  },
};

const LOCKS: Record<string, Check> = {
  async 'a lock has one holder at a time'(fs, directory) {
    const path = joinPath(directory, 'LOCK');
    const first = await fs.lock(path);
    await rejectsCode('LOCKED', () => fs.lock(path));
    await first.release();
    const second = await fs.lock(path);
    await first.release();
    await rejectsCode('LOCKED', () => fs.lock(path));
    await second.release();
  },

  async 'locks of different directories are independent'(fs, directory) {
    const other = joinPath(directory, 'other');
    fs.createDirectory(other);
    const first = await fs.lock(joinPath(directory, 'LOCK'));
    const second = await fs.lock(joinPath(other, 'LOCK'));
    await first.release();
    await second.release();
  },

  async 'a lock is held until its holder gives it up'(fs, directory) {
    const path = joinPath(directory, 'LOCK');
    const first = await fs.lock(path);
    fs.assertHeld(path, first.token);
    await first.release();
    throwsCode('DETACHED', () => fs.assertHeld(path, first.token));
    const second = await fs.lock(path);
    fs.assertHeld(path, second.token);
    throwsCode('DETACHED', () => fs.assertHeld(path, first.token));
    await second.release();
  },

  async 'a lock leaves only names that begin with LOCK'(fs, directory) {
    created(fs, directory, 'a', bytes(1)).close();
    const lock = await fs.lock(joinPath(directory, 'LOCK'));
    const others = fs.list(directory).filter((name) => !name.startsWith('LOCK'));
    equal(others.join(), 'a');
    await lock.release();
  },
};

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

/** Makes a file; the caller closes the handle. */
function created(fs: Fs, directory: string, name: string, data: Uint8Array): FileHandle {
  const file = fs.open(joinPath(directory, name), 'create');
  file.write(data, 0, data.length, 0);
  return file;
}

function content(file: FileHandle): Uint8Array {
  const data = new Uint8Array(file.size());
  equal(file.read(data, 0, data.length, 0), data.length);
  return data;
}

function contentAt(fs: Fs, directory: string, name: string): Uint8Array {
  const file = fs.open(joinPath(directory, name), 'read');
  const data = content(file);
  file.close();
  return data;
}

function equal(actual: unknown, expected: unknown): void {
  if (actual === expected) return;
  throw new Error(`expected ${String(expected)}, got ${String(actual)}`);
}

function same(actual: Uint8Array, expected: Uint8Array): void {
  equal(actual.length, expected.length);
  const at = actual.findIndex((value, i) => value !== expected[i]);
  if (at >= 0) throw new Error(`byte ${at}: expected ${expected[at]}, got ${actual[at]}`);
}

function throwsCode(code: ErrorCode, action: () => unknown): void {
  const error = thrownBy(action);
  if (!isVarveError(error, code)) throw new Error(`expected ${code}, got ${String(error)}`);
}

function throwsRange(action: () => unknown): void {
  const error = thrownBy(action);
  if (!isError(error) || error.name !== 'RangeError')
    throw new Error(`no RangeError but ${String(error)}`);
}

async function rejectsCode(code: ErrorCode, action: () => Promise<unknown>): Promise<void> {
  let error: unknown = 'nothing';
  try {
    await action();
  } catch (thrown) {
    error = thrown;
  }
  throwsCode(code, () => {
    if (error !== 'nothing') throw error;
  });
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
