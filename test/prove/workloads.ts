/**
 * Workloads for the crash simulation: short, on few keys, and durable in places.
 * @module
 */
import type { EncryptionOptions } from '../../src/crypto/key-options.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import type { Workload } from './crash-run.ts';
import type { Operation, WriteSpec } from './operations.ts';
import { SETTINGS, STAGES } from './settings.ts';

const KIB = 1024;
const flushAll: Operation = { do: 'flush', family: undefined, wait: true };
const compactAll: Operation & { do: 'compact' } = {
  do: 'compact',
  family: undefined,
  from: undefined,
  to: undefined,
  wait: true,
};
const ENCRYPTING: EncryptionOptions = {
  suite: 'aes-256-gcm',
  epoch: 2,
  keys: testKeys(2),
  encryptExisting: true,
};
const reopen: Operation = { do: 'reopen', clean: true };

/** Operations of a random workload whose every cut is tried. */
export const OPERATIONS_PER_WORKLOAD = 60;

/**
 * A workload of random operations; the same for the same seed.
 * @param stages options that are put over those of a small database
 */
export function randomWorkload(seed: number, count: number, stages: DbOptions = {}): Workload {
  const random = new SeededRandom(seed);
  const options = { ...SETTINGS['small']!, writeBufferBytes: 16 * KIB, ...stages };
  const wal = random.chance(0.8);
  const operations = Array.from({ length: count }, () => operationFrom(random));
  return { options: { ...options, wal }, operations };
}

/** Workloads that lead into one corner each, by name. */
export const CORNERS: Readonly<Record<string, Workload>> = {
  'batches across families, flushed one by one': {
    options: SETTINGS['small']!,
    operations: [
      create(1),
      create(2),
      ...[0, 1, 2, 0, 1].flatMap((family, round) => [
        batch(round * 3 + 1, [0, 1, 2]),
        batch(round * 3 + 2, [1, 0]),
        { do: 'flush', family, wait: true } as const,
        batch(round * 3 + 3, [2, 1, 0]),
      ]),
    ],
  },
  'families that come and go': {
    options: SETTINGS['small']!,
    operations: [1, 2, 1, 3].flatMap((family, round) => [
      create(family),
      batch(round, [family, 0]),
      put(family, 'k1', 10 + round, true),
      ...(round % 2 === 0 ? [flushAll] : []),
      { do: 'drop-family', family } as const,
      batch(round + 50, [family, 0]),
      create(family),
      put(family, 'k2', 20 + round, round === 2),
    ]),
  },
  'compactions of overwrites and deletes': {
    options: { ...SETTINGS['small']!, blockSizeBytes: 512 },
    operations: [0, 1, 2].flatMap((round) => [
      ...[0, 1, 2, 3, 4].map((key) => put(0, `k${key + round}`, 300 + key, false)),
      flushAll,
      { do: 'write', write: { family: 0, key: `k${round}` }, sync: false } as const,
      flushAll,
      compactAll,
    ]),
  },
  'writes without a log': {
    options: { ...SETTINGS['unlogged']!, writeBufferBytes: 16 * KIB },
    operations: [
      create(1),
      ...[1, 2, 3].flatMap((round) => [
        batch(round, [0, 1]),
        put(1, 'k5', 2000, true),
        batch(round + 9, [1, 0]),
        ...(round === 2 ? [{ do: 'flush', family: 1, wait: true } as const] : [flushAll]),
        batch(round + 19, [0, 1]),
        ...(round === 2 ? [reopen] : []),
      ]),
    ],
  },
  'clean closes': {
    options: SETTINGS['small']!,
    operations: [1, 2, 3, 4].flatMap((round) => [
      put(0, `k${round}`, 50, round === 1),
      ...(round === 3 ? [flushAll] : []),
      reopen,
      put(0, 'k9', round, false),
    ]),
  },
  'sessions of a few writes': {
    options: SETTINGS['small']!,
    operations: Array.from({ length: 12 }, (_, round) => [
      ...(round % 4 === 1 ? [] : [put(0, `k${round % 5}`, 30 + round, round % 3 === 0)]),
      ...(round === 5 ? [create(1), batch(round, [1, 0])] : []),
      ...(round === 7 ? [{ do: 'flush', family: 1, wait: true } as const] : []),
      reopen,
    ]).flat(),
  },
  'sessions without a log': {
    options: { ...SETTINGS['unlogged']! },
    operations: Array.from({ length: 6 }, (_, round) => [
      ...(round % 3 === 1 ? [] : [put(0, `k${round % 5}`, 30 + round, round === 2)]),
      reopen,
    ]).flat(),
  },
  'syncs that wait while writes go on': {
    options: SETTINGS['small']!,
    operations: Array.from({ length: 24 }, (_, i) => [
      put(0, `k${i % 5}`, 40 + i, false),
      { do: 'sync', wait: i % 4 === 3 } as const,
      ...(i % 8 === 5 ? [{ do: 'flush', family: undefined, wait: false } as const] : []),
    ]).flat(),
  },
};

/** Databases that are opened with other stages than before, by name. */
export const CHANGES: Readonly<Record<string, Workload>> = {
  'from the clear to encryption': change({}, { encryption: ENCRYPTING }),
  'from the clear to everything': change({}, STAGES.everything),
  'to another epoch and suite': change(
    { encryption: { ...ENCRYPTING, epoch: 1 } },
    { encryption: { ...ENCRYPTING, suite: 'chacha20-poly1305' }, walCompression: 'lz4' },
  ),
  'from one code to another': change(
    { ecc: { scheme: 'xor', data: 3 } },
    { ecc: { scheme: 'reed-solomon', data: 4, parity: 2 }, ...STAGES.compressed },
  ),
  'from shards to stripes': change({ ecc: { scheme: 'secded' } }, STAGES.striped),
  'from stripes to shards and other stripes': change(STAGES.striped, {
    ecc: STAGES.fortified.ecc,
    ...STAGES.compressed,
  }),
  'to no code and no compression': change(
    { ...STAGES.compressed, ecc: { scheme: 'secded' } },
    { compression: 'none' },
  ),
};

function change(from: DbOptions, to: DbOptions): Workload {
  const small = SETTINGS['small']!;
  return {
    before: {
      options: { ...small, ...from },
      operations: [
        create(1),
        batch(1, [0, 1]),
        flushAll,
        batch(2, [1, 0]),
        put(0, 'k9', 700, true),
        flushAll,
        batch(3, [0, 1]),
        put(1, 'k8', 40, true),
      ],
    },
    options: { ...small, ...to },
    operations: [
      batch(4, [0, 1]),
      { do: 'verify' },
      flushAll,
      compactAll,
      put(0, 'k7', 60, true),
      reopen,
      batch(5, [1, 0]),
      put(1, 'k6', 80, false),
    ],
  };
}

/** Something of everything that can fail, with a look at all of it in between. */
export const FAILING: readonly Operation[] = [
  put(0, 'k1', 10, false),
  create(1),
  batch(1, [0, 1]),
  put(0, 'k2', 5000, true),
  { do: 'verify' },
  batch(2, [1, 0]),
  { do: 'flush', family: 1, wait: true },
  { do: 'sync', wait: true },
  batch(3, [0, 1]),
  flushAll,
  batch(4, [1, 0]),
  compactAll,
  { do: 'verify' },
  create(2),
  batch(5, [2, 1]),
  { do: 'flush', family: undefined, wait: false },
  put(2, 'k3', 70, false),
  { do: 'drop-family', family: 1 },
  batch(6, [2, 0]),
  reopen,
  batch(7, [0, 2]),
  { do: 'sync', wait: false },
  put(0, 'k4', 80, false),
  { do: 'sync', wait: true },
  { do: 'compact', family: undefined, from: undefined, to: undefined, wait: false },
  put(2, '', 0, true),
  { do: 'drop-family', family: 2 },
  batch(8, [0]),
];

/** Large keys stand in the manifest twice per table, so that it soon has to be rewritten. */
export const MANIFEST_REWRITE: Workload = {
  options: { ...SETTINGS['small']!, l0TriggerCount: 16 },
  operations: Array.from({ length: 12 }, (_, round) => [
    batch(round, [0], 'x'.repeat(65_000)),
    flushAll,
    put(0, 'k1', round, round % 3 === 0),
  ]).flat(),
};

/** Full memtables, flushed in steps while writes go on, and compactions that they cause. */
export const IMPORT: Workload = {
  options: { ...SETTINGS['small']!, writeBufferBytes: 16 * KIB },
  operations: Array.from({ length: 90 }, (_, i): Operation => {
    const writes = Array.from({ length: 4 }, (_, j) => ({
      family: 0,
      key: ((i * 4 + j) * 37) % 160,
      value: { seed: i, length: 900 },
    }));
    return {
      do: 'batch',
      writes: writes.map((write) => ({ ...write, key: `k${write.key}` })),
      sync: i % 10 === 9,
    };
  }),
};

function create(family: number): Operation {
  return { do: 'create-family', family };
}

function put(family: number, key: string, length: number, sync: boolean): Operation {
  return { do: 'write', write: { family, key, value: { seed: length, length } }, sync };
}

/** Writes one key to each of the families, and deletes another one. */
function batch(seed: number, families: readonly number[], keyEnd = ''): Operation {
  const writes: WriteSpec[] = families.map((family) => ({
    family,
    key: `k${seed % 7}${keyEnd}`,
    value: { seed, length: 20 + seed },
  }));
  writes.push({ family: families[0]!, key: `k${(seed + 3) % 7}${keyEnd}` });
  return { do: 'batch', writes, sync: seed % 5 === 4 };
}

function operationFrom(random: SeededRandom): Operation {
  const kind = random.below(100);
  const wait = random.chance(0.6);
  if (kind < 40) return { do: 'write', write: writeFrom(random), sync: random.chance(0.25) };
  if (kind < 65) {
    const writes = Array.from({ length: 1 + random.below(6) }, () => writeFrom(random));
    return { do: 'batch', writes, sync: random.chance(0.2) };
  }
  if (kind < 73) return { do: 'sync', wait };
  if (kind < 77) return { do: 'flush', family: undefined, wait };
  if (kind < 83) return { do: 'flush', family: random.below(4), wait };
  if (kind < 86) return { ...compactAll, wait };
  if (kind < 92) return create(1 + random.below(3));
  if (kind < 95) return { do: 'drop-family', family: 1 + random.below(3) };
  return reopen;
}

function writeFrom(random: SeededRandom): WriteSpec {
  const family = random.below(4);
  const key = random.chance(0.1) ? '' : `k${random.below(12)}`;
  if (random.chance(0.25)) return { family, key };
  const length = random.chance(0.15) ? random.below(6000) : random.below(120);
  return { family, key, value: { seed: random.u32(), length } };
}
