/**
 * Compression: ratio, and MB/s of content to compress and to decompress blocks, beside lz4_flex.
 *
 *     npm run bench -- compress [--rounds N] [--json]
 *
 * JSON records, noise of which half repeats, and noise that is found out beforehand (`probe`). The
 * `node` rows take node:zlib where the runtime has zstd, whatever the size of the block; the ones
 * with a dictionary have 16 KiB trained on other records. Per second of wall-clock time, medians of
 * interleaved rounds.
 * @module
 */
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';
import * as flex from 'lz4-wasm-nodejs';
import type { Compressor } from '../src/compress/port.ts';
import { portableCompression } from '../src/compress/portable.ts';
import { trainDictionary } from '../src/compress/train-dictionary.ts';
import { looksLikeNoise } from '../src/compress/worthwhile.ts';
import { ZstdDictionary } from '../src/compress/zstd-dictionary.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { halfContent, jsonContent, jsonRecord, noise } from '../test/compress/contents.ts';

const BLOCK_BYTES = [4096, 16_384, 65_536];
/** Content that one measurement runs through. */
const ROUND_BYTES = 2 ** 19;
const DICTIONARY_BYTES = 16_384;

/** One way to compress a block; results are not looked at. */
interface Contender {
  readonly name: string;
  compress(block: Uint8Array): Uint8Array;
  /** Absent from what only looks. */
  decompress?(stored: Uint8Array, contentLen: number): void;
}

/** The part of node:zlib that the types of older versions lack. */
interface NativeZstd {
  readonly zstdCompressSync?: (buf: Uint8Array, options: object) => Uint8Array;
  readonly zstdDecompressSync?: (buf: Uint8Array, options: object) => Uint8Array;
  readonly constants: { readonly [name: string]: number };
}

/** One of our codecs; what it compresses is lent until the next call. */
function ours(name: string, codec: Compressor): Contender {
  const buf = new Uint8Array(2 * BLOCK_BYTES.at(-1)!);
  return {
    name,
    compress: (block) =>
      buf.subarray(0, codec.compress(block, 0, block.length, buf, 0, buf.length)),
    decompress: (stored, contentLen) => {
      codec.decompress(stored, 0, stored.length, buf, 0, contentLen);
    },
  };
}

function nodeZstd(level: number): Contender[] {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as NativeZstd;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return [];
  const options = { params: { [constants['ZSTD_c_compressionLevel']!]: level } };
  return [
    {
      name: `zstd ${level} node`,
      compress: (block) => zstdCompressSync(block, options),
      decompress: (stored, maxOutputLength) => zstdDecompressSync(stored, { maxOutputLength }),
    },
  ];
}

function contenders(): Contender[] {
  const random = new SeededRandom(1);
  const samples = Array.from({ length: 10_000 }, (_, id) => jsonRecord(random, id));
  const dictionary = new ZstdDictionary(trainDictionary(samples, DICTIONARY_BYTES));
  return [
    ours('lz4', portableCompression.lz4()),
    { name: 'lz4_flex', compress: flex.compress, decompress: flex.decompress },
    ...[1, 3, 9].flatMap((level) => [
      ours(`zstd ${level}`, portableCompression.zstd(level)),
      ...nodeZstd(level),
      ours(`zstd ${level} dictionary`, portableCompression.zstd(level, dictionary)),
    ]),
    {
      name: 'probe',
      compress: (block) => (looksLikeNoise(block, 0, block.length) ? block : block.subarray(0)),
    },
  ];
}

/** `ratio | compress MB/s | decompress MB/s` of each contender. */
function measure(
  found: readonly Contender[],
  content: Uint8Array,
  blockBytes: number,
  rounds: number,
): Record<string, string> {
  const blocks = Array.from({ length: content.length / blockBytes }, (_, i) =>
    content.slice(i * blockBytes, (i + 1) * blockBytes),
  );
  const stored = found.map(({ compress }) => blocks.map((block) => compress(block).slice()));
  const times = found.map((): [number[], number[]] => [[], []]);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { compress, decompress }] of found.entries()) {
      const begin = performance.now();
      for (const block of blocks) compress(block);
      const middle = performance.now();
      for (const each of stored[i]!) decompress?.(each, blockBytes);
      // The first round warms up.
      if (round === 0) continue;
      times[i]![0].push(middle - begin);
      times[i]![1].push(performance.now() - middle);
    }
  }
  const rate = (list: number[]) =>
    Math.round(content.length / list.sort((a, b) => a - b)[list.length >> 1]! / 1000);
  const entries = found.map(({ name, decompress }, i): [string, string] => {
    const bytes = stored[i]!.reduce((sum, { length }) => sum + length, 0);
    const ratio = (content.length / bytes).toFixed(2);
    const [compressing, decompressing] = times[i]!.map(rate);
    return [name, `${ratio} | ${compressing} | ${decompress ? decompressing : '-'}`];
  });
  return Object.fromEntries(entries);
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, json: { type: 'boolean', default: false } },
});
await portableCompression.loadZstd();
const found = contenders();
const results: Record<string, Record<string, string>> = {};
for (const [name, content] of [
  ['json', jsonContent(ROUND_BYTES, 2)],
  ['half', halfContent(ROUND_BYTES)],
  ['noise', noise(ROUND_BYTES)],
] as const) {
  for (const blockBytes of BLOCK_BYTES) {
    const column = `${name} ${blockBytes / 1024} KiB`;
    results[column] = measure(found, content, blockBytes, Number(values.rounds));
  }
}
if (values.json) console.log(JSON.stringify(results));
else for (const [column, rows] of Object.entries(results)) console.log(column, rows);
