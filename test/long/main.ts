/**
 * `npm run test:long -- [--seed N] [--minutes M]`: the model test, the crash simulation, failing
 * file systems, background work under trouble and damaged files with fresh seeds until the time is
 * up. The first failure ends it with the command that replays it. With `--damage` it runs the
 * damage to error correction of damage.ts instead, once and completely; with `--bytes` every byte
 * of a small database is changed, under every choice of stages; with
 * `--simulation [--seeds N]` the simulations of simulation.ts; with `--campaign [--runs N]` the
 * damage campaign of campaign.ts; with `--readers N` each reading
 * command N times beside a process that writes.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { fuzzDamagedFiles } from '../../fuzz/damaged-files.ts';
import { fuzzSealedBlocks } from '../../fuzz/sealed-blocks.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { readBesideWriter } from '../cli/beside-writer.ts';
import { runScenario, scenarios } from '../pipeline/scenario.ts';
import { runBackground } from '../prove/background-run.ts';
import { countOperations, cutAndCheck } from '../prove/crash-run.ts';
import { CODES, changeBytes, combinations } from '../prove/every-byte.ts';
import {
  CLOSE,
  FAULT_OPERATIONS,
  type FaultSettings,
  LASTING,
  RESUME,
  runWithFault,
} from '../prove/fault-run.ts';
import { operationsFrom } from '../prove/operations.ts';
import { runOperations } from '../prove/runner.ts';
import { SETTINGS, STAGES } from '../prove/settings.ts';
import { randomWorkload } from '../prove/workloads.ts';
import { campaign } from './campaign.ts';
import { damageEverything } from './damage.ts';
import { simulateSeeds } from './simulation.ts';

const DEFAULT_MINUTES = 10;
const MODEL_OPERATIONS = 4000;
const CRASH_OPERATIONS = 80;
const CUTS = 60;
const FAULTS = 60;
/** Databases with background work under trouble. */
const BACKGROUND_RUNS = 20;
const DAMAGES = 250;
/** Lives of databases whose options change. */
const SCENARIOS = 150;

/** Runs everything once from a seed; returns what was done. */
async function round(seed: number): Promise<string> {
  const random = new SeededRandom(seed);
  const names = Object.keys(SETTINGS);
  const name = names[random.below(names.length)]!;
  const operations = operationsFrom(seed, MODEL_OPERATIONS);
  const { comparisons } = await runOperations(operations, SETTINGS[name]!, seed);
  const disks = await cutAtRandom(seed, random);
  const faults = await failAtRandom(seed, random);
  const troubles = await troubleBackground(seed);
  await fuzzDamagedFiles(seed, DAMAGES);
  await fuzzSealedBlocks(seed, DAMAGES);
  await fc.assert(
    fc.asyncProperty(scenarios, (one) => runScenario(one)),
    { seed, numRuns: SCENARIOS },
  );
  const model = `${operations.length} operations (${name}), ${comparisons} comparisons`;
  const simulated = `${disks} disks after power cuts, ${faults} faults`;
  const lives = `${SCENARIOS} lives with changing options`;
  return `${model}, ${simulated}, ${troubles}, ${2 * DAMAGES} damages, ${lives}`;
}

/** None half of the time. */
function stagesAtRandom(random: SeededRandom): DbOptions {
  const all = Object.values(STAGES);
  return random.chance(0.5) ? {} : all[random.below(all.length)]!;
}

async function cutAtRandom(seed: number, random: SeededRandom): Promise<number> {
  const workload = randomWorkload(seed, CRASH_OPERATIONS, stagesAtRandom(random));
  const total = await countOperations(workload, seed);
  let disks = 0;
  for (let i = 0; i < CUTS; i++) {
    disks += await cutAndCheck(workload, seed, 1 + random.below(total));
  }
  return disks;
}

async function failAtRandom(seed: number, random: SeededRandom): Promise<number> {
  const workload = randomWorkload(seed + 1, CRASH_OPERATIONS, stagesAtRandom(random));
  const ways: readonly FaultSettings[] = [RESUME, CLOSE, LASTING];
  let faults = 0;
  for (let i = 0; i < FAULTS; i++) {
    const way = ways[random.below(ways.length)]!;
    const operation = FAULT_OPERATIONS[random.below(FAULT_OPERATIONS.length)]!;
    const losesPower = operation.startsWith('sync') && random.chance(0.5) && !way.isLasting;
    const rule = {
      operation,
      shortWriteBytes: random.below(300),
      times: way.isLasting ? 1 + random.below(6) : 1,
    };
    const result = await runWithFault(workload, rule, 1 + random.below(80), { ...way, losesPower });
    faults += result.faults;
  }
  return faults;
}

/** Seeds of neighbouring rounds lead to runs of their own. */
async function troubleBackground(seed: number): Promise<string> {
  let [lives, stops, kills] = [0, 0, 0];
  for (let run = 0; run < BACKGROUND_RUNS; run++) {
    const totals = await runBackground((seed % 2 ** 40) * BACKGROUND_RUNS + run);
    lives += totals.lives;
    stops += totals.stops;
    kills += totals.kinds['kill']!;
  }
  return `${lives} troubled lives, ${stops} stops, ${kills} killed threads`;
}

interface Settings {
  readonly first: number;
  readonly minutes: number;
  readonly isDamage: boolean;
  readonly isBytes: boolean;
  readonly isSimulation: boolean;
  readonly isCampaign: boolean;
  readonly seeds: number;
  readonly runs: number;
  readonly readers: number;
}

function readArguments(): Settings {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string' },
      damage: { type: 'boolean', default: false },
      bytes: { type: 'boolean', default: false },
      simulation: { type: 'boolean', default: false },
      seeds: { type: 'string' },
      campaign: { type: 'boolean', default: false },
      runs: { type: 'string' },
      readers: { type: 'string', default: '0' },
    },
  });
  const seeds = Number(values.seeds ?? Number.POSITIVE_INFINITY);
  const runs = Number(values.runs ?? Number.POSITIVE_INFINITY);
  const hasEnd = values.seeds !== undefined || values.runs !== undefined;
  const untilThen = hasEnd ? Number.POSITIVE_INFINITY : DEFAULT_MINUTES;
  const minutes = Number(values.minutes ?? untilThen);
  const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (!(minutes >= 0)) throw new RangeError('--minutes takes a number of 0 or more');
  if (!(seeds >= 1)) throw new RangeError('--seeds takes a number of 1 or more');
  if (values.seeds !== undefined && !values.simulation) {
    throw new RangeError('--seeds goes with --simulation');
  }
  if (!(runs >= 1)) throw new RangeError('--runs takes a number of 1 or more');
  if (values.runs !== undefined && !values.campaign) {
    throw new RangeError('--runs goes with --campaign');
  }
  if (!Number.isSafeInteger(first)) throw new RangeError('--seed takes an integer');
  const readers = Number(values.readers);
  if (!(readers >= 0)) throw new RangeError('--readers takes a number of 0 or more');
  const { damage: isDamage, bytes: isBytes, simulation: isSimulation } = values;
  const kinds = { isDamage, isBytes, isSimulation, isCampaign: values.campaign };
  return { first, minutes, seeds, runs, readers, ...kinds };
}

async function readMany(count: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-readers-'));
  try {
    await readBesideWriter(join(directory, 'db'), count);
    console.log(`each reading command ${count} times, no failure`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function changeEveryByte(seed: number): Promise<void> {
  for (const [title, stages] of CODES.flatMap(combinations)) {
    const count = await changeBytes(stages, { stride: 1, readEvery: 1, seed });
    console.log(`${title}: ${count} bytes, none was missed`);
  }
}

async function main(settings: Settings): Promise<void> {
  const { first, minutes } = settings;
  if (settings.isBytes) return changeEveryByte(first);
  if (settings.isDamage) return damageEverything((line) => console.log(line));
  if (settings.isSimulation) {
    if (!(await simulateSeeds(settings))) process.exitCode = 1;
    return;
  }
  if (settings.isCampaign) {
    if (!(await campaign(settings))) process.exitCode = 1;
    return;
  }
  if (settings.readers > 0) return readMany(settings.readers);
  const end = performance.now() + minutes * 60_000;
  let seed = first;
  do {
    const begin = performance.now();
    try {
      const done = await round(seed);
      console.log(`seed ${seed}: ${done}, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    } catch (error) {
      console.error(error);
      console.error(`\nTo replay: npm run test:long -- --seed ${seed} --minutes 0`);
      process.exitCode = 1;
      return;
    }
    seed++;
  } while (performance.now() < end);
  console.log(`${seed - first} seeds, no failure`);
}

let settings: Settings | undefined;
try {
  settings = readArguments();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
if (settings !== undefined) await main(settings);
