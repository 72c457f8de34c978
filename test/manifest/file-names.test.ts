import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CURRENT_NAME,
  LOCK_NAME,
  manifestName,
  parseFileName,
  tableName,
  walName,
} from '../../src/manifest/file-names.ts';

test('names are parsed back into kind and number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 53 - 1 }), (number) => {
      assert.deepEqual(parseFileName(tableName(number)), { kind: 'table', number });
      assert.deepEqual(parseFileName(walName(number)), { kind: 'wal', number });
      assert.deepEqual(parseFileName(manifestName(number)), { kind: 'manifest', number });
    }),
  );
  assert.equal(tableName(12), '000012.sst');
  assert.equal(walName(12), '000012.wal');
  assert.equal(manifestName(12), 'MANIFEST-000012');
  assert.deepEqual(parseFileName(CURRENT_NAME), { kind: 'current', number: 0 });
  assert.deepEqual(parseFileName('CURRENT.new'), { kind: 'current', number: 0 });
  assert.deepEqual(parseFileName(LOCK_NAME), { kind: 'lock', number: 0 });
});

test('names that the engine does not make belong to no kind', () => {
  const others = ['', '12.sst', '0000012.sst', '000012.SST', '000012', 'MANIFEST-12', '000000.wal'];
  others.push('MANIFEST-000012.sst', '000012.sst.tmp', '9007199254740993.wal', 'current', '../x');
  for (const name of others) assert.equal(parseFileName(name), undefined, name);
});
