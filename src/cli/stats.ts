/**
 * `varve stats`.
 * @module
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { DbStats, FamilyStats } from '../index.ts';
import { codecName, suiteName } from '../integrity/inspect-names.ts';
import { toText } from './encoding.ts';
import {
  type Cell,
  eccName,
  formatBytes,
  formatCount,
  formatItems,
  formatTable,
  wordsOf,
} from './format.ts';
import { addKeys } from './keys.ts';
import { addFamily, addJson, type FamilyOptions } from './options.ts';
import type { Output } from './output.ts';
import { withReader } from './session.ts';

/** Files of one kind in the directory of a database. */
interface FileStats {
  readonly kind: string;
  readonly count: number;
  readonly sizeBytes: number;
}

/** The command, which prints to `output`. */
export function statsCommand(output: Output): Command {
  const command = new Command('stats')
    .description('print levels, sizes, memory, logs and counters')
    .argument('<db>', 'directory of the database')
    .action(async (path: string, options: FamilyOptions) => {
      const { family } = options;
      const all = await withReader(path, options, async (db) => {
        if (family !== undefined) db.columnFamily(family);
        return db.stats();
      });
      const stats = family === undefined ? all : onlyFamily(all, family);
      const files = filesIn(path);
      if (options.json) await output.json({ ...stats, files });
      else await output.text(statsText(stats, files));
    });
  addKeys(command, 'read');
  return addJson(addFamily(command, 'only the levels of this column family; all if absent'));
}

/** The part of a level table that `compact` shows as well. */
export function levelsText(families: readonly FamilyStats[]): string {
  const rows: Cell[][] = families.flatMap(({ name, levels }) => {
    const used = levels.filter((level) => level.tableCount > 0);
    if (used.length === 0) return [[toText(Buffer.from(name), 'utf8'), '-', 0, '-', '-', 0, 0]];
    return used.map((level) => [
      toText(Buffer.from(name), 'utf8'),
      `L${level.level}`,
      level.tableCount,
      formatBytes(level.sizeBytes),
      level.limitBytes === undefined ? '-' : formatBytes(level.limitBytes),
      level.entryCount,
      level.tombstoneCount,
    ]);
  });
  return formatTable(['family', 'level', 'tables', 'size', 'limit', 'entries', 'tombstones'], rows);
}

function onlyFamily(stats: DbStats, family: string): DbStats {
  const columnFamilies = stats.columnFamilies.filter(({ name }) => name === family);
  return { ...stats, columnFamilies };
}

function statsText(stats: DbStats, files: readonly FileStats[]): string {
  const { memory, recovery } = stats;
  const overview = [
    ['database', toText(Buffer.from(stats.directory), 'utf8')],
    ['newest write', formatCount(stats.seqno)],
    ['in tables up to', formatCount(stats.persistedSeqno)],
    ['read from WAL', formatItems(recovery.recordCount, 'record')],
    ...recovery.dropped.map(({ file, offset, reason }) => {
      return ['left out of WAL', `${file} from offset ${offset}: ${reason}`];
    }),
  ];
  const memtables = stats.columnFamilies.map((family) => [
    toText(Buffer.from(family.name), 'utf8'),
    family.memtableEntryCount,
    formatBytes(family.memtableBytes),
    formatBytes(family.compactionDebtBytes),
  ]);
  const storage = stats.storage.map(({ codecId, ecc, tableCount, sizeBytes }) => {
    return [codecName(codecId), eccName(ecc), tableCount, formatBytes(sizeBytes)];
  });
  const memoryRows = [
    ['memtables', formatBytes(memory.memtableBytes)],
    ['indexes and filters', formatBytes(memory.tableBytes)],
    ['block cache, at most', formatBytes(memory.blockCacheCapacityBytes)],
  ];
  return [
    overview.map(([name, value]) => `  ${name!.padEnd(17)}${value}\n`).join(''),
    levelsText(stats.columnFamilies),
    formatTable(['family', 'in memtable', 'size', 'to compact'], memtables),
    formatTable(['files', 'count', 'size'], files.map(fileRow)),
    ...(storage.length === 0
      ? []
      : [formatTable(['compression', 'ECC', 'tables', 'size'], storage)]),
    ...encryptionTexts(stats),
    formatTable(['memory', 'size'], memoryRows),
    countersText(stats),
  ].join('\n');
}

/** How far a change of key has come; nothing for a database without keys. */
function encryptionTexts({ encryption }: DbStats): string[] {
  if (encryption === undefined) return [];
  const now = `${suiteName(encryption.suiteId)}, epoch ${encryption.epoch}`;
  const rows = encryption.tables.map(({ suiteId, epoch, tableCount, sizeBytes }) => {
    return [suiteName(suiteId), epoch === 0 ? '-' : epoch, tableCount, formatBytes(sizeBytes)];
  });
  const head = `  new files are encrypted with ${now}\n`;
  return [
    rows.length === 0 ? head : head + formatTable(['suite', 'epoch', 'tables', 'size'], rows),
  ];
}

/** The counters that count something; they begin at 0 with every command. */
function countersText({ counters }: DbStats): string {
  const rows = Object.entries(counters)
    .filter(([, value]) => value > 0)
    .map(([name, value]) => [wordsOf(name), value]);
  if (rows.length === 0) return '  counters since opening: all 0\n';
  return formatTable(['counters since opening', 'value'], rows);
}

function fileRow({ kind, count, sizeBytes }: FileStats): Cell[] {
  return [kind, count, formatBytes(sizeBytes)];
}

/** What is in the directory; a file that a writer removes meanwhile does not count. */
function filesIn(path: string): FileStats[] {
  const kinds = new Map<string, { count: number; sizeBytes: number }>();
  for (const kind of ['table', 'WAL', 'manifest', 'other']) {
    kinds.set(kind, { count: 0, sizeBytes: 0 });
  }
  for (const name of readdirSync(path)) {
    const stat = statSync(join(path, name), { throwIfNoEntry: false });
    if (stat?.isFile() !== true) continue;
    const entry = kinds.get(kindOf(name))!;
    entry.count++;
    entry.sizeBytes += stat.size;
  }
  return [...kinds].map(([kind, entry]) => ({ kind, ...entry }));
}

function kindOf(name: string): string {
  if (name.endsWith('.sst')) return 'table';
  if (name.endsWith('.wal')) return 'WAL';
  return name.startsWith('MANIFEST-') ? 'manifest' : 'other';
}
