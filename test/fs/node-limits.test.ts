/**
 * How many tables a process keeps open.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTablesLimit } from '../../src/fs/node-limits.ts';

test('half of the descriptors that the runtime leaves are for tables', () => {
  assert.equal(openTablesLimit(64), 16);
  assert.equal(openTablesLimit(256), 112);
  assert.equal(openTablesLimit(1024), 496);
  assert.equal(openTablesLimit(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
});

test('some tables are open whatever the limit', () => {
  for (const limit of [0, 20, 40]) assert.equal(openTablesLimit(limit), 8);
});

test('the limit of this process is found', () => {
  assert.ok(openTablesLimit() >= 8);
});
