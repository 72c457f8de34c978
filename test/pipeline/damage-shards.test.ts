/**
 * Shards that are lost, up to what a code can put right.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EccOptions } from '../../src/ecc/options.ts';
import { contentOf, fileOf } from '../prove/damage.ts';
import { openSeeded } from '../prove/environment.ts';
import { expectHealed, lookAt, places } from './damage-look.ts';
import { runRounds } from './damage-rounds.ts';
import { makeSample, RS_4_2, type Sample, STAGES, XOR_3 } from './damage-sample.ts';
import { TABLE_BLOCK_TYPES, type Unit, unitsOf } from './damage-units.ts';

/** Of the rounds of a database each n-th; `npm run test:long -- --damage` runs all. */
const STEP = 7;

test('the sample has a unit of every kind, and no byte belongs to none', async () => {
  const stages = STAGES['chacha, zstd with a dictionary']!;
  const sample = await makeSample(RS_4_2, stages);
  const units = unitsOf(sample.dead);
  const inTables = units.filter(({ file }) => file.endsWith('.sst'));
  const types = new Set(inTables.map(({ blockType }) => blockType));
  for (const [name, type] of Object.entries(TABLE_BLOCK_TYPES)) assert.ok(types.has(type), name);
  assert.ok(inTables.filter(({ kind }) => kind === 'header').length >= 5);
  for (const file of ['.wal', 'MANIFEST']) {
    const records = units.filter((unit) => unit.file.includes(file) && unit.kind === 'block');
    assert.ok(records.length >= 4, `${file} has ${records.length} records`);
  }
  const db = await openSeeded(sample.dead.clone(), 1, { ...sample.options, readOnly: true });
  for (const { levels } of db.stats().columnFamilies) {
    assert.ok(levels.filter(({ tableCount }) => tableCount > 0).length >= 2);
  }
  await db.close();
  const report = expectHealed(await lookAt(sample, sample.dead.clone()));
  assert.deepEqual(report.corrected, []);
});

describe('shards damaged within the budget in all units read back right and are told', () => {
  const codes: [string, EccOptions, EccOptions][] = [
    ['reed-solomon 4+2', RS_4_2, RS_4_2],
    ['xor 3+1', XOR_3, XOR_3],
    ['one code for each family', { scheme: 'reed-solomon', data: 2, parity: 3 }, XOR_3],
  ];
  for (const [code, ecc, other] of codes) {
    for (const [at, [name, stages]] of Object.entries(STAGES).entries()) {
      test(`${code}, ${name}`, async (t) => {
        const sample = await makeSample(ecc, stages, other);
        const dead = await runRounds(sample, sample.dead, at, STEP);
        const closed = await runRounds(sample, sample.closed, at, 4 * STEP);
        t.diagnostic(`${dead} rounds after a crash, ${closed} after a clean close`);
      });
    }
  }
});

describe('a file that has lost its last shards, within the budget,', () => {
  for (const [code, ecc] of [
    ['reed-solomon', RS_4_2],
    ['xor', XOR_3],
  ] as const) {
    for (const state of ['dead', 'closed'] as const) {
      test(`reads back right: ${code}, ${state}`, async () => {
        const sample = await makeSample(ecc, STAGES['aes, lz4']!);
        for (const [unit, left] of cutsOf(sample, state, 0)) {
          const fs = sample[state].clone();
          fileOf(fs, unit.file).resize(left);
          const report = expectHealed(await lookAt(sample, fs));
          const isTable = unit.file.endsWith('.sst');
          assert.deepEqual(places(report.corrected), isTable ? [`${unit.file}@${unit.from}`] : []);
        }
      });
    }
  }

  test('reads back right where it is a log without records', async () => {
    const sample = await makeSample(RS_4_2, STAGES['plain']!);
    const { options } = sample;
    const db = await openSeeded(sample.closed, 3, options);
    await db.flush();
    await db.close();
    const log = unitsOf(sample.closed).find(({ file }) => file.endsWith('.wal'))!;
    assert.deepEqual([log.kind, log.to], ['header', fileOf(sample.closed, log.file).size]);
    for (const left of [64, 128, 191]) {
      const fs = sample.closed.clone();
      fileOf(fs, log.file).resize(left);
      const look = await lookAt(sample, fs);
      expectHealed(look);
      assert.deepEqual(places(look.events), [`${log.file}@0`]);
    }
  });

  test('and one more is a typed error, or a log that was torn', async () => {
    const sample = await makeSample(RS_4_2, STAGES['aes, lz4']!);
    for (const state of ['dead', 'closed'] as const) {
      for (const [unit, left] of cutsOf(sample, state, 1)) {
        const fs = sample[state].clone();
        fileOf(fs, unit.file).resize(left);
        const { errors, isShorter } = await lookAt(sample, fs);
        for (const { code } of errors) assert.equal(code, 'CORRUPTION');
        const mayBeTorn = state === 'dead' && !unit.file.endsWith('.sst');
        if (unit.kind !== 'slot' && !mayBeTorn) assert.ok(errors.length > 0 && !isShorter);
      }
    }
  });
});

/** The last unit of each file, and how long the file is when that has lost its last shards. */
function cutsOf(sample: Sample, state: 'dead' | 'closed', more: number): [Unit, number][] {
  const units = unitsOf(sample[state]);
  const last = units.filter(({ file }, i) => units[i + 1]?.file !== file);
  return last.flatMap((unit) => {
    const lost = Math.min(unit.budget, 2) + more;
    const bytes = contentOf(fileOf(sample[state], unit.file));
    // One shard too many is lost by cuts into the first of them only.
    const cutShards = unit.shards.slice(-lost).slice(0, more > 0 ? 1 : undefined);
    return cutShards.flatMap(({ from, to }): [Unit, number][] => {
      // A reader fills up with zeros: to lose a zero is to lose nothing.
      const isLoss = (left: number): boolean => bytes.subarray(left, to).some((byte) => byte !== 0);
      return [from, to - 1].filter(isLoss).map((left) => [unit, left]);
    });
  });
}
