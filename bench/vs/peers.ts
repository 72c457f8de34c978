/**
 * The stores that are compared, each with its defaults and with one sensible tuning, by name:
 * `varve:default`, `classic-level`, `classic-level:tuned`. Packages come from
 * bench/vs/package.json; what is not installed, or not in this version of Node, is left out.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Engine } from '../driver/engine.ts';
import { optionsOf, presetNamed } from '../driver/presets.ts';
import { projectRoot } from '../driver/project-root.ts';
import { VarveEngine } from '../driver/varve-engine.ts';
import { LevelEngine } from './engines/level-engine.ts';
import { LmdbEngine } from './engines/lmdb-engine.ts';
import { RocksDbNativeEngine } from './engines/rocksdb-native-engine.ts';
import { type OpenSqlite, SqliteEngine, type SqliteSetup } from './engines/sqlite-engine.ts';

/** `native` is a program of its own; the others run in Node. */
export type PeerKind = 'varve' | 'lsm' | 'btree' | 'memory' | 'native';

export interface Peer {
  readonly name: string;
  readonly kind: PeerKind;
  /** How it is set up, for people. */
  readonly setup: string;
  /** Of Varve and RocksDB. */
  readonly preset: string | undefined;
  /** The Node in which it runs. */
  readonly node: string;
}

/** A package of newer versions of Node. */
const SQLITE = 'node:sqlite';
const MIB = 1_048_576;
const CACHE_BYTES = 256 * MIB;
const BUFFER_BYTES = 64 * MIB;

/** One package with one set of options. */
interface Binding {
  readonly package: string;
  readonly kind: PeerKind;
  readonly setup: string;
  make(): Engine;
}

const LEVEL_TUNING = {
  cacheSize: CACHE_BYTES,
  writeBufferSize: BUFFER_BYTES,
  maxFileSize: 32 * MIB,
};
const LMDB_TUNING = { noSync: true, noMemInit: true };
const ROCKSDB_TUNING = { tableBlockSize: 4096, tableCacheIndexAndFilterBlocks: false };
const SQLITE_DEFAULT: SqliteSetup = { pragmas: [], durability: 'fsync' };
const SQLITE_TUNED: SqliteSetup = {
  pragmas: [
    'journal_mode = WAL',
    'synchronous = OFF',
    `mmap_size = ${1024 * MIB}`,
    `cache_size = ${-CACHE_BYTES / 1024}`,
  ],
  durability: 'os',
};
const SQLITE_SETUP = 'WAL, synchronous=OFF, 1 GiB mapped, 256 MiB of pages';

const BINDINGS: Readonly<Record<string, Binding>> = {
  'classic-level': {
    package: 'classic-level',
    kind: 'lsm',
    setup: 'defaults',
    make: () => new LevelEngine(load('classic-level').ClassicLevel, {}, false),
  },
  'classic-level:tuned': {
    package: 'classic-level',
    kind: 'lsm',
    setup: 'cache 256 MiB, write buffer 64 MiB, tables of 32 MiB',
    make: () => new LevelEngine(load('classic-level').ClassicLevel, LEVEL_TUNING, false),
  },
  'rocksdb-native': {
    package: 'rocksdb-native',
    kind: 'lsm',
    setup: 'defaults',
    make: () => new RocksDbNativeEngine(load('rocksdb-native'), {}),
  },
  'rocksdb-native:tuned': {
    package: 'rocksdb-native',
    kind: 'lsm',
    setup: 'blocks of 4 KiB, index and filters outside the cache',
    make: () => new RocksDbNativeEngine(load('rocksdb-native'), ROCKSDB_TUNING),
  },
  lmdb: {
    package: 'lmdb',
    kind: 'btree',
    setup: 'defaults: commits are synced a moment later',
    make: () => new LmdbEngine(load('lmdb').open, {}),
  },
  'lmdb:tuned': {
    package: 'lmdb',
    kind: 'btree',
    setup: 'noSync, noMemInit',
    make: () => new LmdbEngine(load('lmdb').open, LMDB_TUNING),
  },
  'better-sqlite3': {
    package: 'better-sqlite3',
    kind: 'btree',
    setup: 'defaults: every commit is synced',
    make: () => new SqliteEngine(openBetterSqlite(), SQLITE_DEFAULT),
  },
  'better-sqlite3:tuned': {
    package: 'better-sqlite3',
    kind: 'btree',
    setup: SQLITE_SETUP,
    make: () => new SqliteEngine(openBetterSqlite(), SQLITE_TUNED),
  },
  'node:sqlite': {
    package: SQLITE,
    kind: 'btree',
    setup: 'defaults: every commit is synced',
    make: () => new SqliteEngine(openNodeSqlite(), SQLITE_DEFAULT),
  },
  'node:sqlite:tuned': {
    package: SQLITE,
    kind: 'btree',
    setup: SQLITE_SETUP,
    make: () => new SqliteEngine(openNodeSqlite(), SQLITE_TUNED),
  },
  'memory-level': {
    package: 'memory-level',
    kind: 'memory',
    setup: 'a tree in memory; nothing to tune',
    make: () => new LevelEngine(load('memory-level').MemoryLevel, {}, true),
  },
};

/**
 * Every store there could be, Varve first.
 * @param sqliteNode a Node that has node:sqlite
 */
export function allPeers(
  presets: readonly string[],
  sqliteNode: string = process.execPath,
): Peer[] {
  const node = process.execPath;
  const varve = presets.map((preset) => {
    const { summary: setup } = presetNamed(preset);
    return { name: `varve:${preset}`, kind: 'varve', setup, preset, node } as const;
  });
  const bindings = Object.entries(BINDINGS).map(([name, { kind, setup, package: from }]) => {
    return { name, kind, setup, preset: undefined, node: from === SQLITE ? sqliteNode : node };
  });
  const native = presets.map((preset) => {
    const setup = presetNamed(preset).dbBenchFlags.join(' ');
    return { name: `rocksdb:${preset}`, kind: 'native', setup, preset, node } as const;
  });
  return [...varve, ...bindings, ...native];
}

/** Why a store cannot take part, or undefined when it can. */
export function whyMissing(peer: Peer): string | undefined {
  if (peer.kind === 'varve') return undefined;
  if (peer.kind === 'native') {
    const isThere = spawnSync('db_bench', ['--version'], { stdio: 'ignore' }).error === undefined;
    return isThere ? undefined : 'there is no db_bench (Debian: rocksdb-tools)';
  }
  const name = BINDINGS[peer.name]!.package;
  if (name === SQLITE) return hasSqlite(peer.node) ? undefined : `${peer.node} has no ${SQLITE}`;
  try {
    packagesHere().resolve(name);
    return undefined;
  } catch {
    return `${name} is not installed (npm ci --prefix bench/vs)`;
  }
}

function hasSqlite(node: string): boolean {
  const program = `require('${SQLITE}')`;
  return spawnSync(node, ['--no-warnings', '-e', program], { stdio: 'ignore' }).status === 0;
}

/** Makes a store that runs in Node. @throws RangeError for a name that none has */
export function makeEngine(name: string): Engine {
  const preset = /^varve:(.+)$/.exec(name)?.[1];
  if (preset !== undefined) return new VarveEngine(optionsOf(presetNamed(preset)));
  const binding = BINDINGS[name];
  if (binding === undefined) throw new RangeError(`there is no store ${name}`);
  return binding.make();
}

function openBetterSqlite(): OpenSqlite {
  const Database = load('better-sqlite3');
  return (file) => new Database(file);
}

function openNodeSqlite(): OpenSqlite {
  return (file) => {
    const { DatabaseSync } = load(SQLITE);
    return new DatabaseSync(file);
  };
}

/** A package without its types, which are not there when it is not installed. */
// biome-ignore lint/suspicious/noExplicitAny: each engine says what it uses of its package
function load(name: string): any {
  return packagesHere()(name);
}

function packagesHere(): NodeJS.Require {
  return createRequire(join(projectRoot(), 'bench/vs/package.json'));
}
