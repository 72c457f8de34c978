/**
 * The programs that load databases and say what it cost, run as users run them, on a few entries.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { CHURNS } from '../../bench/churn/workloads.ts';

function bench(name: string, args: readonly string[]): string {
  const program = fileURLToPath(new URL(`../../bench/${name}.js`, import.meta.url));
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  return execFileSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    stdio: [...stdio],
  });
}

test('every churn keeps alive what it says', () => {
  const lines = bench('churn', ['--live-mib=0.2', '--turnovers=2', '--json']).trim().split('\n');
  const results = lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    results.map(({ name }) => name),
    Object.keys(CHURNS),
  );
  for (const { name, liveBytes, peakBytes, finalBytes } of results) {
    assert.ok(liveBytes > 200_000 && liveBytes < 220_000, `${name}: ${liveBytes}`);
    assert.ok(peakBytes >= liveBytes && finalBytes >= liveBytes * 0.9, name);
  }
});

test('the amplification of a load is printed for each preset', () => {
  const args = ['--num=20000', '--reads=500', '--engines=varve', '--json'];
  const [first, second, ...others] = bench('amplification', args).trim().split('\n');
  assert.equal(others.length, 0);
  assert.equal(JSON.parse(second!).store, 'varve (rocksdb-parity)');
  const cost = JSON.parse(first!);
  assert.equal(cost.store, 'varve (default)');
  assert.equal(cost.rates.length, 10);
  assert.equal(cost.sortedRuns, 1);
  assert.equal(cost.tablesPerRead, 1);
  assert.ok(cost.walBytes > 20_000 * 116 && cost.flushBytes > 0 && cost.compactionBytes === 0);
});

test('a full compaction is timed with and without workers', () => {
  const text = bench('compaction', ['--num=4000', '--repeat=1']);
  for (const workers of [0, 1, 2])
    assert.match(text, new RegExp(`^ varve, workers: ${workers}`, 'm'));
  const scaling = /^Two threads of pure arithmetic do (\d\.\d\d) times/m.exec(text);
  assert.ok(Number(scaling?.[1]) > 0.3 && Number(scaling?.[1]) < 4, text);
});
