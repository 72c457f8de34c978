/**
 * The table of aims: ratios, and who counts as a peer.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { AIMS, aimRatio, type Figure, standing } from '../../bench/vs/aims.ts';
import { ROWS } from '../../bench/vs/rows.ts';
import { type Sample, summarise } from '../../bench/vs/sample.ts';

const readrandom = AIMS.find(({ row }) => row === 'readrandom')!;
const compaction = AIMS.find(({ row }) => row === 'compact')!;

function figure(peer: string, kind: Figure['kind'], value: number): Figure {
  const preset = /^(?:varve|rocksdb):(.*)$/.exec(peer)?.[1];
  return { peer, kind, preset, value };
}

test('every aim belongs to a row', () => {
  for (const { row, title } of AIMS)
    assert.ok(
      ROWS.some(({ name }) => name === row),
      title,
    );
});

test('aims are ratios to the figures of the table, and never below 1', () => {
  assert.equal(aimRatio(readrandom, readrandom.binding)!.toFixed(2), '1.32');
  assert.equal(aimRatio(compaction, compaction.binding), 1);
  assert.equal(aimRatio(compaction, compaction.native)!.toFixed(2), '1.18');
});

test('what reads through the page cache counts only where the cache holds the data', () => {
  const figures = [
    figure('varve:default', 'varve', 300),
    figure('varve:rocksdb-parity', 'varve', 600),
    figure('classic-level', 'lsm', 200),
    figure('lmdb', 'btree', 500),
    figure('memory-level', 'memory', 9000),
    figure('rocksdb:default', 'native', 100),
    figure('rocksdb:rocksdb-parity', 'native', 150),
  ];
  const byDefault = standing(readrandom, 'default', figures)!;
  assert.equal(byDefault.binding!.peer, 'classic-level');
  assert.equal(byDefault.bindingRatio, 1.5);
  assert.equal(byDefault.nativeRatio, 3);
  const atParity = standing(readrandom, 'rocksdb-parity', figures)!;
  assert.equal(atParity.binding!.peer, 'lmdb');
  assert.equal(atParity.bindingRatio, 1.2);
  assert.equal(atParity.nativeRatio, 4);
});

test('of times the shorter one is the better one', () => {
  const found = standing(compaction, 'default', [
    figure('varve:default', 'varve', 2),
    figure('classic-level', 'lsm', 4),
    figure('rocksdb-native', 'lsm', 3),
  ])!;
  assert.equal(found.binding!.peer, 'rocksdb-native');
  assert.equal(found.bindingRatio, 1.5);
});

test('samples are summed up by their medians', () => {
  const sample = (opsPerSecond: number, diskBytes: number): Sample => ({
    peer: 'varve:default',
    row: 'fillseq-1000',
    durability: 'os',
    operations: 100,
    seconds: 1,
    opsPerSecond,
    bytesWritten: 1000,
    stopped: false,
    latency: { p50: opsPerSecond, p99: 2 * opsPerSecond, p999: 3 * opsPerSecond },
    message: '',
    peakRssBytes: undefined,
    written: { diskBytes, wcharBytes: 0 },
    sizeBytes: 7,
  });
  const summary = summarise([sample(10, 2000), sample(40, 6000), sample(20, 3000)], 'diskBytes');
  assert.equal(summary.opsPerSecond, 20);
  assert.equal(summary.spread, 4);
  assert.equal(summary.writtenPerUserByte, 3);
  assert.equal(summary.peakRssBytes, undefined);
  assert.deepEqual(summary.latency, { p50: 20, p99: 40, p999: 60 });
});
