/**
 * One changed byte in every place of every file of a small database, under every choice of stages.
 * A scrub without keys finds it; with a code it heals it, and nothing is left to be found. Reads
 * give right values or typed errors.
 * @module
 */
import assert from 'node:assert/strict';
import type { DbOptions } from '../../src/db/options.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { scrubDirectory } from '../../src/integrity/scrub-directory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { contentOf, examine, fileOf, makeSample, type Sample } from './damage.ts';
import { DIRECTORY } from './environment.ts';

const encryption = { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) } as const;
const RS: EccOptions = { scheme: 'reed-solomon', data: 4, parity: 2 };
const hostLoop = { turn: async () => {} };

/** Which bytes are changed, and how many of these databases are read as well. */
export interface Sampling {
  /** Every so many bytes; 1 is all. */
  readonly stride: number;
  /** Every so many of the changes. */
  readonly readEvery: number;
  readonly seed: number;
}

/** All combinations of the stages that are on or off. */
export function combinations(ecc: EccOptions | undefined): [string, DbOptions][] {
  return [false, true].flatMap((isCompressed) =>
    [false, true].map((isEncrypted): [string, DbOptions] => {
      const names = [
        ...(isCompressed ? ['compression'] : []),
        ...(isEncrypted ? ['encryption'] : []),
        ...(ecc === undefined ? [] : [ecc.scheme]),
        ...(ecc?.stripe === undefined ? [] : ['stripes']),
      ];
      const stages: DbOptions = {
        ...(isCompressed ? { compression: 'lz4', walCompression: 'lz4' } : { compression: 'none' }),
        ...(isEncrypted ? { encryption } : {}),
        ...(ecc === undefined ? {} : { ecc }),
      };
      return [names.length === 0 ? 'no stage' : names.join(', '), stages];
    }),
  );
}

/** Codes: none, and each kind. */
export const CODES: readonly (EccOptions | undefined)[] = [
  undefined,
  RS,
  { scheme: 'xor', data: 3 },
  { scheme: 'secded' },
  { scheme: 'xor', data: 3, stripe: { data: 4, parity: 1 } },
];

/**
 * Changes one byte after the other, each in a fresh copy of the database.
 * @returns how many
 * @throws AssertionError that names the byte
 */
export async function changeBytes(stages: DbOptions, sampling: Sampling): Promise<number> {
  const { stride, readEvery, seed } = sampling;
  const sample = await makeSample(stages);
  const random = new SeededRandom(seed);
  const isBitCode = typeof stages.ecc === 'object' && stages.ecc.scheme === 'secded';
  let count = 0;
  for (const name of sample.files.filter((file) => !file.startsWith('LOCK'))) {
    const bytes = contentOf(fileOf(sample.fs, name));
    for (let at = random.below(stride); at < bytes.length; at += stride) {
      // What SEC-DED corrects is a bit.
      const isBit = isBitCode || random.chance(0.5);
      const change = isBit ? 1 << random.below(8) : 1 + random.below(255);
      const fs = sample.fs.clone();
      fileOf(fs, name).write(Uint8Array.of(bytes[at]! ^ change), 0, 1, at);
      const what = `${name}, byte ${at} of ${bytes.length} changed by ${change}`;
      if (count++ % readEvery === 0) await readDamaged(sample, fs.clone(), what);
      await scrubDamaged(sample, fs, name, what);
    }
  }
  return count;
}

/** Every value is right, or there is a typed error; with a code there is none. */
async function readDamaged(sample: Sample, fs: MemoryFs, what: string): Promise<void> {
  try {
    const { isRefused, failedReads } = await examine(sample, fs, false);
    if (sample.options.ecc !== undefined) assert.deepEqual([isRefused, failedReads], [false, 0]);
  } catch (cause) {
    throw new Error(what, { cause });
  }
}

async function scrubDamaged(
  sample: Sample,
  fs: MemoryFs,
  name: string,
  what: string,
): Promise<void> {
  const { findings } = await scrubDirectory(fs, DIRECTORY, { heal: true, files: [name], hostLoop });
  const told = `${what}: ${JSON.stringify(findings)}`;
  assert.ok(findings.length > 0, told);
  const isHealed = findings.every((finding) => finding.isHealed);
  if (sample.options.ecc !== undefined) assert.ok(isHealed, told);
  if (!isHealed) {
    assert.ok(
      findings.every(({ state }) => state === 'lost'),
      told,
    );
    return;
  }
  const whole = await scrubDirectory(fs, DIRECTORY, { hostLoop });
  assert.deepEqual(whole.findings, [], told);
  assert.deepEqual(contentOf(fileOf(fs, name)), contentOf(fileOf(sample.fs, name)), told);
}
