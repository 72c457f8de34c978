/**
 * Open tables within a limit of handles.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadChecksum } from '../../src/block/checksum.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { isVarveError, type VarveError } from '../../src/errors.ts';
import { SharedHandles } from '../../src/fs/handle-pool.ts';
import type { Fs, HandlePool } from '../../src/fs/port.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { TableCache, type TableSlot } from '../../src/tables/table-cache.ts';
import { plainPipeline } from '../block/pipelines.ts';
import { DIRECTORY, World } from '../merge/merge-fixture.ts';

await loadChecksum();

interface Fixture {
  readonly world: World;
  readonly tables: TableCache;
  readonly slots: TableSlot[];
}

function fixture(
  tableCount: number,
  openMax: number,
  pipeline = plainPipeline(),
  handles?: HandlePool,
): Fixture {
  const world = new World();
  const fs = withHandles(world.fs, handles);
  const tables = new TableCache(fs, DIRECTORY, new BlockCache(1 << 20), pipeline, openMax);
  const slots = Array.from({ length: tableCount }, (_, i) => {
    const key = Uint8Array.of(i);
    return tables.slot(world.write([{ key, seqno: 1, kind: KIND_PUT, value: key }]));
  });
  return { world, tables, slots };
}

function withHandles(fs: Fs, handles: HandlePool | undefined): Fs {
  return handles === undefined ? fs : Object.create(fs, { handles: { value: handles } });
}

function openSlots(slots: readonly TableSlot[]): number[] {
  return slots.flatMap((slot, i) => (slot.table === undefined ? [] : [i]));
}

suite('TableCache', () => {
  test('has one slot per file and opens it at its first use', () => {
    const { world, tables, slots } = fixture(2, 4);
    assert.equal(tables.slot({ ...slots[0]!.meta }), slots[0]);
    assert.equal(world.openHandles(), 0);
    const table = tables.open(slots[0]!);
    assert.equal(tables.open(slots[0]!), table);
    assert.equal(world.fs.calls('open'), 1);
    assert.equal(tables.openCount, 1);
    assert.equal(tables.memoryBytes, table.memoryBytes);
  });

  test('closes a table that is not used to open another', () => {
    const { world, tables, slots } = fixture(6, 3);
    for (const slot of slots) {
      tables.open(slot);
      assert.ok(tables.openCount <= 3);
      assert.equal(world.openHandles(), tables.openCount);
    }
    assert.equal(openSlots(slots).at(-1), 5);
  });

  test('keeps tables that are used again and again', () => {
    const { world, tables, slots } = fixture(20, 4);
    const hot = slots[0]!;
    tables.open(hot);
    for (const slot of slots.slice(1)) {
      tables.open(slot);
      tables.open(hot);
    }
    const opens = world.fs.calls('open');
    assert.ok(opens <= slots.length + 1, `${opens} opens`);
  });

  test('never closes a table under a cursor, not even above the limit', () => {
    const { world, tables, slots } = fixture(6, 3);
    for (const slot of slots) {
      tables.open(slot);
      slot.pins++;
    }
    assert.equal(tables.openCount, 6);
    const cursors = slots.map((slot) => slot.table!.cursor());
    for (const cursor of cursors) assert.ok(cursor.first());
    assert.equal(world.openHandles(), 6);
  });

  test('returns to the limit when the cursors are gone', () => {
    const { tables, slots } = fixture(8, 3);
    for (const slot of slots.slice(0, 6)) {
      tables.open(slot);
      slot.pins++;
    }
    for (const slot of slots) slot.pins = 0;
    tables.open(slots[6]!);
    tables.open(slots[7]!);
    assert.ok(tables.openCount <= 3, `${tables.openCount} tables are open`);
  });

  test('any order of uses and pins keeps to the limit as far as pins allow', () => {
    const uses = fc.array(
      fc.tuple(fc.constantFrom('open', 'open', 'open', 'pin', 'unpin', 'forget'), fc.nat(9)),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(uses, fc.integer({ min: 1, max: 5 }), (list, openMax) => {
        const { world, tables, slots } = fixture(10, openMax);
        for (const [use, i] of list) {
          const slot = slots[i]!;
          const pinned = slots.filter((one) => one.pins > 0).length;
          if (use === 'open' || use === 'pin') {
            const isOpening = slot.table === undefined;
            tables.open(slot);
            if (isOpening) assert.ok(tables.openCount <= Math.max(openMax, pinned + 1));
            if (use === 'pin') slot.pins++;
          } else if (use === 'unpin') {
            slot.pins = 0;
          } else if (slot.pins === 0) {
            tables.forget(slot);
            slots[i] = tables.slot(slot.meta);
          }
          assert.equal(tables.openCount, openSlots(slots).length);
          assert.equal(world.openHandles(), tables.openCount);
          assert.ok(slots.every((one) => one.pins === 0 || one.table !== undefined));
        }
        tables.closeAll();
        assert.equal(world.openHandles(), 0);
        assert.equal(tables.openCount, 0);
        assert.equal(tables.memoryBytes, 0);
      }),
      { numRuns: 100 },
    );
  });
});

suite('forgetting a table', () => {
  test('closes it for good; its file number may then get a new slot', () => {
    const { world, tables, slots } = fixture(2, 4);
    tables.open(slots[0]!);
    tables.open(slots[1]!);
    tables.forget(slots[0]!);
    assert.equal(world.openHandles(), 1);
    assert.equal(tables.openCount, 1);
    assert.notEqual(tables.slot(slots[0]!.meta), slots[0]);
  });

  test('that was never opened costs nothing', () => {
    const { world, tables, slots } = fixture(1, 4);
    tables.forget(slots[0]!);
    assert.equal(world.fs.calls('open'), 0);
  });
});

suite('a table that cannot be opened', () => {
  test('leaves no handle, and opens when the fault is gone', () => {
    const { world, tables, slots } = fixture(1, 4);
    for (const operation of ['open', 'read'] as const) {
      world.fs.failCall(1, { operation });
      assert.throws(
        () => tables.open(slots[0]!),
        (error) => isVarveError(error, 'IO'),
      );
      assert.equal(world.openHandles(), 0);
      assert.equal(tables.openCount, 0);
      world.fs.clearRules();
    }
    assert.ok(tables.open(slots[0]!));
  });

  test('is corrupt when it is not the table that the manifest describes', () => {
    const { world, tables, slots } = fixture(1, 4);
    const { meta } = slots[0]!;
    tables.forget(slots[0]!);
    const other = tables.slot({ ...meta, sizeBytes: meta.sizeBytes + 1 });
    assert.throws(
      () => tables.open(other),
      (error) => isVarveError(error, 'CORRUPTION'),
    );
    assert.equal(world.openHandles(), 0);
  });
});

suite('a table whose file does not close without an error', () => {
  function failing(openMax: number): Fixture & { told: string[] } {
    const told: string[] = [];
    const onCloseFailed = (error: VarveError) => told.push(`${error.code} ${error.file}`);
    const made = fixture(4, openMax, plainPipeline(undefined, onCloseFailed));
    made.world.fs.failCall(1, { operation: 'close' });
    return { ...made, told };
  }

  test('is told once, opens again, and is in the way of no other', () => {
    const { world, tables, slots, told } = failing(2);
    for (let round = 0; round < 3; round++) for (const slot of slots) tables.open(slot);
    assert.equal(told.length, 1);
    assert.match(told[0]!, /^IO .*\.sst$/);
    assert.equal(world.openHandles(), 2);
    tables.closeAll();
    assert.equal(world.openHandles(), 0);
  });

  test('is forgotten all the same', () => {
    const { world, tables, slots, told } = failing(4);
    tables.open(slots[0]!);
    tables.forget(slots[0]!);
    assert.equal(told.length, 1);
    assert.equal(world.openHandles(), 0);
    assert.equal(tables.openCount, 0);
  });

  test('does not keep the others from being closed', () => {
    const { world, tables, slots, told } = failing(4);
    for (const slot of slots) tables.open(slot);
    tables.closeAll();
    assert.equal(told.length, 1);
    assert.equal(world.openHandles(), 0);
  });
});

suite('tables within a limit that several caches share', () => {
  const CAPACITY = 6;

  function several(count: number): { handles: SharedHandles; caches: Fixture[] } {
    const handles = new SharedHandles(() => CAPACITY);
    const caches = Array.from({ length: count }, () => fixture(8, 100, undefined, handles));
    return { handles, caches };
  }

  function handleCount(caches: readonly Fixture[]): number {
    return caches.reduce((sum, { world }) => sum + world.openHandles(), 0);
  }

  test('keep to it together, and all can be opened', () => {
    const { caches } = several(3);
    for (let round = 0; round < 3; round++) {
      for (const { tables, slots } of caches) {
        for (const slot of slots) {
          assert.ok(tables.open(slot));
          assert.ok(handleCount(caches) <= CAPACITY);
        }
      }
    }
    for (const { tables, world } of caches) assert.equal(tables.handleCount, world.openHandles());
  });

  test('are not closed under cursors, not even above it', () => {
    const { handles, caches } = several(2);
    const [{ tables, slots, world }] = caches as [Fixture];
    for (const slot of slots) {
      tables.open(slot);
      slot.pins++;
    }
    assert.equal(world.openHandles(), slots.length);
    assert.equal(handles.shed(), false);
    assert.ok(caches[1]!.tables.open(caches[1]!.slots[0]!));
  });

  test('are kept as far as there is room, and given up for others, the last ones first', () => {
    const { handles, caches } = several(2);
    const [reader, other] = caches as [Fixture, Fixture];
    for (const slot of reader.slots) reader.tables.keep(slot);
    const isKept = () => reader.slots.map(({ kept }) => (kept === undefined ? '-' : 'k')).join('');
    assert.equal(isKept(), 'kkkkkk--');
    for (const slot of reader.slots.slice(0, 2)) reader.tables.open(slot);
    assert.equal(reader.world.openHandles(), CAPACITY);
    other.tables.open(other.slots[0]!);
    assert.equal(isKept(), 'kkkkk---');
    reader.tables.open(reader.slots[7]!);
    assert.equal(handleCount(caches), CAPACITY);
    while (handles.shed());
    assert.equal(handleCount(caches), 0);
    assert.ok(reader.slots.every(({ table }) => table === undefined));
    for (const slot of reader.slots) assert.ok(reader.tables.open(slot));
  });

  test('can be read when their file is gone, as long as it is kept', () => {
    const { world, tables, slots } = fixture(3, 1);
    for (const slot of slots) tables.keep(slot);
    for (const slot of slots) world.fs.remove(tables.pathOf(slot));
    for (let round = 0; round < 2; round++) {
      for (const slot of slots) assert.ok(tables.open(slot).cursor().first());
    }
    assert.equal(tables.openCount, 1);
    tables.closeAll();
    assert.equal(world.openHandles(), 0);
  });

  test('count no more once their cache is closed', () => {
    const { handles, caches } = several(2);
    const [first] = caches as [Fixture];
    for (const slot of first.slots) first.tables.open(slot);
    assert.equal(handles.hasRoom, false);
    first.tables.closeAll();
    assert.equal(handles.hasRoom, true);
    assert.equal(handles.shed(), false);
  });
});
