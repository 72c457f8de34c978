/**
 * `npm run fuzz -- [--seed N] [--seconds S] [--only TARGET] [--coverage]`: runs every fuzz target
 * on consecutive seeds until the time is up or an answer is wrong. A failure names its target and
 * seed; running with that seed repeats it at once. With `--coverage` the decoders are led by V8's
 * own coverage: slower, and small inputs that reach something new come into `fuzz/corpus/`.
 * @module
 */
import { parseArgs } from 'node:util';
import { fuzzArguments } from './arguments.ts';
import { Coverage } from './coverage.ts';
import { fuzzDamagedFiles } from './damaged-files.ts';
import { fuzzDecoders } from './decoders.ts';
import { fuzzSealedBlocks } from './sealed-blocks.ts';
import { fuzzWholeFiles } from './whole-files.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    seconds: { type: 'string', default: '60' },
    only: { type: 'string' },
    coverage: { type: 'boolean', default: false },
  },
});

const RUNS_PER_SEED = 200;
const coverage = values.coverage ? new Coverage() : undefined;
const TARGETS: Readonly<Record<string, (seed: number, runs: number) => Promise<object>>> = {
  decoders: (seed, runs) => fuzzDecoders(seed, runs, coverage),
  'damaged-files': fuzzDamagedFiles,
  'sealed-blocks': fuzzSealedBlocks,
  'whole-files': fuzzWholeFiles,
  arguments: fuzzArguments,
};

const wanted = Object.entries(TARGETS).filter(([name]) => [name, undefined].includes(values.only));
if (wanted.length === 0) throw new Error(`targets are ${Object.keys(TARGETS).join(', ')}`);
const end = performance.now() + Number(values.seconds) * 1000;
for (let seed = Number(values.seed); performance.now() < end; seed++) {
  for (const [name, target] of wanted) {
    try {
      const counts = await target(seed, RUNS_PER_SEED);
      console.log(`${name}, seed ${seed}: ${JSON.stringify(counts)}`);
    } catch (cause) {
      throw new Error(`${name}, seed ${seed}: ${String(cause)}`, { cause });
    }
  }
}
if (coverage !== undefined) {
  console.log(`${coverage.size} parts of the engine were reached`);
  coverage.stop();
}
