/**
 * Fuzz target: several random damages at once to the files of a database that was closed cleanly,
 * under random stages. Whatever is read afterwards is right, or a typed error.
 * @module
 */
import type { MemoryFs } from '../src/fs/memory.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { contentOf, examine, fileOf } from '../test/prove/damage.ts';
import { Samples } from './samples.ts';

/**
 * Damages a sample `runs` times.
 * @returns how often it could not be opened, how often some read failed, and how often damage was
 * put right on the way
 * @throws Error that names the run, for a wrong value or an error that is no VarveError
 */
export async function fuzzDamagedFiles(
  seed: number,
  runs: number,
): Promise<{ refused: number; failed: number; corrected: number }> {
  const samples = await Samples.make();
  const random = new SeededRandom(seed);
  const counts = { refused: 0, failed: 0, corrected: 0 };
  for (let run = 0; run < runs; run++) {
    const { stages, sample } = samples.pick(random);
    const fs = sample.fs.clone();
    const damages = 1 + random.below(4);
    for (let i = 0; i < damages; i++) {
      damage(fs, sample.files[random.below(sample.files.length)]!, sample.files, random);
    }
    try {
      const outcome = await examine(sample, fs, random.chance(0.2));
      if (outcome.isRefused) counts.refused++;
      else if (outcome.failedReads > 0) counts.failed++;
      if (outcome.corrected.length > 0) counts.corrected++;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`seed ${seed}, run ${run}, stages ${stages}: ${why}`, { cause });
    }
  }
  return counts;
}

/** One damage: to bytes, to a range, or to the length of a file. */
export function damage(
  fs: MemoryFs,
  name: string,
  names: readonly string[],
  random: SeededRandom,
): void {
  const file = fileOf(fs, name);
  const bytes = contentOf(file);
  const at = random.below(bytes.length + 1);
  const length = Math.min(bytes.length - at, 1 + random.below(600));
  const kind = random.below(7);
  if (kind === 0) {
    file.resize(at);
  } else if (kind === 1) {
    file.write(new Uint8Array(length), 0, length, at);
  } else if (kind === 2) {
    const noise = new Uint8Array(length);
    random.fill(noise);
    file.write(noise, 0, length, at);
  } else if (kind === 3) {
    // A range of the same or of another file, as a disk that mixes up sectors leaves it.
    const other = contentOf(fileOf(fs, names[random.below(names.length)]!));
    const from = random.below(other.length + 1);
    file.write(other, from, Math.min(length, other.length - from), at);
  } else if (kind === 4) {
    const rest = bytes.slice(at);
    file.resize(at);
    file.write(new Uint8Array(length + 1).fill(random.u32()), 0, length + 1, at);
    file.write(rest, 0, rest.length, at + length + 1);
  } else if (at < bytes.length) {
    file.write(Uint8Array.of(bytes[at]! ^ (1 << random.below(8))), 0, 1, at);
  }
}
