/**
 * Fuzz target: what else looks at files that may be damaged anywhere. The inspector takes each
 * apart, a scrub without the key looks and heals, and logs are replayed in every recovery mode.
 * Nothing but typed errors comes out, and what a scrub has healed stays so.
 * @module
 */
import assert from 'node:assert/strict';
import { Pipeline } from '../src/block/pipeline.ts';
import { portableCompression } from '../src/compress/portable.ts';
import type { DbOptions } from '../src/db/options.ts';
import type { MemoryFs } from '../src/fs/memory.ts';
import { learnDatabase } from '../src/inspect/current.ts';
import { inspectFile } from '../src/inspect/file.ts';
import { scrubDirectory } from '../src/integrity/scrub-directory.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { DIRECTORY, openSeeded } from '../test/prove/environment.ts';
import { damage } from './damaged-files.ts';
import { Samples } from './samples.ts';
import { expectTyped } from './structures.ts';

const MODES = ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const;
const DAMAGES_MAX = 3;
const PARTS_MAX = 100_000;

/**
 * Damages a sample `runs` times and lets everybody look.
 * @returns parts that were told, findings, and openings that were refused
 * @throws Error that names the run, for anything that is a bug
 */
export async function fuzzWholeFiles(
  seed: number,
  runs: number,
): Promise<{ parts: number; findings: number; refused: number }> {
  const samples = await Samples.make();
  const random = new SeededRandom(seed);
  const counts = { parts: 0, findings: 0, refused: 0 };
  for (let run = 0; run < runs; run++) {
    const { stages, sample } = samples.pick(random);
    const fs = sample.fs.clone();
    for (let left = 1 + random.below(DAMAGES_MAX); left > 0; left--) {
      damage(fs, sample.files[random.below(sample.files.length)]!, sample.files, random);
    }
    try {
      counts.parts += inspectAll(fs);
      const mode = MODES[random.below(MODES.length)]!;
      counts.refused += await replay(fs.clone(), { ...sample.options, walRecovery: mode });
      counts.findings += await scrub(fs);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed}, run ${run}, stages ${stages}: ${why}`, { cause });
    }
  }
  return counts;
}

/** Every file, without keys; returns the number of parts. */
function inspectAll(fs: MemoryFs): number {
  const pipeline = new Pipeline({
    random: { fill: () => undefined },
    compression: portableCompression,
    keys: undefined,
    logEcc: undefined,
    logCompression: 'none',
    onCorrection: () => undefined,
  });
  const database = learnDatabase(fs, DIRECTORY, pipeline, undefined);
  const contents = { hasEntries: true, valueBytesMax: 16 };
  let count = 0;
  for (const name of fs.list(DIRECTORY)) {
    for (const block of [undefined, 0, 'header'] as const) {
      for (const _ of inspectFile(DIRECTORY, name, { fs, pipeline, database, contents, block })) {
        if (++count > PARTS_MAX) throw new Error('an inspection has no end');
      }
    }
  }
  return count;
}

/** @returns 1 if the database could not be opened, else 0 */
async function replay(fs: MemoryFs, options: DbOptions): Promise<number> {
  try {
    const db = await openSeeded(fs, 5, { ...options, createIfMissing: false });
    await db.close();
    return 0;
  } catch (error) {
    expectTyped(error);
    return 1;
  }
}

/** Looks, heals, and looks again until nothing is to be healed; returns what was found first. */
async function scrub(fs: MemoryFs): Promise<number> {
  try {
    const before = fs.clone();
    const first = await scrubDirectory(fs, DIRECTORY);
    for (const name of before.list(DIRECTORY)) {
      const [a, b] = [before, fs].map((each) => each.fileAt(`${DIRECTORY}/${name}`)!);
      assert.equal(a!.size, b!.size, 'a look changes nothing');
    }
    await scrubDirectory(fs, DIRECTORY, { heal: true });
    await scrubDirectory(fs, DIRECTORY, { heal: true });
    const last = await scrubDirectory(fs, DIRECTORY);
    const healable = last.findings.filter(({ state }) => state === 'healable');
    assert.deepEqual(healable, [], 'what can be healed is healed');
    return first.findings.length;
  } catch (error) {
    expectTyped(error);
    return 0;
  }
}
