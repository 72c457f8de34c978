/**
 * `npm run fuzz -- [--seed N] [--seconds S]`: damages databases from consecutive seeds until the
 * time is up or an answer is wrong. A failure names its seed; running with it repeats it at once.
 * @module
 */
import { parseArgs } from 'node:util';
import { makeSample } from '../test/prove/damage.ts';
import { fuzzDamage } from './damage.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    seconds: { type: 'string', default: '60' },
  },
});

const first = Number(values.seed);
const end = performance.now() + Number(values.seconds) * 1000;
const sample = await makeSample();
let seed = first;
let refused = 0;
for (; performance.now() < end; seed++) if (await fuzzDamage(sample, seed)) refused++;
console.log(`${seed - first} databases from seed ${first}: ${refused} refused to open, all right`);
