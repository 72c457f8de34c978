/**
 * Damages the files of a small database in many places at once, from a seed, and reads all of it:
 * every answer must be right or a VarveError.
 * @module
 */
import type { MemoryFile } from '../src/fs/memory.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { contentOf, examine, fileOf, type Sample } from '../test/prove/damage.ts';

const DAMAGES_MAX = 6;
const RANGE_BYTES_MAX = 600;

/** One way to damage a file; returns what it did. */
type Damage = (file: MemoryFile, other: MemoryFile, random: SeededRandom) => string;

/**
 * Applies the damage that a seed stands for to a copy of the sample, and examines it.
 * @returns true when the database refused to open
 * @throws Error naming the damage, for a wrong answer or an error that is no VarveError
 */
export async function fuzzDamage(sample: Sample, seed: number): Promise<boolean> {
  const random = new SeededRandom(seed);
  const fs = sample.fs.clone();
  const done: string[] = [];
  const pick = () => sample.files[random.below(sample.files.length)]!;
  for (let left = 1 + random.below(DAMAGES_MAX); left > 0; left--) {
    const name = pick();
    const damage = DAMAGES[random.below(DAMAGES.length)]!;
    done.push(`${name}: ${damage(fileOf(fs, name), fileOf(fs, pick()), random)}`);
  }
  try {
    const { isRefused } = await examine(sample, fs, random.chance(0.3));
    return isRefused;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`seed ${seed}, ${done.join('; ')}: ${why}`, { cause });
  }
}

const DAMAGES: readonly Damage[] = [
  function flip(file, _other, random) {
    if (file.size === 0) return 'nothing to flip';
    const at = random.below(file.size);
    const byte = contentOf(file).slice(at, at + 1);
    byte[0]! ^= 1 << random.below(8);
    file.write(byte, 0, 1, at);
    return `bit flipped at ${at}`;
  },
  function zero(file, _other, random) {
    const [at, length] = range(file, random);
    file.write(new Uint8Array(length), 0, length, at);
    return `${length} bytes zeroed at ${at}`;
  },
  function noise(file, _other, random) {
    const [at, length] = range(file, random);
    const bytes = new Uint8Array(length);
    random.fill(bytes);
    file.write(bytes, 0, length, at);
    return `${length} bytes overwritten at ${at}`;
  },
  function move(file, _other, random) {
    const [from, length] = range(file, random);
    const at = random.below(file.size + 1);
    file.write(contentOf(file), from, length, at);
    return `${length} bytes copied from ${from} to ${at}`;
  },
  function transplant(file, other, random) {
    const [from, length] = range(other, random);
    const at = random.below(file.size + 1);
    file.write(contentOf(other), from, length, at);
    return `${length} bytes of another file put at ${at}`;
  },
  function replace(file, other) {
    const content = contentOf(other);
    file.resize(0);
    file.write(content, 0, content.length, 0);
    return 'replaced by another file';
  },
  function truncate(file, _other, random) {
    const size = random.below(file.size + 1);
    file.resize(size);
    return `cut to ${size}`;
  },
  function extend(file, _other, random) {
    const size = file.size + 1 + random.below(RANGE_BYTES_MAX);
    file.resize(size);
    return `extended to ${size}`;
  },
];

function range(file: MemoryFile, random: SeededRandom): [at: number, length: number] {
  const at = random.below(file.size + 1);
  return [at, Math.min(file.size - at, random.below(RANGE_BYTES_MAX))];
}
