/**
 * Merges that copy whole blocks: the same entries as a merge that decodes them all, in tables that
 * hold every check, and blocks that are taken over byte for byte.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_DATA } from '../../src/block/block-format.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { codecSettings, PLAIN_STORAGE, pipelineOf, plainPipeline } from '../block/pipelines.ts';
import { ArrayCursor, type Entry } from '../iterator/array-cursor.ts';
import {
  expectedOutput,
  finish,
  mixedStorage,
  runOf,
  type Scenario,
  type Storage,
  streamOf,
  World,
} from './merge-fixture.ts';

await loadChecksum();

/** Tables in the clear that are written with LZ4, as their inputs are. */
async function lz4Storage(more: Partial<Storage> = {}): Promise<Storage> {
  return {
    pipeline: plainPipeline(new SeededRandom(5)),
    sink: { compression: 'lz4' },
    inputs: [{ ...PLAIN_STORAGE, compression: codecSettings('lz4') }],
    ...more,
  };
}

function keyOf(number: number): Uint8Array {
  return new TextEncoder().encode(`key:${String(number).padStart(6, '0')}`);
}

/** Puts of `count` keys from `first` on, every `step`th. */
function puts(first: number, count: number, step: number, seqno: (i: number) => number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    key: keyOf(first + i * step),
    seqno: seqno(i),
    kind: KIND_PUT,
    value: new TextEncoder().encode(`value ${first + i} `.repeat(1 + (i % 4))),
  }));
}

function scenarioOf(inputs: Entry[][], more: Partial<Scenario> = {}): Scenario {
  return {
    inputs,
    deeper: [],
    snapshots: [],
    perTable: 1,
    targetTableBytes: 100_000,
    isFlush: true,
    ...more,
  };
}

interface Merged {
  readonly entries: Entry[];
  readonly outputs: readonly TableMeta[];
  readonly inputs: readonly TableMeta[];
  readonly blocksCopied: number;
  readonly world: World;
}

function merge(scenario: Scenario, storage: Storage): Merged {
  const world = new World(storage);
  const inputs = scenario.inputs.map((run) => world.write(run));
  const run = runOf(scenario, world, ...inputs.map((meta) => streamOf(world, [meta])));
  const outputs = finish(run);
  const entries = outputs.flatMap((meta) => world.read(meta));
  assert.equal(run.entriesRead, scenario.inputs.flat().length);
  assert.equal(run.entriesDropped, run.entriesRead - entries.length);
  return { entries, outputs, inputs, blocksCopied: run.blocksCopied, world };
}

/** The payloads of a table's data blocks, as text. */
function payloads(world: World, meta: TableMeta): string[] {
  const table = world.openTable(meta);
  const { index, reader } = table.blocks;
  const found: string[] = [];
  for (let ordinal = 0; ordinal < index.blockCount; ordinal++) {
    const buf = new Uint8Array(index.blockBytes(ordinal));
    reader.fill(buf, 0, buf.length, index.blockOffs[ordinal]!);
    assert.equal(buf[0], BLOCK_DATA);
    found.push(Buffer.from(buf.subarray(16, buf.length - 8)).toString('hex'));
  }
  table.close();
  return found;
}

/** Runs of different density whose ranges overlap in part, some with tombstones. */
const overlapping: fc.Arbitrary<Scenario> = fc
  .record({
    runs: fc.array(
      fc.record({
        first: fc.nat(600),
        count: fc.integer({ min: 1, max: 300 }),
        step: fc.constantFrom(1, 1, 2, 40),
        tombstoneEvery: fc.constantFrom(0, 0, 0, 7, 90),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    isAged: fc.boolean(),
    isFlush: fc.boolean(),
    snapshots: fc.uniqueArray(fc.nat(2000), { maxLength: 3 }),
    targetTableBytes: fc.constantFrom(1, 3000, 100_000),
  })
  .map(({ runs, isAged, isFlush, snapshots, targetTableBytes }) => {
    const inputs = runs.map(({ first, count, step, tombstoneEvery }, run) => {
      // The oldest run may have come to the bottom before.
      const isOldest = run === 0 && isAged;
      const entries = puts(first, count, step, (i) => (isOldest ? 0 : run * 500 + 1 + (i % 500)));
      return entries.map((entry, i) =>
        tombstoneEvery > 0 && i % tombstoneEvery === 3 && !isOldest
          ? { ...entry, kind: KIND_DELETE, value: new Uint8Array(0) }
          : entry,
      );
    });
    const ascending = snapshots.sort((a, b) => a - b);
    return scenarioOf(inputs, { isFlush, snapshots: ascending, targetTableBytes });
  });

suite('a merge of tables that overlap in part', () => {
  test('gives what the model gives, and copies blocks where it can', async () => {
    const storage = await lz4Storage();
    let blocksCopied = 0;
    fc.assert(
      fc.property(overlapping, (scenario) => {
        const merged = merge(scenario, storage);
        assert.deepEqual(merged.entries, expectedOutput(scenario));
        blocksCopied += merged.blocksCopied;
      }),
      { numRuns: 150 },
    );
    assert.ok(blocksCopied > 500, `${blocksCopied} blocks copied`);
  });

  test('counts the same as one that decodes every block', async () => {
    const storage = await lz4Storage();
    fc.assert(
      fc.property(overlapping, (scenario) => {
        const whole = { ...scenario, targetTableBytes: 1e6 };
        const copied = merge(whole, storage).outputs.map(countsOf);
        const world = new World(storage);
        const cursors = whole.inputs.map((run) => new ArrayCursor([...run]));
        assert.deepEqual(copied, finish(runOf(whole, world, ...cursors)).map(countsOf));
      }),
      { numRuns: 50 },
    );
  });

  test('copies nothing that is stored in another way than its outputs are', async () => {
    const storage = await mixedStorage();
    fc.assert(
      fc.property(overlapping, (scenario) => {
        assert.deepEqual(merge(scenario, storage).entries, expectedOutput(scenario));
      }),
      { numRuns: 30 },
    );
  });
});

function countsOf(meta: TableMeta): unknown {
  const { smallestKey, largestKey, smallestSeqno, largestSeqno } = meta;
  const { entryCount, tombstoneCount, rawBytes } = meta;
  return {
    smallestKey,
    largestKey,
    smallestSeqno,
    largestSeqno,
    entryCount,
    tombstoneCount,
    rawBytes,
  };
}

suite('blocks that nothing overlaps', () => {
  const disjoint = (): Entry[][] =>
    [0, 1, 2].map((run) => puts(run * 1000, 300, 1, (i) => run * 300 + i + 1));

  test('are taken over as they are', async () => {
    const merged = merge(scenarioOf(disjoint()), await lz4Storage());
    const before = merged.inputs.flatMap((meta) => payloads(merged.world, meta));
    const after = merged.outputs.flatMap((meta) => payloads(merged.world, meta));
    // All but the last of each table, which are short.
    assert.ok(merged.blocksCopied >= before.length - 3);
    assert.ok(before.length > 30);
    const known = new Set(after);
    assert.ok(before.filter((payload) => known.has(payload)).length >= merged.blocksCopied);
  });

  test('get the protection of their new table', async () => {
    const suiteName = 'aes-256-gcm';
    const ecc = { scheme: 'xor', data: 4 } as const;
    const pipeline = await pipelineOf({
      suite: suiteName,
      epoch: 1,
      random: new SeededRandom(3),
    });
    const storage = await lz4Storage({
      pipeline,
      sink: {
        compression: 'lz4',
        ecc,
        encryption: { suite: suiteName, epoch: 1, keys: { 1: new Uint8Array(32) } },
      },
    });
    const scenario = scenarioOf(disjoint());
    const merged = merge(scenario, storage);
    assert.ok(merged.blocksCopied > 30);
    assert.deepEqual(merged.entries, expectedOutput(scenario));
    for (const { protection } of merged.outputs) {
      assert.deepEqual(protection, pipeline.protection(true, ecc));
    }
  });

  const changed: Record<string, Partial<Scenario> & { readonly storage?: Partial<Storage> }> = {
    'their seqnos become 0': { isFlush: false },
    'the codec is another': { storage: { sink: { compression: 'none' } } },
    'the restart interval is another': {
      storage: { sink: { compression: 'lz4', restartInterval: 8 } },
    },
    'blocks are to be larger': { storage: { sink: { compression: 'lz4', blockSizeBytes: 4096 } } },
  };
  for (const [name, { storage, ...more }] of Object.entries(changed)) {
    test(`are not copied where ${name}`, async () => {
      const scenario = scenarioOf(disjoint(), more);
      const merged = merge(scenario, await lz4Storage(storage));
      assert.equal(merged.blocksCopied, 0);
      assert.deepEqual(merged.entries, expectedOutput(scenario));
    });
  }

  test('are copied at the bottom if their seqnos are 0 or a snapshot needs them', async () => {
    const aged = scenarioOf([puts(0, 300, 1, () => 0)], { isFlush: false });
    assert.ok(merge(aged, await lz4Storage()).blocksCopied > 10);
    const needed = scenarioOf([puts(0, 300, 1, (i) => 10 + i)], { isFlush: false, snapshots: [9] });
    assert.ok(merge(needed, await lz4Storage()).blocksCopied > 10);
    const inPart = { ...needed, snapshots: [10] };
    const merged = merge(inPart, await lz4Storage());
    assert.deepEqual(merged.entries, expectedOutput(inPart));
    assert.ok(merged.blocksCopied > 10);
  });
});
