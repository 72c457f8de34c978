/**
 * A CURRENT that has a second name, as in a copy of the directory made of hard links.
 * @module
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { loadChecksum } from '../../src/block/checksum.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import type { Manifest } from '../../src/manifest/manifest.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  addTable,
  createManifest,
  DIRECTORY,
  newDirectory,
  recoverManifest,
  recoverState,
  stateOf,
} from './manifest-fixture.ts';

before(loadChecksum);

const CURRENT = `${DIRECTORY}/CURRENT`;

function contentOf(fs: Fs, path: string): Uint8Array {
  const file = fs.open(path, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

/** Gives CURRENT a second name beside the directory. Returns what it holds. */
function share(fs: Fs, name: string): Uint8Array {
  fs.createDirectory('backup');
  fs.link(CURRENT, `backup/${name}`);
  return contentOf(fs, `backup/${name}`);
}

function closeCleanly(manifest: Manifest): void {
  manifest.close({ walEnds: [], lastSeqno: manifest.lastSeqno });
}

function startedAgain(fs: Fs): Manifest {
  const manifest = recoverManifest(fs);
  manifest.start();
  return manifest;
}

/** Creates, shares, opens, shares, closes. Notes the states that may be found from then on. */
function workload(fs: CrashFs, states: unknown[]): void {
  const first = createManifest(fs);
  addTable(first);
  states.push(stateOf(first));
  share(fs, 'of the open one');
  closeCleanly(first);
  states.push(stateOf(first));
  share(fs, 'of the closed one');
  const second = startedAgain(fs);
  addTable(second);
  states.push(stateOf(second));
  second.close();
}

describe('a CURRENT with a second name', () => {
  test('keeps its bytes there, whatever becomes of the database', () => {
    const fs = newDirectory();
    const first = createManifest(fs);
    const whenOpen = share(fs, 'a');
    closeCleanly(first);
    assert.deepEqual(contentOf(fs, 'backup/a'), whenOpen);
    const whenClosed = share(fs, 'b');
    assert.notDeepEqual(whenClosed, whenOpen);
    const second = startedAgain(fs);
    addTable(second);
    closeCleanly(second);
    assert.deepEqual(contentOf(fs, 'backup/a'), whenOpen);
    assert.deepEqual(contentOf(fs, 'backup/b'), whenClosed);
    assert.deepEqual(recoverState(fs), stateOf(second));
    assert.deepEqual(
      fs.list(DIRECTORY).filter((name) => name.startsWith('CURRENT')),
      ['CURRENT'],
    );
  });

  test('is replaced in any order of the power and the disk', () => {
    const newCrashFs = () => new CrashFs(newDirectory());
    const whole = newCrashFs();
    const all: unknown[] = [];
    workload(whole, all);
    for (let n = 1; n <= whole.operations; n++) {
      const fs = newCrashFs();
      const states: unknown[] = [];
      fs.cutAfter(n);
      assert.throws(() => workload(fs, states), PowerCut);
      // Before the first state the creation was cut off.
      if (states.length === 0) continue;
      const mayBe = all.slice(states.length - 1, states.length + 1);
      for (const variant of CRASH_VARIANTS) {
        const disk = fs.crash(variant, new SeededRandom(n));
        const found = recoverState(disk);
        const isExpected = mayBe.some((state) => isDeepStrictEqual(state, found));
        assert.ok(isExpected, `operation ${n}, ${variant}: unexpected state`);
        closeCleanly(startedAgain(disk));
        assert.deepEqual(recoverState(disk), found);
      }
    }
  });

  test('is replaced although an earlier process died over that', () => {
    const fs = newDirectory();
    closeCleanly(createManifest(fs));
    fs.open(`${CURRENT}.new`, 'create').close();
    const shared = share(fs, 'a');
    closeCleanly(startedAgain(fs));
    assert.deepEqual(contentOf(fs, 'backup/a'), shared);
    assert.equal(fs.exists(`${CURRENT}.new`), false);
  });

  test('leaves no stray file of an earlier process where it need not be replaced', () => {
    const fs = newDirectory();
    closeCleanly(createManifest(fs));
    fs.open(`${CURRENT}.new`, 'create').close();
    closeCleanly(startedAgain(fs));
    assert.equal(fs.exists(`${CURRENT}.new`), false);
  });

  test('stays as it is where that fails, and the next attempt succeeds', () => {
    for (const operation of ['open', 'write', 'sync', 'rename', 'syncDirectory'] as const) {
      const disk = newDirectory();
      const fs = new FaultFs(disk);
      const manifest = createManifest(fs);
      const shared = share(fs, 'a');
      const path = (at: string) => at === `${CURRENT}.new` || at === DIRECTORY;
      fs.addRule({ operation, path });
      assert.throws(() => closeCleanly(manifest), { code: 'IO' }, operation);
      assert.deepEqual(contentOf(disk, 'backup/a'), shared);
      closeCleanly(startedAgain(disk));
      assert.deepEqual(contentOf(disk, 'backup/a'), shared);
    }
  });

  test('is not touched on a file system that cannot replace it', () => {
    const fs = new MemoryFs();
    fs.createDirectory(DIRECTORY);
    closeCleanly(createManifest(fs));
    const shared = share(fs, 'a');
    const noRename = new FaultFs(fs);
    Object.assign(noRename, { capabilities: { ...fs.capabilities, atomicRename: false } });
    assert.throws(() => startedAgain(noRename), { code: 'UNSUPPORTED', file: CURRENT });
    assert.deepEqual(contentOf(fs, 'backup/a'), shared);
  });

  test('of which the second name is gone is written in place again', () => {
    const fs = new FaultFs(newDirectory());
    const manifest = createManifest(fs);
    share(fs, 'a');
    fs.remove('backup/a');
    manifest.append(emptyEdit());
    closeCleanly(manifest);
    assert.equal(fs.calls('rename'), 0);
  });
});
