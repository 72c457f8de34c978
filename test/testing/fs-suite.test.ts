import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, Fs, FsLock, OpenMode } from '../../src/fs/port.ts';
import { fsSuite } from '../../src/testing/index.ts';

/** A MemoryFs whose handles are changed by `spoil`. */
class SpoiledFs extends MemoryFs {
  private readonly spoil: (file: FileHandle) => void;

  constructor(spoil: (file: FileHandle) => void) {
    super();
    this.spoil = spoil;
  }

  override open(path: string, mode: OpenMode): FileHandle {
    const file = super.open(path, mode);
    this.spoil(file);
    return file;
  }
}

class UnlockedFs extends MemoryFs {
  override async lock(): Promise<FsLock> {
    return { token: '', release: async () => {} };
  }

  override assertHeld(): void {}
}

class PlainFs extends MemoryFs {
  override readonly capabilities = {
    hardLinks: false,
    atomicRename: false,
    directorySync: false,
    sharedHandles: false,
  };
}

/** Names of the tests that fail, without the file system's name. */
async function failures(make: () => Fs): Promise<string[]> {
  const runs: Promise<string | undefined>[] = [];
  const collect = (name: string, run: () => Promise<void>) => {
    runs.push(run().then(undefined, () => name.slice(3)));
  };
  fsSuite({
    test: collect,
    name: 'x',
    create: async () => ({ fs: make(), directory: '', cleanup: () => {} }),
  });
  return (await Promise.all(runs)).filter((name) => name !== undefined);
}

test('the suite passes a correct file system', async () => {
  assert.deepEqual(await failures(() => new MemoryFs()), []);
});

test('the suite notices a read that is one byte off', async () => {
  const spoil = (file: FileHandle) => {
    const read = file.read.bind(file);
    file.read = (buf, off, length, position) => read(buf, off, length, position + 1);
  };
  const failed = await failures(() => new SpoiledFs(spoil));
  assert.ok(failed.includes('a read stops at the end of the file'), failed.join());
});

test('the suite notices a handle that works after close', async () => {
  const failed = await failures(() => new SpoiledFs((file) => (file.close = () => {})));
  assert.deepEqual(failed, ['a closed handle refuses everything but close']);
});

test('the suite notices a lock that does not lock', async () => {
  assert.deepEqual(await failures(() => new UnlockedFs()), [
    'a lock has one holder at a time',
    'a lock is held until its holder gives it up',
  ]);
});

test('the suite expects refusal of what is not claimed', async () => {
  assert.deepEqual(await failures(() => new PlainFs()), [
    'rename moves a file over another one',
    'a hard link is a second name of the same file',
  ]);
});
