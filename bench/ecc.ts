/**
 * Error correction: MB/s of block data to protect and to restore blocks, beside
 * @ronomon/reed-solomon.
 *
 *     npm run bench -- ecc [--rounds N] [--json]
 *
 * `code` is the XOR code alone, on aligned words; `append` is what a writer pays (copy, code,
 * checksums, store); `repair` is what a reader pays for a block with as many damaged data shards as
 * the code restores (SEC-DED: one bit), its own checksum left out. @ronomon/reed-solomon encodes
 * the same shards, awaited one by one and 16 at a time. Per second of processor time, on all
 * threads, so that a busy machine does not count; medians of interleaved rounds. Then come the
 * stripes of whole tables (ecc/stripes.ts).
 * @module
 */
import { parseArgs } from 'node:util';
import { createEccCodec } from '../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../src/ecc/options.ts';
import { ReedSolomon } from '../src/ecc/reed-solomon.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { RonomonCode } from '../test/ecc/ronomon.ts';
import { measureStripes } from './ecc/stripes.ts';

const SCHEMES: Readonly<Record<string, BlockCodeOptions>> = {
  'rs(4,2)': { scheme: 'reed-solomon', data: 4, parity: 2 },
  'rs(10,4)': { scheme: 'reed-solomon', data: 10, parity: 4 },
  'xor(4)': { scheme: 'xor', data: 4 },
  secded: { scheme: 'secded' },
};
const BLOCK_BYTES = [4096, 16_384, 65_536];
/** Data that one measurement runs through. */
const ROUND_BYTES = 2 ** 22;
const IN_FLIGHT = 16;
/** As in a file: a block begins anywhere. */
const BLOCK_OFF = 3;

/** Handles as many blocks in one run as `blocks` says. */
interface Contender {
  readonly name: string;
  readonly blocks: number;
  run(): unknown;
}

function contenders(ecc: BlockCodeOptions, blockBytes: number): Contender[] {
  const codec = createEccCodec(ecc);
  const { dataShardBytes, parityShards } = codec.layout(blockBytes);
  const buf = new Uint8Array(BLOCK_OFF + blockBytes + codec.parityBytes(blockBytes));
  new SeededRandom(1).fill(buf);
  codec.append(buf, BLOCK_OFF, blockBytes);
  const lost = ecc.scheme === 'secded' ? 1 : parityShards;
  const found: Contender[] = [
    { name: 'append', blocks: 1, run: () => codec.append(buf, BLOCK_OFF, blockBytes) },
    {
      name: 'repair',
      blocks: 1,
      run: () => {
        for (let i = 0; i < lost; i++) buf[BLOCK_OFF + i * dataShardBytes]! ^= 1;
        codec.repair(buf, BLOCK_OFF, blockBytes, () => true);
      },
    },
  ];
  if (ecc.scheme === 'secded') return found;
  const parity = ecc.scheme === 'xor' ? 1 : ecc.parity;
  return [...codeOnly(ecc.data, parity, dataShardBytes), ...found];
}

/** The code alone, ours and the library's, on shards of the same size. */
function codeOnly(data: number, parity: number, shardBytes: number): Contender[] {
  const code = new ReedSolomon(data, parity);
  const words = new Int32Array(((data + parity) * shardBytes) / 4);
  new SeededRandom(1).fill(new Uint8Array(words.buffer));
  const packetWords = shardBytes / 4 / code.shardPackets;
  const library = new RonomonCode(data, parity);
  const from = new Uint8Array(data * shardBytes);
  new SeededRandom(1).fill(from);
  const targets = Array.from({ length: IN_FLIGHT }, () => new Uint8Array(parity * shardBytes));
  const found: Contender[] = [
    { name: 'code', blocks: 1, run: () => code.encode(words, packetWords) },
  ];
  if (shardBytes % 8 !== 0) return found;
  return [
    ...found,
    { name: 'ronomon', blocks: 1, run: () => library.encode(from, targets[0]!) },
    {
      name: 'ronomon x16',
      blocks: IN_FLIGHT,
      run: () => Promise.all(targets.map((target) => library.encode(from, target))),
    },
  ];
}

/** Median of each contender in MB per second of processor time. */
async function measure(
  found: readonly Contender[],
  blockBytes: number,
  rounds: number,
): Promise<Record<string, number>> {
  const times = found.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { run, blocks }] of found.entries()) {
      const repeats = Math.ceil(ROUND_BYTES / blockBytes / blocks);
      const begin = process.cpuUsage();
      for (let n = 0; n < repeats; n++) {
        const running = run();
        if (running !== undefined) await running;
      }
      const { user, system } = process.cpuUsage(begin);
      // The first round warms up.
      if (round > 0) times[i]!.push((user + system) / (repeats * blocks));
    }
  }
  const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1]!;
  return Object.fromEntries(
    found.map(({ name }, i) => [name, Math.round(blockBytes / median(times[i]!))]),
  );
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, json: { type: 'boolean', default: false } },
});
const results: Record<string, Record<string, number>> = {};
for (const [name, ecc] of Object.entries(SCHEMES)) {
  for (const blockBytes of BLOCK_BYTES) {
    const found = contenders(ecc, blockBytes);
    results[`${name} ${blockBytes / 1024} KiB`] = await measure(
      found,
      blockBytes,
      Number(values.rounds),
    );
  }
}
const stripes = await measureStripes(Number(values.rounds));
if (values.json) console.log(JSON.stringify({ ...results, ...stripes }));
else {
  console.table(results);
  console.table(stripes);
}
