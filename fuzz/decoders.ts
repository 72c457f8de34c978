/**
 * Fuzz target: bytes that may be anything, given to the decoder of each structure on disk. Inputs
 * begin as contents of sample databases and as what earlier runs kept in `fuzz/corpus/`; with
 * coverage, inputs that reach a part of the engine that none has reached before are kept, and
 * changed further.
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_HEADER_BYTES, BLOCK_TRAILER_BYTES } from '../src/block/block-format.ts';
import { loadChecksum } from '../src/block/checksum.ts';
import { hash32 } from '../src/bytes/hash32.ts';
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { projectRoot } from '../test/project-root.ts';
import { contentOf, fileOf, makeSample } from '../test/prove/damage.ts';
import type { Coverage } from './coverage.ts';
import { Forger } from './forger.ts';
import { mutate } from './mutate.ts';
import { expectTyped, STRUCTURES, type Structure } from './structures.ts';

const CORPUS = join(projectRoot(), 'fuzz/corpus');
const INPUT_BYTES_MAX = 32 * 1024;
/** Only small inputs are worth a place in the tree. */
const KEPT_BYTES_MAX = 512;
const KEPT_COUNT_MAX = 24;

/** What a run did. */
export interface DecoderCounts {
  readonly runs: number;
  /** Inputs that were refused with an error. */
  readonly refused: number;
  /** Inputs at the end, by structure. */
  readonly inputs: Readonly<Record<string, number>>;
}

/**
 * Gives each decoder `runs` inputs.
 * @param coverage given, inputs that reach something new are kept for the run, and small ones in
 * the corpus
 * @throws Error that names structure, seed and input for anything that is a bug
 */
export async function fuzzDecoders(
  seed: number,
  runs: number,
  coverage?: Coverage,
): Promise<DecoderCounts> {
  await loadChecksum();
  const seeds = await seedsByType();
  const random = new SeededRandom(seed);
  const inputs: Record<string, number> = {};
  let refused = 0;
  for (const structure of STRUCTURES) {
    const pool = [...seedsOf(structure, seeds), ...readCorpus(structure)];
    for (const input of pool) refused += give(structure, input, seed);
    coverage?.takeNew();
    for (let run = 0; run < runs; run++) {
      const other = pool[random.below(pool.length)]!;
      const input = mutate(pool[random.below(pool.length)]!, other, INPUT_BYTES_MAX, random);
      refused += give(structure, input, seed);
      if (coverage === undefined || coverage.takeNew() === 0) continue;
      pool.push(input);
      keep(structure, input);
    }
    inputs[structure.name] = pool.length;
  }
  return { runs: runs * STRUCTURES.length, refused, inputs };
}

/** @returns 1 if the input was refused with an error, else 0 */
function give(structure: Structure, input: Uint8Array, seed: number): number {
  try {
    structure.check(input.slice());
    return 0;
  } catch (error) {
    try {
      expectTyped(error);
      return 1;
    } catch (cause) {
      const bytes = Buffer.from(input).toString('hex');
      throw new Error(`${structure.name}, seed ${seed}, input ${bytes}: ${String(cause)}`, {
        cause,
      });
    }
  }
}

/** Contents of the blocks of a database without stages, and its files, by block type. */
async function seedsByType(): Promise<Map<number, Uint8Array[]>> {
  const sample = await makeSample();
  const found = new Map<number, Uint8Array[]>([[0, []]]);
  for (const { name, type, position, length } of (await Forger.of(sample)).blocks) {
    const from = position + BLOCK_HEADER_BYTES;
    const content = contentOf(fileOf(sample.fs, name)).slice(
      from,
      position + length - BLOCK_TRAILER_BYTES,
    );
    found.set(type, [...(found.get(type) ?? []), content]);
  }
  // The beginnings of files are headers, and CURRENT.
  for (const name of sample.files) {
    found.get(0)!.push(contentOf(fileOf(sample.fs, name)).slice(0, 2048));
  }
  return found;
}

function seedsOf(structure: Structure, byType: ReadonlyMap<number, Uint8Array[]>): Uint8Array[] {
  const contents = byType.get(structure.blockType) ?? [];
  return [...structure.seeds(), ...contents, new Uint8Array(0)];
}

/** The inputs that are kept for a structure. */
export function readCorpus({ name }: Structure): Uint8Array[] {
  const folder = join(CORPUS, name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

function keep({ name }: Structure, input: Uint8Array): void {
  const folder = join(CORPUS, name);
  mkdirSync(folder, { recursive: true });
  if (input.length > KEPT_BYTES_MAX || readdirSync(folder).length >= KEPT_COUNT_MAX) return;
  const file = hash32(input, 0, input.length).toString(16).padStart(8, '0');
  writeFileSync(join(folder, file), input);
}
