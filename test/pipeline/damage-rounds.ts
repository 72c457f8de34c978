/**
 * Damage within the budget of a code, to all units of a database at once: from round to round each
 * unit goes through its choices of shards and ways to damage them.
 * @module
 */
import assert from 'node:assert/strict';
import type { DbOptions } from '../../src/db/options.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { subsets } from '../ecc/damage.ts';
import { expectHealed, lookAt, places } from './damage-look.ts';
import type { Sample } from './damage-sample.ts';
import { TABLE_BLOCK_TYPES, type Unit } from './damage-units.ts';
import { targetOf, WAYS, type Wound, wound } from './damage-ways.ts';

/** The most shards that the tests damage of one unit, even if its budget is larger. */
const SHARDS_MAX = 2;

/** What happens to a unit in one round. */
interface Choice {
  readonly shards: readonly number[];
  readonly ways: readonly string[];
}

/**
 * Runs the rounds in which every unit meets every choice of shards with every way, as far as `step`
 * (1: all; n: each n-th round) lets it.
 * @returns the number of rounds
 */
export async function runRounds(
  sample: Sample,
  from: MemoryFs,
  first: number,
  step: number,
): Promise<number> {
  const target = await targetOf(sample, from);
  const choices = new Map(target.units.map((unit) => [unit, choicesOf(unit)]));
  const total = Math.max(...[...choices.values()].map((list) => list.length));
  let rounds = 0;
  for (let round = first % step; round < total; round += step, rounds++) {
    const fs = from.clone();
    const random = new SeededRandom(round);
    const wounds = target.units.map((unit, i) => {
      const list = choices.get(unit)!;
      // Neighbours are at different choices, and in one round some are not damaged at all.
      const { shards, ways } = list[(round + 7 * i) % list.length]!;
      return wound(target, fs, unit, shards, ways, random);
    });
    try {
      await expectRound(sample, fs, wounds, { readOnly: rounds % 2 === 0 });
    } catch (cause) {
      const texts = wounds.filter(({ shards }) => shards.length > 0).map(({ text }) => text);
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`round ${round}: ${why}\n${texts.join('\n')}`, { cause });
    }
  }
  return rounds;
}

/** Everything reads right, and all that was put right on the way is told once. */
export async function expectRound(
  sample: Sample,
  fs: MemoryFs,
  wounds: readonly Wound[],
  options: DbOptions,
): Promise<void> {
  const look = await lookAt(sample, fs, options);
  const report = expectHealed(look);
  const real = wounds.filter(({ shards }) => shards.length > 0);
  const read = real.filter(isMet);
  assert.deepEqual(places(look.events), placesOf(read), 'events of opening and reading');
  const inTables = real.filter(({ unit }) => unit.file.endsWith('.sst'));
  assert.deepEqual(places(report.corrected), placesOf(inTables), 'corrections of verify');
  assert.deepEqual(places(look.verifyEvents), placesOf(inTables), 'events of verify');
}

/** Each choice of shards, each way for the first one; further ones are damaged in another way. */
function choicesOf(unit: Unit): Choice[] {
  const most = Math.min(unit.budget, SHARDS_MAX);
  const choices: Choice[] = [];
  for (let size = 0; size <= most; size++) {
    for (const shards of subsets(unit.shards.length, size)) {
      for (const way of WAYS.keys()) {
        const ways = shards.map((_, i) => WAYS[(way + i * (1 + choices.length)) % WAYS.length]!);
        choices.push({ shards, ways });
        if (size === 0) break;
      }
    }
  }
  return choices;
}

/**
 * Whether opening the database and reading all of its entries meets the damage: parity is looked at
 * only where data is damaged, properties not at all.
 */
function isMet({ unit, shards }: Wound): boolean {
  if (unit.kind !== 'block') return true;
  const isData = shards.some((shard) => unit.shards[shard]!.to <= unit.dataEnd);
  const isProperties = unit.blockType === TABLE_BLOCK_TYPES['properties'];
  return isData && !(isProperties && unit.file.endsWith('.sst'));
}

/** Where corrections of these units are reported; the slots of CURRENT are one place. */
function placesOf(wounds: readonly Wound[]): string[] {
  const found = wounds.map(({ unit }) => `${unit.file}@${unit.kind === 'slot' ? 0 : unit.from}`);
  return [...new Set(found)].sort();
}
