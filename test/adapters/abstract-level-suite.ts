/**
 * Runs the suite of abstract-level, unmodified, against `varve/level` and prints its TAP; a program
 * of its own, because the suite is written for tape, and because every runtime can run it. The
 * argument names a setting of the database.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseOptions, OpenOptions, VarveLevel } from '../../src/adapters/level.ts';
import { type DbOptions, MemoryFs } from '../../src/index.ts';

type Options = DatabaseOptions<string, string>;

interface Setting {
  /** In a directory, with worker threads; otherwise in memory, without. */
  readonly onDisk?: boolean;
  /** As in a runtime without Node's Buffer. */
  readonly hidesBuffer?: boolean;
  readonly options?: DbOptions;
}

/** Every write is in a table of its own soon, and merged again and again. */
const TINY: DbOptions = {
  memoryBudgetBytes: 1_048_576,
  writeBufferBytes: 16_384,
  targetTableBytes: 65_536,
  baseLevelBytes: 65_536,
  blockSizeBytes: 512,
  restartInterval: 1,
  l0TriggerCount: 1,
  blockCacheBytes: 0,
};
const EVERYTHING: DbOptions = {
  compression: { codec: 'zstd', dictionary: { trainedBytes: 1024 } },
  walCompression: 'lz4',
  encryption: { suite: 'aes-256-gcm', epoch: 1, keys: { 1: new Uint8Array(32).fill(7) } },
  ecc: { scheme: 'reed-solomon', data: 4, parity: 2 },
  entryChecksums: true,
};
const SETTINGS: Readonly<Record<string, Setting>> = {
  memory: {},
  node: { onDisk: true },
  bufferless: { hidesBuffer: true },
  everything: { options: EVERYTHING },
  'tiny-buffers': { options: TINY },
  'tiny-everything': { options: { ...TINY, ...EVERYTHING } },
  'no-workers': { onDisk: true, options: { workers: 0 } },
  'no-log': { options: { wal: false } },
};

const setting = SETTINGS[process.argv[2] ?? ''];
if (setting === undefined) {
  throw new Error(`usage: ${process.argv[1]} ${Object.keys(SETTINGS).join('|')}`);
}

// The adapter looks for Buffer when it is loaded; the suite itself needs it. Tape comes last: it
// wants to hear of its tests at once.
const { Buffer } = globalThis;
if (setting.hidesBuffer) Object.assign(globalThis, { Buffer: undefined });
const { VarveLevel: Level } = await import('../../src/adapters/level.ts');
Object.assign(globalThis, { Buffer });

const require = createRequire(import.meta.url);
const tape: { onFinish(callback: () => void): void } = require('tape');
const suite: (options: {
  test: unknown;
  factory: (options?: Options) => VarveLevel;
}) => void = require('abstract-level/test');

const root = mkdtempSync(join(tmpdir(), 'varve-level-'));
tape.onFinish(() => rmSync(root, { recursive: true, force: true }));

/** Adds the options of the setting where the suite does not see them: it compares those it gave. */
const SetLevel = class extends Level<string, string> {
  protected override _open(options: OpenOptions): Promise<void> {
    return super._open({ ...setting?.options, ...options });
  }
  // Compared member by member it is none: those of the hooks depend on the class.
} as unknown as typeof Level;

let count = 0;
suite({
  test: tape,
  factory(options): VarveLevel {
    const name = `db-${count++}`;
    // Types of abstract-level name their own class, so that a subclass is none of them.
    const level: unknown = setting.onDisk
      ? new SetLevel(join(root, name), options)
      : new SetLevel(name, { ...options, fs: new MemoryFs() });
    return level as VarveLevel;
  },
});
