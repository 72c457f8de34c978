/**
 * Repairs that a power cut ends, at every operation on files.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError, type MemoryFs } from '../../src/index.ts';
import { CrashFs } from '../../src/testing/crash-fs.ts';
import { CRASH_VARIANTS } from '../../src/testing/crash-state.ts';
import { PowerCut } from '../../src/testing/power-cut.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { openSeeded } from '../prove/environment.ts';
import {
  contentAfter,
  contentOf,
  type Left,
  type Model,
  makeHistory,
  pathOf,
  removeMatching,
  repairIn,
  STAGES,
} from './repair-fixture.ts';

/** Which databases, and what they have lost. */
const CASES = [
  { seed: 703, steps: 50, stage: 0, lost: /^(CURRENT|MANIFEST)/ },
  { seed: 707, steps: 50, stage: 7, lost: /^MANIFEST/ },
  { seed: 727, steps: 30, stage: 1, lost: /^CURRENT/ },
] as const;
/** Every so many disks are compacted too. */
const COMPACTED_EVERY = 20;

for (const { seed, steps, stage, lost } of CASES) {
  test(`a repair that is cut off is done again (${seed})`, async () => {
    const left = await makeHistory(seed, steps, STAGES[stage]!.options);
    const damaged = left.fs.clone();
    removeMatching(damaged, lost);
    const whole = new CrashFs(damaged.clone());
    const { putAside } = await repairIn(whole, left.options);
    // None must come back because what tells it has been put aside.
    assert.ok(putAside.length > 0 || !lost.test('MANIFEST-000001'));
    let disks = 0;
    for (let cut = 1; cut <= whole.operations; cut++) {
      const fs = new CrashFs(damaged.clone());
      fs.cutAfter(cut);
      await repairIn(fs, left.options).catch(expectCut);
      for (const variant of CRASH_VARIANTS) {
        const disk = fs.crash(variant, new SeededRandom(cut));
        const what = `cut ${cut}, ${variant}`;
        await opensRightOrNot(disk.clone(), left, what);
        const report = await repairIn(disk, left.options);
        assert.deepEqual(report.losses, [], what);
        const isCompacted = disks++ % COMPACTED_EVERY === 0;
        const read = isCompacted ? contentAfter : contentIn;
        assertHolds(await read(disk, left.options), left.model, what);
      }
    }
  });
}

function expectCut(error: unknown): void {
  let cause = error;
  while (!(cause instanceof PowerCut) && cause instanceof Error) cause = cause.cause;
  if (!(cause instanceof PowerCut)) throw error;
}

async function contentIn(fs: MemoryFs, options: Left['options']): Promise<Model> {
  const db = await openSeeded(fs, 6, options);
  const found = contentOf(db);
  await db.close();
  return found;
}

/** What was not repaired to the end may be refused, but never read wrong. */
async function opensRightOrNot(
  fs: MemoryFs,
  { model, options }: Left,
  what: string,
): Promise<void> {
  try {
    assertHolds(await contentIn(fs, options), model, what);
  } catch (error) {
    if (!isVarveError(error, 'CORRUPTION')) throw error;
  }
}

function assertHolds(found: Model, model: Model, what: string): void {
  for (const [name, entries] of model) {
    if (entries.size === 0 && !found.has(name)) continue;
    const own = found.get(name) ?? new Map<string, string>();
    const keys = [...new Set([...own.keys(), ...entries.keys()])];
    const different = keys.filter((key) => own.get(key) !== entries.get(key));
    assert.deepEqual(different, [], `${what}: ${name}`);
  }
}

test('a file that is in the way stops a repair before it has changed the state', async () => {
  const { fs, model, options } = await makeHistory(703, 50, STAGES[0]!.options);
  removeMatching(fs, /^(CURRENT|MANIFEST)/);
  const dry = await repairIn(fs, { ...options, dryRun: true });
  const [first] = dry.putAside;
  assert.ok(first !== undefined);
  fs.open(`${first.file}.lost`, 'create').close();
  await assert.rejects(repairIn(fs, options), { code: 'IO' });
  fs.remove(`${first.file}.lost`);
  await repairIn(fs, options);
  assert.ok(fs.exists(pathOf('CURRENT')));
  assertHolds(await contentAfter(fs, options), model, 'after all');
});
