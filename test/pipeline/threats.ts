/**
 * The terms in which the threat tests speak: samples under several settings, and what has to come
 * of a change to them.
 * @module
 */
import assert from 'node:assert/strict';
import type { DbOptions } from '../../src/db/options.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { judge, makeSample, type Sample } from './sample.ts';
import { bytesOf, encryptionOf, namesIn, setBytes, type World } from './world.ts';

/** One way to protect a database that the threats are tried on. */
export interface Way {
  readonly name: string;
  readonly options: DbOptions;
  readonly world: World;
}

export const WAYS: readonly Way[] = [
  {
    name: 'aes-256-gcm on node:crypto',
    options: { encryption: encryptionOf('aes-256-gcm', 2), compression: 'none' },
    world: {},
  },
  {
    name: 'chacha20-poly1305 on noble, LZ4, Reed-Solomon',
    options: {
      encryption: encryptionOf('chacha20-poly1305', 2),
      compression: 'lz4',
      walCompression: 'lz4',
      ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
    },
    world: { crypto: 'noble' },
  },
];

/** A sample, and that of another database: under the same keys, with the same layout. */
export interface Target {
  readonly way: Way;
  readonly sample: Sample;
  readonly other: Sample;
}

/** @param isClean see `makeSample` */
export async function makeTarget(way: Way, isClean: boolean): Promise<Target> {
  const { options, world } = way;
  return {
    way,
    sample: await makeSample(options, isClean, world),
    other: await makeSample(options, isClean, { ...world, seed: 77 }, 'b'),
  };
}

/**
 * Changes one file of the target and asserts that this is an error of one of the given codes: when
 * the database opens or when it is read, and never a wrong value.
 */
export async function expectNoticed(
  target: Target,
  name: string,
  what: string,
  change: (bytes: Uint8Array) => Uint8Array,
  codes: readonly ErrorCode[] = ['CORRUPTION'],
): Promise<void> {
  const changed = change(bytesOf(target.sample.fs, name));
  assert.notDeepEqual(changed, bytesOf(target.sample.fs, name), `${name}, ${what}: no change`);
  await expectNoticedIn(target, `${name}, ${what}`, (fs) => setBytes(fs, name, changed), codes);
}

/** Every other change is looked at through a database that is open for reading only. */
let changeCount = 0;

/** The same for any change to the directory. */
export async function expectNoticedIn(
  { sample, way }: Target,
  what: string,
  change: (fs: MemoryFs) => void,
  codes: readonly ErrorCode[] = ['CORRUPTION'],
): Promise<void> {
  const fs = sample.fs.clone();
  change(fs);
  const readOnly = changeCount++ % 2 === 1;
  let outcome: Awaited<ReturnType<typeof judge>>;
  try {
    outcome = await judge(fs, { ...sample.options, readOnly }, sample.contents, way.world);
  } catch (cause) {
    throw new Error(`${what}: ${(cause as Error).message}`, { cause });
  }
  assert.notEqual(outcome.kind, 'unnoticed', what);
  for (const { code, message } of outcome.errors) {
    assert.ok(codes.includes(code), `${what}: ${code} ${message}`);
  }
}

/** Opens the target, changed, and asserts that everything is there and nothing is wrong. */
export async function expectHarmless(
  { sample, way }: Target,
  what: string,
  change: (fs: MemoryFs) => void,
): Promise<void> {
  const fs = sample.fs.clone();
  change(fs);
  const { kind, errors } = await judge(fs, sample.options, sample.contents, way.world);
  assert.equal(kind, 'unnoticed', `${what}: ${errors[0]?.message}`);
}

/** Removes all files of a directory and puts in those of another one. */
export function replaceAll(fs: MemoryFs, files: MemoryFs): void {
  for (const name of namesIn(fs)) fs.remove(`db/${name}`);
  for (const name of namesIn(files)) setBytes(fs, name, bytesOf(files, name));
}
