import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import type { FamilyVersion } from '../../src/manifest/family-version.ts';
import { lowerBound } from '../../src/manifest/family-version.ts';
import { Version } from '../../src/manifest/version.ts';
import { emptyEdit, type VersionEdit } from '../../src/manifest/version-edit.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { adding, FAMILIES, key, table } from './manifest-fixture.ts';

function apply(version: Version, edit: Partial<VersionEdit>): Version {
  return version.apply({ ...emptyEdit(), ...edit }, 'file', 9);
}

function startVersion(): Version {
  return apply(Version.empty(), { createdFamilies: FAMILIES });
}

function family(version: Version, id = 0): FamilyVersion {
  return version.families.get(id)!;
}

/** A family whose level 1 holds one table for each pair of distinct letters-like numbers. */
function disjointTables(bounds: number[]): TableMeta[] {
  const sorted = [...new Set(bounds)].sort((a, b) => a - b);
  const tables: TableMeta[] = [];
  for (let i = 0; i + 1 < sorted.length; i += 2) {
    const [smallest, largest] = [sorted[i]!, sorted[i + 1]!];
    tables.push(table(i + 1, String(smallest).padStart(3, '0'), String(largest).padStart(3, '0')));
  }
  return tables;
}

function refused(version: Version, edit: Partial<VersionEdit>, message: RegExp): void {
  assert.throws(() => apply(version, edit), {
    code: 'CORRUPTION',
    file: 'file',
    offset: 9,
    message,
  });
}

describe('a version', () => {
  test('keeps L0 newest first and deeper levels by key', () => {
    let version = startVersion();
    version = apply(version, adding(0, table(3, 'a', 'z', { largestSeqno: 50 })));
    version = apply(version, adding(0, table(4, 'a', 'z', { largestSeqno: 90 })));
    version = apply(version, adding(0, table(5, 'a', 'z', { largestSeqno: 50 })));
    version = apply(version, adding(1, table(6, 'm', 'p')));
    version = apply(version, adding(1, table(7, 'a', 'c')));
    version = apply(version, adding(1, table(8, 'q', 'q')));
    const numbers = family(version).levels.map((level) => level.map((meta) => meta.fileNumber));
    assert.deepEqual(numbers, [[4, 5, 3], [7, 6, 8], [], [], [], [], []]);
    assert.deepEqual(version.tableNumbers(), new Set([3, 4, 5, 6, 7, 8]));
  });

  test('shares with the one before what an edit leaves alone', () => {
    const before = apply(startVersion(), {
      createdFamilies: [{ id: 1, name: 'other' }],
      addedTables: adding(2, table(3, 'a', 'b')).addedTables,
    });
    const after = apply(before, adding(1, table(4, 'a', 'b')));
    assert.equal(family(after, 1), family(before, 1));
    assert.equal(family(after).levels[2], family(before).levels[2]);
    assert.notEqual(family(after).levels[1], family(before).levels[1]);
    assert.deepEqual(family(before).levels[1], []);
  });

  test('moves a table by removing and adding it in one edit', () => {
    const meta = table(3, 'a', 'b');
    const before = apply(startVersion(), adding(1, meta));
    const after = apply(before, {
      removedTables: [{ familyId: 0, level: 1, fileNumber: 3 }],
      addedTables: [{ familyId: 0, level: 2, meta }],
    });
    assert.deepEqual(family(after).levels[2], [meta]);
    assert.deepEqual(family(after).levels[1], []);
  });

  test('drops a family with its tables and never takes its id again', () => {
    let version = apply(startVersion(), { createdFamilies: [{ id: 4, name: 'b' }] });
    version = apply(version, {
      addedTables: [{ familyId: 4, level: 0, meta: table(3, 'a', 'b') }],
    });
    version = apply(version, { droppedFamilies: [4] });
    assert.deepEqual(version.tableNumbers(), new Set());
    assert.equal(version.nextFamilyId, 5);
    refused(version, { createdFamilies: [{ id: 4, name: 'c' }] }, /family id 4 was used/);
    version = apply(version, { createdFamilies: [{ id: 5, name: 'b' }] });
    assert.deepEqual([...version.families.keys()], [0, 5]);
  });

  test('knows the lowest log that is still needed', () => {
    assert.equal(Version.empty().firstLogNumber(), Number.POSITIVE_INFINITY);
    let version = apply(startVersion(), { createdFamilies: [{ id: 1, name: 'b' }] });
    version = apply(version, { logNumbers: [{ familyId: 0, logNumber: 9 }] });
    assert.equal(version.firstLogNumber(), 0);
    version = apply(version, { logNumbers: [{ familyId: 1, logNumber: 5 }] });
    assert.equal(version.firstLogNumber(), 5);
  });

  test('refuses every edit that breaks an invariant', () => {
    let version = apply(startVersion(), adding(1, table(3, 'c', 'f')));
    version = apply(version, { logNumbers: [{ familyId: 0, logNumber: 5 }] });
    const removed = { familyId: 0, level: 1, fileNumber: 3 };
    refused(version, adding(1, table(4, 'f', 'g')), /overlap/);
    refused(version, adding(1, table(4, 'a', 'c')), /overlap/);
    refused(version, adding(1, table(4, 'a', 'z')), /overlap/);
    refused(version, adding(1, table(4, 'd', 'e')), /overlap/);
    refused(version, adding(0, table(3, 'x', 'y')), /table 3 is already there/);
    const twice = [table(4, 'x', 'x'), table(4, 'y', 'y')].map((meta) => adding(1, meta));
    refused(version, { addedTables: twice.flatMap((edit) => edit.addedTables) }, /named twice/);
    refused(version, { removedTables: [removed, removed] }, /not in level 1/);
    refused(version, { removedTables: [{ ...removed, level: 2 }] }, /not in level 2/);
    refused(version, { removedTables: [{ ...removed, fileNumber: 8 }] }, /not in level 1/);
    refused(version, { removedTables: [{ ...removed, familyId: 8 }] }, /family 8 does not exist/);
    refused(version, { droppedFamilies: [8] }, /family 8 does not exist/);
    refused(version, { createdFamilies: [{ id: 0, name: 'x' }] }, /was used before/);
    refused(version, { createdFamilies: [{ id: 1, name: 'default' }] }, /is in use/);
    refused(version, { logNumbers: [{ familyId: 0, logNumber: 4 }] }, /log number .* falls/);
    refused(version, { nextFamilyId: 0 }, /next family id falls/);
  });

  test('gives the same levels whether tables come one by one, at once, or in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(999), { maxLength: 60 }), fc.nat(), (bounds, seed) => {
        const tables = disjointTables(bounds);
        const shuffled = tables.map((meta, i) => ({ meta, at: (i * 7919 + seed) % 101 }));
        shuffled.sort((a, b) => a.at - b.at);
        let oneByOne = startVersion();
        for (const { meta } of shuffled) oneByOne = apply(oneByOne, adding(1, meta));
        const added = shuffled.map(({ meta }) => ({ familyId: 0, level: 1, meta }));
        const atOnce = apply(startVersion(), { addedTables: added });
        assert.deepEqual(family(oneByOne).levels[1], tables);
        assert.deepEqual(family(atOnce).levels[1], tables);
      }),
    );
  });
});

describe('a lookup in a level', () => {
  test('finds the first table that does not end before the key', () => {
    const bounds = fc.array(fc.nat(999), { maxLength: 60 });
    const probes = fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(bounds, probes, (numbers, keys) => {
        const tables = disjointTables(numbers);
        for (const probe of keys.map((n) => key(String(n).padStart(3, '0')))) {
          const found = tables.findIndex((meta) => compareKeys(meta.largestKey, probe) >= 0);
          const buf = new Uint8Array([7, ...probe, 7]);
          const expected = found < 0 ? tables.length : found;
          assert.equal(lowerBound(tables, buf, 1, probe.length), expected);
        }
      }),
    );
  });
});
