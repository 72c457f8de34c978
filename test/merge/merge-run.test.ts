/**
 * Merges against a plain model: no reader sees a difference, nothing useless is kept.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { CODEC_ZSTD } from '../../src/compress/port.ts';
import { tableOptions } from '../../src/db/options.ts';
import { resolveOptions } from '../../src/db/resolve-options.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import { DirectorySink } from '../../src/merge/directory-sink.ts';
import { KeyRangeSweep } from '../../src/merge/key-range-sweep.ts';
import { MergeRun } from '../../src/merge/merge-run.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { plainPipeline } from '../block/pipelines.ts';
import { ArrayCursor, compareEntry, type Entry } from '../iterator/array-cursor.ts';
import {
  BLOCK_BYTES,
  DIRECTORY,
  expectedOutput,
  finish,
  KEYS,
  mixedStorage,
  openInputs,
  read,
  runOf,
  type Scenario,
  scenarios,
  tablesOf,
  World,
} from './merge-fixture.ts';

await loadChecksum();

function put(key: string, seqno: number, length = 3): Entry {
  const value = new Uint8Array(length).fill(seqno);
  return { key: new TextEncoder().encode(key), seqno, kind: KIND_PUT, value };
}

function tombstone(key: string, seqno: number): Entry {
  return { ...put(key, seqno, 0), kind: KIND_DELETE };
}

function scenarioOf(inputs: Entry[], more: Partial<Scenario> = {}): Scenario {
  return {
    deeper: [],
    inputs: [inputs.sort(compareEntry)],
    snapshots: [],
    perTable: 1,
    targetTableBytes: 100_000,
    isFlush: false,
    ...more,
  };
}

/** What a merge of the scenario gives, as `key@seqno`, with `-` for tombstones. */
function merged(scenario: Scenario): string[] {
  const world = new World();
  const outputs = finish(runOf(scenario, world, ...openInputs(scenario, world)));
  return outputs
    .flatMap((meta) => world.read(meta))
    .map(({ key, seqno, kind }) => {
      const text = new TextDecoder().decode(key);
      return kind === KIND_DELETE ? `-${text}@${seqno}` : `${text}@${seqno}`;
    });
}

function checkTables(world: World, outputs: readonly TableMeta[], scenario: Scenario): Entry[] {
  let previous: TableMeta | undefined;
  const all: Entry[] = [];
  for (const meta of outputs) {
    const entries = world.read(meta);
    assert.deepEqual(meta.smallestKey, entries[0]!.key);
    assert.deepEqual(meta.largestKey, entries.at(-1)!.key);
    assert.equal(meta.entryCount, entries.length);
    if (previous !== undefined) {
      const order = compareKeys(previous.largestKey, meta.smallestKey);
      assert.ok(order < 0, 'a user key is in two tables');
    }
    checkSize(entries, scenario);
    previous = meta;
    all.push(...entries);
  }
  return all;
}

/** Values cannot be packed: without its last key, or last block, a table is below the target. */
function checkSize(entries: readonly Entry[], scenario: Scenario): void {
  const lastKey = entries.at(-1)!.key;
  const before = entries.filter(({ key }) => compareKeys(key, lastKey) !== 0);
  const valueBytes = before.reduce((sum, { value }) => sum + value.length, 0);
  assert.ok(before.length === 0 || valueBytes < scenario.targetTableBytes + BLOCK_BYTES);
}

suite('a merge of any runs under any snapshots', () => {
  test('keeps exactly the versions that some reader needs', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const world = new World();
        const run = runOf(scenario, world, ...openInputs(scenario, world));
        const output = checkTables(world, finish(run), scenario);
        assert.deepEqual(output, expectedOutput(scenario));
        const inputs = scenario.inputs.flat();
        const bytes = inputs.map(({ key, value }) => key.length + value.length);
        assert.equal(run.entriesRead, inputs.length);
        assert.equal(run.entriesDropped, inputs.length - output.length);
        assert.equal(
          run.bytesRead,
          bytes.reduce((sum, one) => sum + one, 0),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('shows every live snapshot and every later reader what they saw before', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const world = new World();
        const outputs = finish(runOf(scenario, world, ...openInputs(scenario, world)));
        const output = outputs.flatMap((meta) => world.read(meta));
        const before = [scenario.inputs.flat(), ...scenario.deeper];
        const after = [output, ...scenario.deeper];
        for (const reader of [...scenario.snapshots, Number.MAX_SAFE_INTEGER]) {
          for (const key of KEYS) {
            assert.deepEqual(read(after, key, reader), read(before, key, reader));
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('keeps the same of tables of any storage and writes its own', async () => {
    const storage = await mixedStorage();
    const protection = storage.pipeline.protection(true, {
      scheme: 'reed-solomon',
      data: 4,
      parity: 2,
    });
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const world = new World(storage);
        const outputs = finish(runOf(scenario, world, ...openInputs(scenario, world)));
        assert.deepEqual(checkTables(world, outputs, scenario), expectedOutput(scenario));
        for (const meta of outputs) {
          assert.deepEqual(meta.protection, protection);
          assert.equal(meta.codecId, CODEC_ZSTD);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('gives the same tables in steps of any size', () => {
    const budgets = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(scenarios, budgets, (scenario, sizes) => {
        const one = new World();
        const whole = finish(runOf(scenario, one, ...openInputs(scenario, one)));
        const other = new World();
        const run = runOf(scenario, other, ...openInputs(scenario, other));
        for (let i = 0; ; i++) {
          const before = run.bytesRead;
          const budget = sizes[i % sizes.length]!;
          const isDone = run.step(budget);
          const bytes = run.bytesRead - before;
          // Blocks of 512 bytes, where keys share bytes, and long entries are not cut: 300 bytes of
          // key and 90 of value.
          assert.ok(bytes < budget + 1000, `${bytes} bytes in a step of ${budget}`);
          assert.ok(isDone || bytes >= budget);
          if (isDone) break;
        }
        assert.deepEqual(run.outputs, whole);
        assert.deepEqual(other.files(), one.files());
      }),
      { numRuns: 100 },
    );
  });

  test('works on cursors that take their bytes back at every move', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const world = new World();
        const entries = scenario.inputs.flat().sort(compareEntry);
        const cursor = new ArrayCursor(entries);
        const outputs = finish(runOf(scenario, world, cursor));
        const output = outputs.flatMap((meta) => world.read(meta));
        assert.deepEqual(output, expectedOutput(scenario));
        assert.equal(cursor.closed, 1);
        assert.equal(world.openHandles(), 0);
      }),
      { numRuns: 100 },
    );
  });
});

suite('versions', () => {
  const versions = (): Entry[] => [1, 2, 3, 4, 5, 6].map((seqno) => put('a', seqno));

  test('without snapshots all but the newest go', () => {
    assert.deepEqual(merged(scenarioOf(versions(), { isFlush: true })), ['a@6']);
  });

  test('each snapshot keeps the one that it sees', () => {
    const scenario = scenarioOf(versions(), { isFlush: true, snapshots: [0, 2, 4, 9] });
    assert.deepEqual(merged(scenario), ['a@6', 'a@4', 'a@2']);
  });

  test('that all readers see lose their seqno at the bottom, and only there', () => {
    const some = scenarioOf(versions(), { snapshots: [3] });
    assert.deepEqual(merged(some), ['a@6', 'a@0']);
    assert.deepEqual(merged(scenarioOf(versions())), ['a@0']);
    const elsewhere = { deeper: [[put('z', 0)]] };
    assert.deepEqual(merged(scenarioOf(versions(), elsewhere)), ['a@6']);
  });
});

suite('tombstones', () => {
  const deleted = (): Entry[] => [put('a', 1), tombstone('a', 2)];

  test('go with what they hide when nothing deeper can hold the key', () => {
    assert.deepEqual(merged(scenarioOf(deleted())), []);
    assert.deepEqual(merged(scenarioOf(deleted(), { deeper: [[put('b', 0)]] })), []);
  });

  test('stay where a deeper level may hold the key', () => {
    assert.deepEqual(merged(scenarioOf(deleted(), { deeper: [[put('a', 0)]] })), ['-a@2']);
    const around = { deeper: [[], [put('Z', 0), put('b', 0)]], perTable: 2 };
    assert.deepEqual(merged(scenarioOf(deleted(), around)), ['-a@2']);
  });

  test('stay in a flush', () => {
    assert.deepEqual(merged(scenarioOf(deleted(), { isFlush: true })), ['-a@2']);
  });

  test('stay while a snapshot is older than they are', () => {
    assert.deepEqual(merged(scenarioOf(deleted(), { snapshots: [1] })), ['-a@2', 'a@0']);
    assert.deepEqual(merged(scenarioOf(deleted(), { snapshots: [2] })), []);
  });

  test('that are all there is give no table at all', () => {
    const world = new World();
    const scenario = scenarioOf([tombstone('a', 1), tombstone('b', 2)]);
    const run = runOf(scenario, world, new ArrayCursor(scenario.inputs.flat()));
    assert.deepEqual(finish(run), []);
    assert.deepEqual(world.files(), []);
  });
});

suite('the size of outputs', () => {
  test('an output ends at the first new key after the target size', () => {
    const world = new World();
    const entries = Array.from({ length: 100 }, (_, i) => put(`key ${1000 + i}`, i + 1, 1000));
    const scenario = scenarioOf(entries, { targetTableBytes: 10_000 });
    const outputs = finish(runOf(scenario, world, new ArrayCursor(entries)));
    for (const meta of outputs.slice(0, -1)) {
      assert.ok(meta.entryCount >= 9 && meta.entryCount <= 10, `${meta.entryCount} entries`);
      assert.ok(meta.sizeBytes >= 10_000);
    }
  });

  test('versions of one key stay together however many they are', () => {
    const world = new World();
    const entries = Array.from({ length: 50 }, (_, i) => put('a', 50 - i, 1000));
    entries.push(put('b', 51));
    const snapshots = entries.map((_, i) => i + 1);
    const scenario = scenarioOf(entries, { targetTableBytes: 1, snapshots });
    const outputs = finish(runOf(scenario, world, new ArrayCursor(entries)));
    assert.deepEqual(
      outputs.map(({ entryCount }) => entryCount),
      [50, 1],
    );
  });

  test('the last table takes what is left when there are no file numbers for more', () => {
    const world = new World();
    const entries = Array.from({ length: 200 }, (_, i) => put(`key ${1000 + i}`, i + 1, 100));
    const clock = { now: () => 1, monotonic: () => 0 };
    const context = { fs: world.fs, directory: DIRECTORY, clock, pipeline: plainPipeline() };
    const { familyDefaults } = resolveOptions({ compression: 'none' });
    const table = tableOptions(familyDefaults, 1, context.pipeline);
    const run = new MergeRun({
      inputs: [new ArrayCursor(entries)],
      snapshots: [],
      sink: new DirectorySink(context, table, { first: 500, count: 2 }, new ByteWriter(100)),
      targetTableBytes: 5000,
      deeper: new KeyRangeSweep([]),
      grandparents: undefined,
      isBottommost: true,
    });
    const outputs = finish(run);
    assert.deepEqual(
      outputs.map(({ fileNumber }) => fileNumber),
      [500, 501],
    );
    assert.equal(outputs[0]!.entryCount + outputs[1]!.entryCount, 200);
    assert.ok(outputs[1]!.sizeBytes > 2 * outputs[0]!.sizeBytes);
  });

  test('an output overlaps a bounded part of the level below', () => {
    const counts = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(counts, fc.integer({ min: 10, max: 60 }), (step, targetTableBytes) => {
        const key = (i: number): string => `key ${1000 + i}`;
        const below = tablesOf(
          Array.from({ length: 400 }, (_, i) => put(key(i), 0)),
          1,
        );
        const entries: Entry[] = [];
        for (let i = 0; i < 400; i += step) entries.push(put(key(i), i + 1, 0));
        const world = new World();
        const run = new MergeRun({
          inputs: [new ArrayCursor(entries)],
          snapshots: [],
          sink: world.sink,
          // Only the overlap ends these outputs: the target is far above what they hold.
          targetTableBytes: targetTableBytes * 100,
          deeper: new KeyRangeSweep([below]),
          grandparents: new KeyRangeSweep([below]),
          isBottommost: false,
        });
        for (const meta of finish(run)) {
          const met = below.filter(
            (table) =>
              compareKeys(table.largestKey, meta.smallestKey) >= 0 &&
              compareKeys(table.smallestKey, meta.largestKey) <= 0,
          );
          assert.ok(met.length * 100 <= 10 * targetTableBytes * 100 + 200);
        }
      }),
      { numRuns: 30 },
    );
  });
});
