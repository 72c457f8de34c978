/**
 * The parser of db_bench's output, on lines that RocksDB 7.8.3 printed.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  parseDbBench,
  parseLevelFiles,
  parseProgress,
  parseTickers,
} from '../../bench/vs/db-bench-output.ts';

const OUTPUT = `Set seed to 1795236424248135 because --seed was 0
RocksDB:    version 7.8.3
Keys:       16 bytes each (+ 0 bytes user-defined timestamp)
Values:     100 bytes each (50 bytes after compression)
Entries:    20000
Write rate: 0 bytes/second
Compression: LZ4
WARNING: Assertions are enabled; benchmarks unnecessarily slow
------------------------------------------------
DB path: [db]
fillseq      :       3.085 micros/op 324122 ops/sec 0.062 seconds 20000 operations;   35.9 MB/s
... finished 100 ops                              \rDB path: [db]
readrandom   :       1.441 micros/op 692616 ops/sec 0.007 seconds 5000 operations;\
   49.5 MB/s (3232 of 5000 found)

readmissing  :       1.364 micros/op 732278 ops/sec 0.007 seconds 5000 operations; (0 of 5000 found)

entries_per_batch = 1
multireadrandom :       1.636 micros/op 610351 ops/sec 0.008 seconds 5000 operations;\
   43.4 MB/s (3215 of 5000 found)
compact      :   14863.000 micros/op 67 ops/sec 0.015 seconds 1 operations;
`;

test('results are found among what else db_bench prints', () => {
  const names = parseDbBench(OUTPUT).map(({ name }) => name);
  assert.deepEqual(names, ['fillseq', 'readrandom', 'readmissing', 'multireadrandom', 'compact']);
});

test('a line with a rate and a message is taken apart', () => {
  assert.deepEqual(parseDbBench(OUTPUT)[1], {
    name: 'readrandom',
    microsPerOperation: 1.441,
    operationsPerSecond: 692_616,
    seconds: 0.007,
    operations: 5000,
    megabytesPerSecond: 49.5,
    message: '(3232 of 5000 found)',
    latency: undefined,
  });
});

test('a line without a rate keeps its message', () => {
  const [, , missing, , compact] = parseDbBench(OUTPUT);
  assert.equal(missing!.megabytesPerSecond, undefined);
  assert.equal(missing!.message, '(0 of 5000 found)');
  assert.equal(compact!.message, '');
  assert.equal(compact!.operations, 1);
});

test('percentiles are of the result before them', () => {
  const text = `fillsync     :    4171.678 micros/op 239 ops/sec 4.172 seconds 1000 operations;\
    0.0 MB/s (1 ops)
Microseconds per write:
Count: 1000 Average: 4171.5740  StdDev: 5950.33
Min: 102  Median: 2846.9027  Max: 107803
Percentiles: P50: 2846.90 P75: 5632.62 P99: 25666.67 P99.9: 75000.00 P99.99: 106500.00
------------------------------------------------------
(      76,     110 ]       15   1.500%   1.500%
compact      :   14863.000 micros/op 67 ops/sec 0.015 seconds 1 operations;
`;
  assert.deepEqual(
    parseDbBench(text).map(({ name, latency }) => [name, latency]),
    [
      ['fillsync', { p50: 2846.9, p99: 25_666.67, p999: 75_000 }],
      ['compact', undefined],
    ],
  );
});

test('what our own program prints is read the same', () => {
  const line =
    'readrandom   :       3.125 micros/op 320012 ops/sec 0.062 seconds 20000 operations;' +
    '   11.3 MB/s (6383 of 20000 found) [os]';
  assert.equal(parseDbBench(line)[0]!.message, '(6383 of 20000 found) [os]');
});

test('counts of the statistics are found by name', () => {
  const text = `STATISTICS:
rocksdb.wal.bytes COUNT : 23802400
rocksdb.block.cache.data.miss COUNT : 79566
rocksdb.db.get.micros P50 : 3.865278 P95 : 9.513956 P100 : 51306.000000 COUNT : 200000 SUM : 3273443
`;
  assert.deepEqual(
    [...parseTickers(text)],
    [
      ['wal.bytes', 23_802_400],
      ['block.cache.data.miss', 79_566],
    ],
  );
});

test('files of levels and the rates on the way are found', () => {
  const levels = `
Level Files Size(MB)
--------------------
  0        3        2
  1       12       40
  2        0        0

DB path: [db]
`;
  assert.deepEqual(parseLevelFiles(levels), [3, 12, 0]);
  const date = '2026/01/31-11:35:30  ... thread 0:';
  const progress = `${date} (20,20) ops and (217339.3,217339.3) ops/second in (0.092,0.092) seconds
${date} (20,40) ops and (227244.5,222181.5) ops/second in (0.088,0.180) seconds
`;
  assert.deepEqual(parseProgress(progress), [217_339.3, 227_244.5]);
});
