/**
 * The benchmark programs, run as users run them, on a few entries.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WORKLOADS } from '../../bench/driver/workloads.ts';
import { parseDbBench } from '../../bench/vs/db-bench-output.ts';

const NUM = 500;
const names = WORKLOADS.map(({ name }) => name);
const folder = mkdtempSync(join(tmpdir(), 'varve-bench-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What a program of bench/ prints. */
function bench(name: string, args: readonly string[]) {
  const program = fileURLToPath(new URL(`../../bench/${name}.js`, import.meta.url));
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
}

function output(name: string, args: readonly string[]): string {
  const { status, stdout, stderr } = bench(name, args);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Operations that a workload is to do with NUM entries. */
function expectedOperations(name: string): number {
  if (name === 'fillsync' || name === 'compact' || name === 'open') return 1;
  return name === 'prefixscan' ? NUM / 100 : NUM;
}

test('every workload does its operations, and finds what was written', () => {
  const html = join(folder, 'report.html');
  const text = output('db', [
    ...[`--num=${NUM}`, '--json', '--html', html, '--seek_nexts=3'],
    // fillrandom leaves keys out: what reads comes after a fill of every key.
    `--benchmarks=${names.filter((name) => name !== 'deleterandom').join(',')},deleterandom`,
  ]);
  const results = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(results.map(({ workload }) => workload).sort(), [...names].sort());
  for (const { workload, operations, opsPerSecond, durability } of results) {
    if (!/^read(seq|reverse)/.test(workload)) {
      assert.equal(operations, expectedOperations(workload), workload);
    }
    assert.ok(operations > 0 && opsPerSecond > 0, workload);
    assert.equal(durability, workload === 'fillsync' ? 'fsync' : 'os');
  }
  const page = readFileSync(html, 'utf8');
  for (const name of names) assert.ok(page.includes(`<td>${name}</td>`), name);
  assert.ok(page.includes('"labels":["fillseq"'), 'the data of the charts');
  assert.ok(page.includes('Chart.js v'), 'the library');
  assert.doesNotMatch(page, /<(script|link)[^>]* (src|href)=/, 'nothing from elsewhere');
});

test('results are lines of db_bench, with latencies when asked for', () => {
  const text = output('db', [
    ...[`--num=${NUM}`, '--benchmarks=fillseq,readrandom,readmissing,readseq,readseq-entries'],
    ...['--histogram', '--statistics=1'],
  ]);
  const lines = parseDbBench(text);
  assert.deepEqual(
    lines.map(({ name, operations }) => [name, operations]),
    ['fillseq', 'readrandom', 'readmissing', 'readseq', 'readseq-entries'].map((name) => [
      name,
      NUM,
    ]),
  );
  assert.match(lines[1]!.message, /\(500 of 500 found\)/);
  assert.match(lines[2]!.message, /\(0 of 500 found\)/);
  assert.equal(text.match(/^Percentiles: P50: \S+ P75: \S+ P99: \S+ P99\.9: /gm)?.length, 3);
  assert.match(text, /"blockCacheHits": \d+/);
});

test('reads and writes of readwhilewriting are timed apart', () => {
  const args = [`--num=${NUM}`, '--benchmarks=readwhilewriting', '--histogram'];
  const text = output('db', args);
  const counts = [...text.matchAll(/^Microseconds per (\w+):\nCount: (\d+)/gm)].map(
    ([, what, count]) => [what, Number(count)],
  );
  assert.deepEqual(counts, [
    ['read', NUM * 0.9],
    ['write', NUM * 0.1],
  ]);
});

test('an existing database is read, by threads too, and not removed', () => {
  const where = ['--db', folder, `--num=${NUM}`];
  output('db', [...where, '--benchmarks=fillseq']);
  const args = [...where, '--use_existing_db', '--threads=2', '--json'];
  const result = JSON.parse(output('db', [...args, '--benchmarks=readseq']));
  assert.equal(result.operations, 2 * NUM);
  assert.equal(result.threads, 2);
  const refused = bench('db', [...args, '--benchmarks=fillseq']);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /needs an empty database/);
  assert.ok(readdirSync(join(folder, 'varve-bench')).includes('CURRENT'));
});

test('flags that make no sense are refused in words', () => {
  for (const [args, words] of [
    [['--benchmarks=fillsec'], /no workload fillsec/],
    [['--num=0'], /integer of 1/],
    [['--preset=fast'], /Allowed choices/],
    [['--threads=2', '--histogram'], /one thread/],
  ] as const) {
    const { status, stderr } = bench('db', args);
    assert.notEqual(status, 0);
    assert.match(stderr, words);
  }
});

test('the comparison runs Varve in processes of its own under each preset', () => {
  const args = ['--quick', `--num=${NUM}`, '--engines=varve', '--db', folder];
  const text = output('vs', [...args, '--only=fillseq-1000,readrandom,updaterandom', '--json']);
  const samples = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    samples.map(({ row, peer }) => `${row} ${peer}`).sort(),
    ['fillseq-1000', 'readrandom', 'updaterandom'].flatMap((row) => [
      `${row} varve:default`,
      `${row} varve:rocksdb-parity`,
    ]),
  );
  for (const sample of samples) {
    assert.equal(sample.operations, NUM);
    assert.ok(sample.peakRssBytes > 2 ** 20 && sample.sizeBytes > 0);
    assert.equal(sample.bytesWritten, sample.row === 'readrandom' ? 0 : NUM * 116);
  }
});
