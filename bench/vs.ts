/**
 * Varve beside other stores: the bindings that there are for Node, and RocksDB's own db_bench.
 *
 *     npm run bench:vs -- --num 1000000 --repeat 3
 *     npm run bench:vs -- --quick --engines varve,lmdb --only readrandom,fillseq
 *     npm run bench:vs -- --table aims
 *     npm run bench:vs -- --help
 *
 * docs/BENCHMARKING.md says what is compared, and by which rule.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { PRESETS, presetNamed } from './driver/presets.ts';
import { renderPage } from './driver/report-html.ts';
import { machine } from './driver/result.ts';
import {
  addWorkloadFlags,
  DEFAULTS,
  integerOf,
  numberFlag,
  type WorkloadFlags,
  type WorkloadSettings,
  workloadSettings,
} from './driver/settings.ts';
import { AIMS } from './vs/aims.ts';
import { compare } from './vs/comparison.ts';
import { allPeers, type Peer, whyMissing } from './vs/peers.ts';
import { ROWS, type Row, rowsNamed } from './vs/rows.ts';
import { aimTables, pageOf, rowTables, sumUp, textOf } from './vs/tables.ts';

/** A smoke run. */
const QUICK = { num: 20_000, limit: 2, repeat: 1 };
/** A store that syncs every write would take minutes for a row. */
const LIMIT_SECONDS = 20;

interface Flags extends WorkloadFlags {
  readonly only?: string;
  readonly engines?: string;
  readonly preset: string;
  readonly table: 'all' | 'aims';
  readonly repeat: number;
  readonly quick?: boolean;
  readonly sqliteNode?: string;
  readonly db?: string;
  readonly json?: boolean;
  readonly html?: string;
}

interface Plan {
  readonly flags: Flags;
  readonly settings: WorkloadSettings;
  readonly repeat: number;
  readonly presets: readonly string[];
  readonly peers: readonly Peer[];
  readonly rows: readonly Row[];
}

function readPlan(): Plan {
  const command = new Command('npm run bench:vs --')
    .description('Varve beside other stores; each row on each store in a process of its own.')
    .option('--engines <list>', 'stores: whole names, or the part before the colon')
    .option('--only <list>', 'rows, or workloads')
    .option('--preset <list>', 'presets of Varve and RocksDB', 'default,rocksdb-parity')
    .addOption(
      new Option('--table <which>', 'all rows; or the rows of the design, with its aims')
        .choices(['all', 'aims'])
        .default('all'),
    )
    .addOption(numberFlag('repeat', 'rounds; medians are shown', integerOf(1), 3))
    .option('--quick', `a smoke run: ${QUICK.num} entries, one round`)
    .option('--sqlite-node <program>', 'a Node that has node:sqlite, where this one has not')
    .option('--db <folder>', 'where databases are made; a temporary place if absent')
    .option('--json', 'print every sample as a line of JSON instead of tables')
    .option('--html <file>', 'write the results as a page with charts');
  addWorkloadFlags(command, { ...DEFAULTS, limitSeconds: LIMIT_SECONDS })
    .addHelpText('after', () => `\nStores:\n${listStores()}`)
    .addHelpText('after', () => `\nRows: ${ROWS.map(({ name }) => name).join(', ')}`)
    .addHelpText('after', () => `Presets: ${PRESETS.map(({ name }) => name).join(', ')}`);
  const flags = command.parse().opts<Flags>();
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  try {
    return planOf(flags.quick === true ? quickened(flags, isGiven) : flags);
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`, { exitCode: 2 });
  }
}

function planOf(flags: Flags): Plan {
  const settings = workloadSettings(flags);
  const presets = listOf(flags.preset).map((name) => presetNamed(name).name);
  const peers = allPeers(presets, flags.sqliteNode).filter((peer) => isWanted(peer, flags.engines));
  if (peers.length === 0) throw new RangeError(`no store is named ${flags.engines}`);
  const present = peers.filter((peer) => {
    const reason = whyMissing(peer);
    if (reason !== undefined) note(`without ${peer.name}: ${reason}`);
    return reason === undefined;
  });
  return {
    flags,
    settings,
    repeat: flags.repeat,
    presets,
    peers: present,
    rows: rowsOf(flags),
  };
}

/** Flags of a smoke run, where none were given. */
function quickened(flags: Flags, isGiven: (name: string) => boolean): Flags {
  const quick = Object.entries(QUICK).filter(([name]) => !isGiven(name));
  return { ...flags, ...Object.fromEntries(quick) };
}

function rowsOf(flags: Flags): Row[] {
  if (flags.only !== undefined) return listOf(flags.only).flatMap(rowsNamed);
  if (flags.table === 'all') return [...ROWS];
  return ROWS.filter(({ name }) => AIMS.some(({ row }) => row === name));
}

async function main(): Promise<void> {
  const plan = readPlan();
  const { flags, settings, repeat, peers, rows, presets } = plan;
  const folder = mkdtempSync(join(flags.db ?? tmpdir(), 'varve-bench-vs-'));
  try {
    const findings = await compare({ peers, rows, settings, repeat, folder, onProgress: note });
    const comparison = sumUp(findings, { peers, rows, presets, subtitle: subtitleOf(plan) });
    const tables = flags.table === 'aims' ? aimTables(comparison) : rowTables(comparison);
    if (flags.json === true) {
      for (const sample of findings.samples) say(JSON.stringify({ ...sample, ...machine() }));
    } else {
      say(`${comparison.subtitle}\n\n${textOf(tables)}${footOf(plan)}`);
    }
    if (flags.html !== undefined) writeFileSync(flags.html, renderPage(pageOf(comparison, tables)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function subtitleOf({ settings, repeat }: Plan): string {
  const { num, keySize, valueSize = 100, compressionRatio } = settings;
  const { node, cpu, cores } = machine();
  return (
    `${num} entries, keys of ${keySize} bytes, values of ${valueSize} (YCSB 1000) ` +
    `compressible to ${compressionRatio}; medians of ${repeat}; Node ${node}, ${cores} x ${cpu}`
  );
}

function footOf({ peers, settings }: Plan): string {
  const width = Math.max(...peers.map(({ name }) => name.length));
  const setups = peers.map(({ name, setup }) => `  ${name.padEnd(width)}  ${setup}`);
  return (
    `\n\n* stopped after ${settings.limitSeconds} s, with fewer operations than the others\n` +
    `spread: highest rate by lowest\n${setups.join('\n')}`
  );
}

function listStores(): string {
  const peers = allPeers(PRESETS.map(({ name }) => name));
  return peers.map((peer) => `  ${peer.name}: ${whyMissing(peer) ?? peer.setup}`).join('\n');
}

function isWanted(peer: Peer, engines: string | undefined): boolean {
  if (engines === undefined) return true;
  return listOf(engines).some((name) => peer.name === name || peer.name.startsWith(`${name}:`));
}

function listOf(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
