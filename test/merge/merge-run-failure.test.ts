/**
 * Merges that end early: nothing stays behind.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import { KIND_PUT, KIND_UNKNOWN_MIN } from '../../src/key/kind.ts';
import type { MergeRun } from '../../src/merge/merge-run.ts';
import type { FaultOperation } from '../../src/testing/fault-fs.ts';
import { ArrayCursor, type Entry } from '../iterator/array-cursor.ts';
import { runOf, type Scenario, World } from './merge-fixture.ts';

await loadChecksum();

const ENTRIES: Entry[] = Array.from({ length: 40 }, (_, i) => ({
  key: new TextEncoder().encode(`key ${100 + i}`),
  seqno: i + 1,
  kind: KIND_PUT,
  value: new Uint8Array(200).fill(i),
}));

/** About ten outputs. */
const SCENARIO: Scenario = {
  deeper: [],
  inputs: [ENTRIES],
  snapshots: [],
  perTable: 1,
  targetTableBytes: 800,
  isFlush: false,
};

/** Steps until the end or an error, which the caller gets. */
function runToEnd(run: MergeRun): unknown {
  try {
    while (!run.step(500));
    return undefined;
  } catch (error) {
    return error;
  }
}

suite('abort', () => {
  test('removes the finished and the open outputs and closes the inputs, at any moment', () => {
    for (let steps = 0; ; steps++) {
      const world = new World();
      const cursor = new ArrayCursor(ENTRIES);
      const run = runOf(SCENARIO, world, cursor);
      let isDone = false;
      for (let i = 0; i < steps && !isDone; i++) isDone = run.step(300);
      if (isDone) break;
      run.abort();
      assert.deepEqual(world.files(), []);
      assert.equal(world.openHandles(), 0);
      assert.equal(cursor.closed, 1);
      run.abort();
      assert.equal(cursor.closed, 1);
    }
  });

  test('of a complete run leaves its outputs', () => {
    const world = new World();
    const run = runOf(SCENARIO, world, new ArrayCursor(ENTRIES));
    assert.equal(runToEnd(run), undefined);
    const files = world.files();
    run.abort();
    assert.equal(files.length, run.outputs.length);
    assert.ok(files.length >= 5);
    assert.deepEqual(world.files(), files);
  });

  test('does not fail where files cannot be removed', () => {
    const world = new World();
    const run = runOf(SCENARIO, world, new ArrayCursor(ENTRIES));
    run.step(3000);
    world.fs.addRule({ operation: 'remove', times: Number.POSITIVE_INFINITY });
    run.abort();
    assert.equal(world.openHandles(), 0);
  });
});

suite('an error', () => {
  const operations: FaultOperation[] = ['open', 'write', 'sync', 'syncDirectory'];
  for (const operation of operations) {
    test(`in any ${operation} of the outputs leaves no file and no handle`, () => {
      let faults = 0;
      for (let call = 1; ; call++) {
        const world = new World();
        world.fs.failCall(call, { operation, effect: 'NOSPACE', shortWriteBytes: 100 });
        const cursor = new ArrayCursor(ENTRIES);
        const run = runOf(SCENARIO, world, cursor);
        const error = runToEnd(run);
        if (world.fs.faults === 0) break;
        faults++;
        assert.ok(isVarveError(error, 'NOSPACE'));
        run.abort();
        assert.deepEqual(world.files(), []);
        assert.equal(world.openHandles(), 0);
        assert.equal(cursor.closed, 1);
      }
      assert.ok(faults >= (operation === 'syncDirectory' ? 1 : 5), `${faults} faults`);
    });
  }

  test('in the input at any entry leaves no file and no handle', () => {
    for (let moves = 0; moves <= ENTRIES.length; moves++) {
      const world = new World();
      const cursor = new ArrayCursor(ENTRIES);
      cursor.movesLeft = moves;
      const run = runOf(SCENARIO, world, cursor);
      assert.ok(isVarveError(runToEnd(run), 'CORRUPTION'));
      run.abort();
      assert.deepEqual(world.files(), []);
      assert.equal(world.openHandles(), 0);
      assert.equal(cursor.closed, 1);
    }
  });

  test('is what an entry of a kind that only newer versions know is', () => {
    const unknown = { ...ENTRIES[20]!, kind: KIND_UNKNOWN_MIN };
    const entries = ENTRIES.with(20, unknown);
    const run = runOf(SCENARIO, new World(), new ArrayCursor(entries));
    assert.ok(isVarveError(runToEnd(run), 'UNSUPPORTED'));
    run.abort();
  });
});
