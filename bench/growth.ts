/**
 * How cost grows with the data: loads of more and more entries, and of larger ones, with a block
 * cache of a quarter of the data. In an LSM a write costs near the same whatever is there, and a
 * read near the same for each sorted run.
 *
 *     npm run bench -- growth [--quick]
 *
 * Every load is a process of its own (`load.ts`). `read us x` is the time of a read by that of the
 * first row of the same value size.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rate, textTable } from './driver/text-table.ts';

/** Value size in bytes, and numbers of entries. */
const SHAPES: readonly (readonly [valueBytes: number, counts: readonly number[]])[] = [
  [100, [100_000, 1_000_000, 10_000_000]],
  [1000, [10_000, 100_000, 1_000_000]],
  [16_384, [640, 6400, 64_000]],
];
const KEY_BYTES = 16;
const CACHE_SHARE = 1 / 4;
const QUICK_SHARE = 1 / 100;

interface Load {
  readonly loadPerSecond: number;
  readonly lastTenthRatio: number;
  readonly writeAmplification: number;
  readonly sortedRuns: number;
  readonly getPerSecond: number;
  readonly getMissingPerSecond: number;
  readonly diskMb: number;
  readonly peakRssMb: number;
}

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const rows: string[][] = [];
for (const [valueBytes, counts] of SHAPES) {
  let first: Load | undefined;
  for (const full of counts) {
    const count = values.quick ? Math.ceil(full * QUICK_SHARE) : full;
    const load = run(count, valueBytes);
    first ??= load;
    rows.push(rowOf(count, valueBytes, load, first));
  }
}
const head = ['entries x value', 'writes/s', 'last tenth', 'write ampl.', 'runs', 'reads/s'];
console.log(textTable([...head, 'read us x', 'misses/s', 'disk MB', 'peak RSS MB'], rows));

function run(count: number, valueBytes: number): Load {
  const dataBytes = count * (KEY_BYTES + valueBytes);
  const options = { blockCacheBytes: Math.floor(dataBytes * CACHE_SHARE) };
  const batch = Math.max(1, Math.min(1000, Math.floor(262_144 / valueBytes)));
  const program = fileURLToPath(new URL('./load.js', import.meta.url));
  const args = ['--num', count, '--value-bytes', valueBytes, '--batch', batch, '--json'];
  const flags = [...args.map(String), '--options', JSON.stringify(options)];
  return JSON.parse(execFileSync(process.execPath, [program, ...flags], { encoding: 'utf8' }));
}

function rowOf(count: number, valueBytes: number, load: Load, first: Load): string[] {
  return [
    `${count.toLocaleString('en')} x ${valueBytes}`,
    rate(load.loadPerSecond),
    load.lastTenthRatio.toFixed(2),
    load.writeAmplification.toFixed(1),
    String(load.sortedRuns),
    rate(load.getPerSecond),
    (first.getPerSecond / load.getPerSecond).toFixed(2),
    rate(load.getMissingPerSecond),
    load.diskMb.toFixed(1),
    load.peakRssMb.toFixed(0),
  ];
}
