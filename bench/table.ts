/**
 * Speed of one table: random lookups, scans, writing.
 *
 *     npm run bench -- table [entries] [restart interval] [block size]
 *     npm run bench -- table layout [entries] [block size]
 *
 * `layout` compares the layout of data blocks with the interleaved one, and restart intervals.
 * Keys of 16 bytes, values of 100 bytes, seqnos as after random inserts. `cached` rows run with all
 * blocks in the cache; `uncached` ones read a file in the page cache of the operating system.
 * Every row is the median of five rounds, the rows of a table taking turns.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadChecksum } from '../src/block/checksum.ts';
import { UNPROTECTED } from '../src/block/file-protection.ts';
import { Pipeline } from '../src/block/pipeline.ts';
import { hash32 } from '../src/bytes/hash32.ts';
import { BlockCache } from '../src/cache/block-cache.ts';
import { nodeCompression } from '../src/compress/node.ts';
import { parseCompression, settingsFor } from '../src/compress/options.ts';
import { NodeFs } from '../src/fs/node.ts';
import type { FileHandle, Fs } from '../src/fs/port.ts';
import { KIND_PUT, SEQNO_MAX } from '../src/key/kind.ts';
import { Lookup } from '../src/key/lookup.ts';
import { Table } from '../src/sstable/table.ts';
import type { TableMeta } from '../src/sstable/table-meta.ts';
import { TableWriter } from '../src/sstable/table-writer.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { benchLayout } from './table/layout.ts';
import { measure, millions, type Run } from './table/measure.ts';
import { KEY_BYTES, type KeyStyle, makeWorkload, type Workload } from './table/workload.ts';

const ROUNDS = 5;
const CACHE_BYTES = 1 << 30;
const READ_AHEAD_BYTES = 256 * 1024;
const COPY_POOL_BYTES = 64 * 1024;

const ENTRIES = 1_000_000;

const layout = process.argv[2] === 'layout';
const numbers = process.argv.slice(layout ? 3 : 2).map(Number);
const count = numbers[0] ?? ENTRIES;
const options = {
  restartInterval: numbers[1] ?? 8,
  blockSizeBytes: numbers[2] ?? 4096,
  filterBitsPerKey: 10,
  compression: settingsFor(parseCompression('none', 1), 0),
  protection: UNPROTECTED,
};
/** No stage is on. */
const pipeline = new Pipeline({
  random: new SeededRandom(1),
  compression: nodeCompression(),
  keys: undefined,
  logEcc: undefined,
  logCompression: 'none',
  onCorrection: () => {},
});

function fill(file: FileHandle, load: Workload): TableMeta {
  const writer = new TableWriter(file, 1, pipeline, options);
  const { keys, seqnos, value } = load;
  for (let i = 0; i < load.count; i++) {
    writer.add(keys, i * KEY_BYTES, KEY_BYTES, seqnos[i]!, KIND_PUT, value, 0, value.length);
  }
  return writer.finish(0);
}

/** Looks all of `keys` up in random order; `copy` also copies each value into a pool. */
function getAll(table: Table, load: Workload, keys: Uint8Array, copy: boolean): number {
  const out = new Lookup();
  const { order } = load;
  const pool = new Uint8Array(COPY_POOL_BYTES);
  let poolOff = 0;
  let found = 0;
  for (let i = 0; i < order.length; i++) {
    const off = order[i]! * KEY_BYTES;
    const hash = hash32(keys, off, KEY_BYTES);
    if (!table.get(keys, off, KEY_BYTES, hash, SEQNO_MAX, out)) continue;
    found++;
    if (!copy) continue;
    if (poolOff + out.valLen > COPY_POOL_BYTES) poolOff = 0;
    pool.set(out.valBuf.subarray(out.valOff, out.valOff + out.valLen), poolOff);
    poolOff += out.valLen;
  }
  if (found !== 0 && found !== load.count) throw new Error('lookups went wrong');
  return order.length;
}

function scan(table: Table, backwards: boolean, readAheadBytes?: number): number {
  const cursor = table.cursor(
    readAheadBytes === undefined ? {} : { fillCache: false, readAheadBytes },
  );
  let seen = 0;
  let sum = 0;
  if (backwards) {
    for (let more = cursor.last(); more; more = cursor.prev()) {
      seen++;
      sum += cursor.keyBuf[cursor.keyOff]! + cursor.valOff;
    }
  } else {
    for (let more = cursor.first(); more; more = cursor.next()) {
      seen++;
      sum += cursor.keyBuf[cursor.keyOff]! + cursor.valOff;
    }
  }
  cursor.close();
  if (seen !== table.meta.entryCount || sum === 0) throw new Error('scan went wrong');
  return seen;
}

function seekAll(table: Table, load: Workload): number {
  const cursor = table.cursor();
  const seeks = Math.min(load.count, 200_000);
  for (let i = 0; i < seeks; i++) {
    cursor.seek(load.keys, load.order[i]! * KEY_BYTES, KEY_BYTES, SEQNO_MAX);
    for (let step = 0; step < 10 && cursor.valid; step++) cursor.next();
  }
  return seeks;
}

function benchStyle(fs: Fs, directory: string, style: KeyStyle): void {
  const load = makeWorkload(style, count, 1);
  const path = join(directory, `${style}.sst`);
  const file = fs.open(path, 'create');
  const meta = fill(file, load);
  file.close();
  const before = process.memoryUsage();
  const cache = new BlockCache(CACHE_BYTES);
  const cached = Table.open(fs.open(path, 'read'), meta, cache, pipeline);
  const uncached = Table.open(fs.open(path, 'read'), meta, new BlockCache(0), pipeline);
  scan(cached, false);
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  console.log(
    `\n${style}: ${(meta.sizeBytes / 1e6).toFixed(1)} MB, ${cache.blockCount} blocks, cache ` +
      `${(cache.usedBytes / 1e6).toFixed(1)} MB (memory ${(grown / 1e6).toFixed(1)} MB), table ` +
      `${(cached.memoryBytes / 1e6).toFixed(2)} MB`,
  );
  const writeRun: Run = () => {
    const target = fs.open(join(directory, 'write.sst'), 'create');
    fill(target, load);
    target.close();
    fs.remove(join(directory, 'write.sst'));
    return load.count;
  };
  const runs: Record<string, Run> = {
    'get borrowed, cached': () => getAll(cached, load, load.keys, false),
    'get copied, cached': () => getAll(cached, load, load.keys, true),
    'get missing': () => getAll(cached, load, load.missing, false),
    'get borrowed, uncached': () => getAll(uncached, load, load.keys, false),
    'seek + 10 next, cached': () => seekAll(cached, load),
    'scan forward, cached': () => scan(cached, false),
    'scan forward, uncached': () => scan(uncached, false),
    'scan forward, read-ahead': () => scan(uncached, false, READ_AHEAD_BYTES),
    'scan backward, cached': () => scan(cached, true),
    'scan backward, read-ahead': () => scan(uncached, true, READ_AHEAD_BYTES),
    write: writeRun,
    verify: () => cached.verify().entryCount,
  };
  for (const [name, rate] of measure(runs, ROUNDS)) {
    const megabytes = name === 'write' ? `, ${((rate * 116) / 1e6).toFixed(0)} MB/s of data` : '';
    console.log(`  ${name.padEnd(26)} ${millions(rate).padStart(10)}/s${megabytes}`);
  }
  cached.close();
  uncached.close();
}

await loadChecksum();
if (layout) {
  benchLayout(count, numbers[1] ?? 4096);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'varve-bench-'));
  try {
    const fs = new NodeFs();
    for (const style of ['decimal', 'binary'] as const) benchStyle(fs, directory, style);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
