/**
 * Damage to one shard more than a code can restore, to one unit at a time.
 * @module
 */
import assert from 'node:assert/strict';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { subsets } from '../ecc/damage.ts';
import { DIRECTORY } from '../prove/environment.ts';
import { type Look, lookAt } from './damage-look.ts';
import type { Sample } from './damage-sample.ts';
import { TABLE_BLOCK_TYPES, type Unit } from './damage-units.ts';
import { type Target, targetOf, WAYS, wound } from './damage-ways.ts';

/**
 * Damages each unit beyond its budget, in so many ways of those there are.
 * @returns how often
 */
export async function runBeyond(
  sample: Sample,
  state: 'dead' | 'closed',
  choices: number,
  seed: number,
): Promise<number> {
  const target = await targetOf(sample, sample[state]);
  const random = new SeededRandom(seed);
  let runs = 0;
  for (const unit of target.units) {
    const sets = subsets(unit.shards.length, unit.budget + 1);
    const total = sets.length * WAYS.length;
    for (let i = 0; i < Math.min(choices, total); i++) {
      const choice = choices >= total ? i : random.below(total);
      const shards = sets[choice % sets.length]!;
      await runOne(sample, state, target, unit, shards, Math.floor(choice / sets.length), random);
      runs++;
    }
  }
  return runs;
}

async function runOne(
  sample: Sample,
  state: 'dead' | 'closed',
  target: Target,
  unit: Unit,
  shards: readonly number[],
  firstWay: number,
  random: SeededRandom,
): Promise<void> {
  const fs = sample[state].clone();
  // Older shards are at most one, for enough of them make up an older block.
  const ways = shards.map((_, i) => WAYS[(firstWay + i) % WAYS.length]!);
  const done = wound(target, fs, unit, shards, ways, random);
  if (done.shards.length < shards.length) return;
  try {
    const look = await lookAt(sample, fs, { readOnly: random.chance(0.5) });
    expectBeyond(look, state, target, unit);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${state}, ${done.text}: ${why}`, { cause });
  }
}

/** What is allowed where a unit has lost more than its code restores. */
function expectBeyond(look: Look, state: 'dead' | 'closed', { units }: Target, unit: Unit): void {
  for (const { code } of look.errors) assert.equal(code, 'CORRUPTION');
  const records = units.filter(({ file, kind }) => file === unit.file && kind === 'block');
  const isLast = unit === records.at(-1);
  if (unit.kind === 'slot' || unit.kind === 'frame') {
    // The other slot says the same; a block that is sound has its length in its header.
    assert.deepEqual(look.errors, []);
    assert.equal(look.isShorter, false);
  } else if (!unit.file.endsWith('.sst')) {
    // A log may end with a record that was never wholly written, and this one could be that.
    if (state === 'dead' && isLast) return;
    assert.deepEqual(
      look.errors.map(({ file }) => file),
      [`${DIRECTORY}/${unit.file}`],
    );
  } else {
    expectTableBeyond(look, unit);
  }
}

function expectTableBeyond({ errors, report }: Look, unit: Unit): void {
  const damage = { file: `${DIRECTORY}/${unit.file}`, offset: unit.from };
  assert.deepEqual(
    report?.uncorrectable.map(({ file, offset }) => ({ file, offset })),
    [damage],
  );
  assert.equal(errors.length > 0, unit.blockType !== TABLE_BLOCK_TYPES['properties']);
  for (const { file, offset } of errors) assert.deepEqual({ file, offset }, damage);
}
