import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnownState } from '../../src/integrity/known-state.ts';
import type { FoundTable } from '../../src/integrity/repair-survey.ts';
import { type Verdict, Verdicts } from '../../src/integrity/repair-verdicts.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import type { TableOrigin } from '../../src/sstable/table-origin.ts';

/** A table by its number, with what it says of others; undefined for an older one. */
function found(fileNumber: number, origin: Partial<TableOrigin> | undefined): FoundTable {
  const whole = { familyId: 1, familyName: 'f', level: 1, inputs: [], retired: [], ...origin };
  const properties = { origin: origin === undefined ? undefined : whole };
  return { fileNumber, sizeBytes: 1, properties } as unknown as FoundTable;
}

function verdicts(
  tables: readonly FoundTable[],
  known: KnownState = new KnownState(),
  lostTables: readonly number[] = [],
  unreadable: readonly number[] = [],
): Record<number, Verdict> {
  const numbers = [...tables.map(({ fileNumber }) => fileNumber), ...unreadable];
  const files = { tables: numbers, logs: [], manifests: [], lostTables, nextFileNumber: 99 };
  const byNumber = new Map(tables.map((table) => [table.fileNumber, table]));
  const judged = new Verdicts({ files, known, tables: byNumber });
  return Object.fromEntries(tables.map((table) => [table.fileNumber, judged.of(table, false)]));
}

const known = (edit: Partial<ReturnType<typeof emptyEdit>>) => {
  const state = new KnownState();
  state.take({ ...emptyEdit(), ...edit });
  return state;
};
const added = (fileNumber: number, familyId = 1, level = 2) => {
  return { familyId, level, meta: { fileNumber } as TableMeta };
};

test('what stands alone is part of the database', () => {
  assert.deepEqual(verdicts([found(1, {}), found(2, { level: 0 })]), { 1: 'live', 2: 'live' });
});

test('a merge of which an input is gone counts, and replaces the others', () => {
  const all = verdicts([found(2, {}), found(3, { inputs: [1, 2] }), found(4, { inputs: [1, 2] })]);
  assert.deepEqual(all, { 2: 'replaced', 3: 'live', 4: 'live' });
});

test('a merge of which nothing shows that it counts is left out: its inputs are there', () => {
  const all = [found(1, {}), found(2, {}), found(3, { inputs: [2, 1] })];
  assert.deepEqual(verdicts(all), { 1: 'live', 2: 'live', 3: 'unfinished' });
});

test('an input that cannot be read, or was put aside, is not gone', () => {
  const all = [found(2, {}), found(3, { inputs: [1, 2] })];
  assert.deepEqual(verdicts(all, undefined, [1]), { 2: 'live', 3: 'unfinished' });
  assert.deepEqual(verdicts(all, undefined, [], [1]), { 2: 'live', 3: 'unfinished' });
});

test('what was merged or retired later was part of the database', () => {
  const first = [found(1, {}), found(2, {}), found(3, { inputs: [1, 2] })];
  const merged = verdicts([...first, found(9, { inputs: [3, 8] })]);
  assert.deepEqual(merged, { 1: 'replaced', 2: 'replaced', 3: 'replaced', 9: 'live' });
  const retired = verdicts([...first, found(9, { retired: [3] })]);
  assert.deepEqual(retired, { 1: 'replaced', 2: 'replaced', 3: 'replaced', 9: 'live' });
});

test('a table that another lists as retired is no part of the database', () => {
  assert.deepEqual(verdicts([found(1, {}), found(5, { retired: [1] })]), {
    1: 'replaced',
    5: 'live',
  });
});

test('an output that an edit names shows that its merge counts', () => {
  const all = [found(1, {}), found(3, { inputs: [1, 2] })];
  const named = known({ addedTables: [added(3)] });
  assert.deepEqual(verdicts(all, named, [2]), { 1: 'replaced', 3: 'live' });
});

test('what an edit removes is no part of the database, unless it only moves', () => {
  const removed = [{ familyId: 1, level: 0, fileNumber: 1 }];
  assert.deepEqual(verdicts([found(1, {})], known({ removedTables: removed })), { 1: 'replaced' });
  const moved = known({ removedTables: removed, addedTables: [added(1)] });
  assert.deepEqual(verdicts([found(1, {})], moved), { 1: 'live' });
});

test('tables of a family that was dropped go with it, also if only a snapshot tells', () => {
  const names = known({ createdFamilies: [{ id: 1, name: 'f' }] });
  names.take({ ...emptyEdit(), droppedFamilies: [1] });
  assert.deepEqual(verdicts([found(3, {})], names), { 3: 'replaced' });
  const snapshot = new KnownState();
  snapshot.take({ ...emptyEdit(), nextFamilyId: 2 });
  assert.deepEqual(verdicts([found(3, {})], snapshot), { 3: 'replaced' });
  assert.deepEqual(verdicts([found(3, { familyId: 2 })], snapshot), { 3: 'live' });
});

test('where the manifest is whole, what it does not name is no part of the database', () => {
  const whole = known({ addedTables: [added(1)] });
  whole.isWhole = true;
  assert.deepEqual(verdicts([found(1, {}), found(2, {})], whole), { 1: 'live', 2: 'unfinished' });
});

test('a table of an older version has no family, unless an edit or the caller gives it one', () => {
  assert.deepEqual(verdicts([found(1, undefined)]), { 1: 'homeless' });
  const named = known({ addedTables: [added(1)] });
  assert.deepEqual(verdicts([found(1, undefined)], named), { 1: 'live' });
});
