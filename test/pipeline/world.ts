/**
 * Databases with any stages, on any implementation of the cryptography, which follow from
 * a seed; and a look at their files from outside.
 * @module
 */
import { decodeFileHeader, type FileHeader } from '../../src/block/file-header.ts';
import { nodeCompression } from '../../src/compress/node.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import type { EncryptionOptions } from '../../src/crypto/key-options.ts';
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { CryptoPrimitives, SuiteName } from '../../src/crypto/port.ts';
import type { Db } from '../../src/db/database.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import type { Clock } from '../../src/env/port.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

/** Where the databases of these tests are. */
export const DIRECTORY = 'db';

export const SUITES: readonly SuiteName[] = ['aes-256-gcm', 'chacha20-poly1305'];

/** The cryptography under test: on node:crypto, and without it. */
export const CRYPTO: Readonly<Record<'node' | 'noble', CryptoPrimitives>> = {
  node: nodeCrypto(),
  noble: nobleCrypto,
};
export type CryptoName = keyof typeof CRYPTO;

/** One code of each scheme, and none. */
export const ECC_CHOICES: readonly (EccOptions | false)[] = [
  false,
  { scheme: 'reed-solomon', data: 4, parity: 2 },
  { scheme: 'xor', data: 4 },
  { scheme: 'secded' },
];

/** What a database runs on beside its file system. */
export interface World {
  readonly seed?: number;
  readonly crypto?: CryptoName;
  readonly clock?: Clock;
  /** Zstd of this runtime, where it has one, instead of the portable one. */
  readonly hasNativeZstd?: boolean;
}

/** Opens the database of `fs`. The same seed, options and calls make the same bytes. */
export function openIn(fs: Fs, options: DbOptions = {}, world: World = {}): Promise<Db> {
  const { seed = 1, crypto = 'node', clock = new SimulatedClock(1_700_000_000_000) } = world;
  return openDatabase(DIRECTORY, options, {
    fs,
    clock,
    random: new SeededRandom(seed),
    hostLoop: { turn: () => Promise.resolve() },
    compression: world.hasNativeZstd === true ? nodeCompression() : portableCompression,
    crypto: CRYPTO[crypto],
    threads: undefined,
  });
}

/** The key of an epoch in these tests: it has nothing in common with those of others. */
export function keyOf(epoch: number, database = 0): Uint8Array {
  const key = new Uint8Array(32);
  new SeededRandom(1000 * (database + 1) + epoch).fill(key);
  return key;
}

/** Encryption under the last of some epochs, whose keys are all there. */
export function encryptionOf(
  suite: SuiteName,
  epoch = 1,
  more: Partial<EncryptionOptions> = {},
): EncryptionOptions {
  const keys: Record<number, Uint8Array> = {};
  for (let e = 1; e <= epoch; e++) keys[e] = keyOf(e);
  return { suite, epoch, keys, ...more };
}

/** Names of the files of the database, sorted. */
export function namesIn(fs: Fs): string[] {
  return fs.list(DIRECTORY).sort();
}

/** A copy of a file's bytes. */
export function bytesOf(fs: Fs, name: string): Uint8Array {
  const file = fs.open(`${DIRECTORY}/${name}`, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

/** Makes `bytes` the content of a file, which need not exist. */
export function setBytes(fs: Fs, name: string, bytes: Uint8Array): void {
  const path = `${DIRECTORY}/${name}`;
  if (fs.exists(path)) fs.remove(path);
  const file = fs.open(path, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

/** Every file with its bytes, for comparisons of whole directories. */
export function directoryOf(fs: Fs): Map<string, string> {
  const text = (name: string) => Buffer.from(bytesOf(fs, name)).toString('base64');
  return new Map(namesIn(fs).map((name) => [name, text(name)]));
}

/** The header of a file other than CURRENT. */
export function headerOf(fs: Fs, name: string): FileHeader {
  const bytes = bytesOf(fs, name);
  const header = decodeFileHeader(bytes, bytes.length, name);
  if (header === undefined) throw new Error(`${name} has no sound header`);
  return header;
}

/** The options with other encryption. */
export function withEncryption(
  options: DbOptions,
  encryption: EncryptionOptions | false,
): DbOptions {
  return { ...options, encryption };
}
