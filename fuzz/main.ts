/**
 * `npm run fuzz -- [--seed N] [--seconds S]`: runs every fuzz target on consecutive seeds until the
 * time is up or an answer is wrong. A failure names its target and seed; running with that seed
 * repeats it at once.
 * @module
 */
import { parseArgs } from 'node:util';
import { fuzzDamagedFiles } from './damaged-files.ts';
import { fuzzSealedBlocks } from './sealed-blocks.ts';

const RUNS_PER_SEED = 200;
const TARGETS = { 'damaged-files': fuzzDamagedFiles, 'sealed-blocks': fuzzSealedBlocks };

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    seconds: { type: 'string', default: '60' },
  },
});

const end = performance.now() + Number(values.seconds) * 1000;
for (let seed = Number(values.seed); performance.now() < end; seed++) {
  for (const [name, target] of Object.entries(TARGETS)) {
    try {
      const counts = await target(seed, RUNS_PER_SEED);
      console.log(`${name}, seed ${seed}: ${JSON.stringify(counts)}`);
    } catch (cause) {
      throw new Error(`${name}, seed ${seed}: ${String(cause)}`, { cause });
    }
  }
}
