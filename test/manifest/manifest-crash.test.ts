/**
 * Power cuts while a manifest is written, replaced and closed.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { loadChecksum } from '../../src/block/checksum.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { inspectDirectory } from '../../src/manifest/directory.ts';
import type { Manifest } from '../../src/manifest/manifest.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  adding,
  createManifest,
  DIRECTORY,
  OPENINGS,
  type Opening,
  PLAIN,
  recoverManifest,
  recoverState,
  stateOf,
  table,
} from './manifest-fixture.ts';

before(loadChecksum);

/** Opens a database or creates it, as a process does. */
function openManifest(fs: CrashFs | MemoryFs, seed: number, opening: Opening): Manifest {
  if (inspectDirectory(fs, DIRECTORY, opening(seed)).isFresh) {
    return createManifest(fs, seed, opening);
  }
  const manifest = recoverManifest(fs, seed, opening);
  manifest.start();
  return manifest;
}

/** The states that a recovery may find: the last one that was acknowledged and what followed. */
class Expectation {
  /** Nothing was acknowledged: the directory may be fresh. */
  mayBeFresh = true;
  states: unknown[] = [];

  acknowledge(manifest: Manifest): void {
    this.mayBeFresh = false;
    this.states = [stateOf(manifest)];
  }
}

/**
 * Opens, edits and closes over several generations. `shadow` performs the same on a disk that never
 * fails, so that the state of an interrupted edit is known.
 */
function workload(fs: CrashFs, expected: Expectation, keyBytes: number, opening: Opening): void {
  const shadow = new MemoryFs();
  shadow.createDirectory(DIRECTORY);
  for (let generation = 0; generation < 3; generation++) {
    const ahead = openManifest(shadow, generation, opening);
    const manifest = openAhead(fs, expected, ahead, generation, opening);
    for (let i = 0; i < 4; i++) {
      step(ahead, i, keyBytes);
      expected.states.push(stateOf(ahead));
      step(manifest, i, keyBytes);
      expected.acknowledge(manifest);
    }
    if (generation === 1) {
      manifest.close();
      ahead.close();
      continue;
    }
    const end = { walEnds: [{ logNumber: 90 + generation, sizeBytes: 7 }], lastSeqno: 200 };
    ahead.close(end);
    expected.states.push(stateOf(ahead));
    manifest.close(end);
    expected.acknowledge(manifest);
  }
}

function openAhead(
  fs: CrashFs,
  expected: Expectation,
  ahead: Manifest,
  generation: number,
  opening: Opening,
): Manifest {
  expected.states.push(stateOf(ahead));
  const manifest = openManifest(fs, generation, opening);
  expected.acknowledge(manifest);
  return manifest;
}

function step(manifest: Manifest, i: number, keyBytes: number): void {
  const number = manifest.newFileNumber();
  const at = String(number).padStart(6, '0').padEnd(keyBytes, 'x');
  const edit = adding(i % 3, table(number, at, at));
  if (i < 3) manifest.append(edit);
  else {
    const id = manifest.version.nextFamilyId;
    manifest.append({ ...emptyEdit(), createdFamilies: [{ id, name: `family ${id}` }] });
  }
}

function newCrashFs(): CrashFs {
  const disk = new MemoryFs();
  disk.createDirectory(DIRECTORY);
  return new CrashFs(disk);
}

function checkDisk(disk: MemoryFs, expected: Expectation, opening: Opening, context: string): void {
  const { isFresh } = inspectDirectory(disk, DIRECTORY, opening(1));
  assert.ok(!isFresh || expected.mayBeFresh, `${context}: the database is gone`);
  if (!isFresh) {
    const found = recoverState(disk, opening);
    const isExpected = expected.states.some((state) => isDeepStrictEqual(state, found));
    assert.ok(isExpected, `${context}: unexpected state`);
  }
  const manifest = openManifest(disk, 77, opening);
  manifest.append(emptyEdit());
  manifest.close({ walEnds: [], lastSeqno: 300 });
  assert.deepEqual(recoverState(disk, opening), stateOf(manifest), context);
}

describe('a power cut at any operation', () => {
  const cases = [
    ['plain', 6],
    ['plain', 1400],
    ['encrypted', 6],
    ['with shards', 1400],
    ['with everything', 6],
  ] as const;
  for (const [name, keyBytes] of cases) {
    test(`leaves a state that was acknowledged or being written (${name}, ${keyBytes})`, () => {
      const opening = OPENINGS[name]!;
      const seeds = name === 'plain' ? 3 : 1;
      const whole = newCrashFs();
      workload(whole, new Expectation(), keyBytes, opening);
      assert.ok(whole.operations > 60);
      for (let n = 1; n <= whole.operations; n += name === 'plain' ? 1 : 2) {
        const fs = newCrashFs();
        const expected = new Expectation();
        fs.cutAfter(n);
        assert.throws(() => workload(fs, expected, keyBytes, opening), PowerCut);
        for (const variant of CRASH_VARIANTS) {
          for (let seed = 0; seed < seeds; seed++) {
            const disk = fs.crash(variant, new SeededRandom(n * 10 + seed));
            checkDisk(disk, expected, opening, `operation ${n}, ${variant}, ${seed}`);
          }
        }
      }
    });
  }

  for (const [name, opening] of Object.entries(OPENINGS)) {
    test(`and at any operation of the recovery from it leaves no other state (${name})`, () => {
      const first = newCrashFs();
      const expected = new Expectation();
      first.cutAfter(40);
      assert.throws(() => workload(first, expected, 6, opening), PowerCut);
      const base = first.crash('torn', new SeededRandom(1));
      for (let n = 1; n <= 12; n++) {
        for (const variant of CRASH_VARIANTS) {
          const fs = new CrashFs(base.clone());
          fs.cutAfter(n);
          try {
            openManifest(fs, 5, opening);
          } catch (error) {
            assert.ok(error instanceof PowerCut);
          }
          const disk = fs.crash(variant, new SeededRandom(n));
          checkDisk(disk, expected, opening, `second cut ${n}, ${variant}`);
        }
      }
    });
  }
});

describe('a rewrite', () => {
  test('that is cut off at any operation leaves the state before or after the edit', () => {
    const prepare = (fs: CrashFs): Manifest => {
      const manifest = createManifest(fs);
      const number = manifest.newFileNumber();
      const meta = table(number, 'a'.repeat(60_000), 'b'.repeat(60_000));
      const removedTables = [{ familyId: 0, level: 1, fileNumber: number }];
      for (let i = 0; manifest.sizeBytes <= 1024 * 1024; i++) {
        if (i % 2 === 0) manifest.append(adding(1, meta));
        else manifest.append({ ...emptyEdit(), removedTables });
      }
      return manifest;
    };
    const last = { ...emptyEdit(), createdFamilies: [{ id: 1, name: 'b' }] };
    const whole = newCrashFs();
    const done = prepare(whole);
    const before = stateOf(done);
    const start = whole.operations;
    done.append(last);
    const total = whole.operations - start;
    assert.equal(done.manifestNumber > 1, true);
    for (let n = 1; n <= total; n++) {
      const fs = newCrashFs();
      const manifest = prepare(fs);
      fs.cutAfter(n);
      assert.throws(() => manifest.append(last), PowerCut);
      const expected = new Expectation();
      expected.mayBeFresh = false;
      expected.states = [before, stateOf(done)];
      for (const variant of CRASH_VARIANTS) {
        checkDisk(fs.crash(variant, new SeededRandom(n)), expected, PLAIN, `${n}, ${variant}`);
      }
    }
  });
});
