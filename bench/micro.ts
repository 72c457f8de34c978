/**
 * The small functions of the hot paths, each by itself: nanoseconds per call, with tinybench.
 *
 *     npm run bench -- micro [--only REGEXP] [--time MS] [--json]
 *
 * A measured iteration makes a thousand calls on different data, because the clock is coarser than
 * one of them. Shown are the median and how far the iterations lie apart.
 * @module
 */
import { parseArgs } from 'node:util';
import { Bench, type Statistics } from 'tinybench';
import { checksum64, Digest64, loadChecksum } from '../src/block/checksum.ts';
import { compareBytes } from '../src/bytes/compare.ts';
import { CopyPool } from '../src/bytes/copy-pool.ts';
import { readU64, writeU64 } from '../src/bytes/fixed.ts';
import { hash32 } from '../src/bytes/hash32.ts';
import { writeUtf8 } from '../src/bytes/utf8.ts';
import { VarintReader, writeVarint } from '../src/bytes/varint.ts';
import { createLz4 } from '../src/compress/lz4.ts';
import { BloomFilter, BloomFilterBuilder } from '../src/filter/bloom-filter.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { Chunk } from './driver/chunk.ts';
import { Permutation, ScrambledZipfian, Uniform } from './driver/numbers.ts';
import { textTable } from './driver/text-table.ts';
import { Values } from './driver/values.ts';

const CALLS = 1000;
const KEY_BYTES = 16;
const BLOCK_BYTES = 4096;
const FILTER_KEYS = 100_000;

/** Makes one call; what it returns is added up so that no call can be left out. */
type Call = (i: number) => number;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      time: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
    },
  });
  await loadChecksum();
  const pattern = new RegExp(values.only);
  const wanted = Object.entries(makeCalls()).filter(([name]) => pattern.test(name));
  const bench = new Bench({ time: Number(values.time), throws: true });
  let sum = 0;
  for (const [name, call] of wanted) {
    bench.add(name, () => {
      for (let i = 0; i < CALLS; i++) sum += call(i);
    });
  }
  await bench.run();
  const rows = bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name} was not measured`);
    return { name, ...perCall(result.latency) };
  });
  if (values.json) process.stdout.write(`${JSON.stringify({ rows, sum })}\n`);
  else {
    const cells = rows.map(({ name, nanos, spread }) => [name, nanos.toFixed(1), `${spread} %`]);
    process.stdout.write(`${textTable(['function', 'ns/call', 'spread'], cells)}\n`);
  }
}

/** Latencies are those of an iteration, in milliseconds. */
function perCall(latency: Statistics): { nanos: number; spread: number } {
  const spread = Math.round((100 * latency.mad) / latency.p50);
  return { nanos: (latency.p50 * 1e6) / CALLS, spread };
}

function makeCalls(): Record<string, Call> {
  return { ...bytesCalls(), ...blockCalls(), ...driverCalls() };
}

function bytesCalls(): Record<string, Call> {
  const random = new SeededRandom(1);
  const keys = new Uint8Array((CALLS + 1) * KEY_BYTES);
  random.fill(keys);
  const out = new Uint8Array(BLOCK_BYTES);
  const varints = new Uint8Array(CALLS * 2);
  for (let i = 0, off = 0; i < CALLS; i++) off = writeVarint(varints, off, i);
  const reader = new VarintReader(varints, 0, varints.length);
  const pool = new CopyPool();
  const texts = Array.from({ length: CALLS }, (_, i) => `user:${i}`);
  return {
    'hash32, 16 bytes': (i) => hash32(keys, i * KEY_BYTES, KEY_BYTES),
    'compareBytes, 16 random bytes': (i) =>
      compareBytes(keys, i * KEY_BYTES, KEY_BYTES, keys, (i + 1) * KEY_BYTES, KEY_BYTES),
    'compareBytes, 16 equal bytes': (i) =>
      compareBytes(keys, i * KEY_BYTES, KEY_BYTES, keys, i * KEY_BYTES, KEY_BYTES),
    'writeVarint, 0 to 999': (i) => writeVarint(out, 0, i),
    'VarintReader.next, 0 to 999': (i) => {
      if (i === 0) reader.reset(varints, 0, varints.length);
      return reader.next();
    },
    'writeU64 and readU64': (i) => {
      writeU64(out, 0, i * 2 ** 30);
      return readU64(out, 0);
    },
    'writeUtf8, 8 characters': (i) => writeUtf8(texts[i]!, out, 0),
    'CopyPool.copy, 100 bytes': (i) => pool.copy(keys, i, 100).length,
  };
}

function blockCalls(): Record<string, Call> {
  const random = new SeededRandom(2);
  const block = new Values('view', BLOCK_BYTES, 0.5, random).next();
  const digest = new Digest64();
  const lz4 = createLz4();
  const packed = new Uint8Array(BLOCK_BYTES);
  const packedBytes = lz4.compress(block, 0, BLOCK_BYTES, packed, 0, BLOCK_BYTES);
  const unpacked = new Uint8Array(BLOCK_BYTES);
  const hashes = new Uint32Array(FILTER_KEYS);
  const builder = new BloomFilterBuilder(10);
  for (let i = 0; i < FILTER_KEYS; i++) builder.add((hashes[i] = random.u32()));
  const content = new Uint8Array(builder.contentBytes());
  builder.finish(content, 0);
  const filter = BloomFilter.decode(content, 0, content.length)!;
  return {
    'BloomFilter, key that is there': (i) => Number(filter.mayContain(hashes[i * 97]!)),
    'BloomFilter, key that is not': (i) => Number(filter.mayContain((i * 0x9e3779b9) >>> 0)),
    'checksum64, 4 KiB': (i) => {
      checksum64(block, 0, BLOCK_BYTES - (i & 7), 0n, digest);
      return digest.low;
    },
    'lz4 compress, 4 KiB': () => lz4.compress(block, 0, BLOCK_BYTES, unpacked, 0, BLOCK_BYTES),
    'lz4 decompress, 4 KiB': () =>
      Number(lz4.decompress(packed, 0, packedBytes, unpacked, 0, BLOCK_BYTES)),
  };
}

/** What the driver itself costs per operation: it is part of every figure. */
function driverCalls(): Record<string, Call> {
  const random = new SeededRandom(3);
  const chunk = new Chunk('view', 1, KEY_BYTES);
  const uniform = new Uniform(random, 1_000_000);
  const unique = new Permutation(random, 100_000);
  const zipfian = new ScrambledZipfian(random, 1_000_000);
  const values = new Values('view', 100, 0.5, random);
  const key = chunk.keys[0]!;
  return {
    'driver: uniform key': () => {
      chunk.draw(uniform, 1);
      return key[7]!;
    },
    'driver: unique key and value': () => {
      chunk.drawEntries(unique, values, 1);
      return key[7]!;
    },
    'driver: scrambled zipfian number': () => zipfian.next(),
  };
}

await main();
