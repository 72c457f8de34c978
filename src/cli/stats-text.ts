/**
 * What `varve stats` prints for people.
 * @module
 */
import type { DbStats, FamilyStats, LevelStats } from '../index.ts';
import { codecName, suiteName } from '../inspect/names.ts';
import { toText } from './encoding.ts';
import {
  type Cell,
  eccName,
  formatBytes,
  formatCount,
  formatItems,
  formatRatio,
  formatSeconds,
  formatTable,
  wordsOf,
} from './format.ts';
import type { FileStats, Look } from './stats-look.ts';

/** Columns behind those of {@link levelsText}. */
export interface MoreColumns {
  readonly head: readonly string[];
  readonly cells: (family: FamilyStats, level: LevelStats) => readonly Cell[];
}

/** The levels of some families that hold tables. */
export function levelsText(
  families: readonly FamilyStats[],
  more: MoreColumns = writtenColumn(families),
): string {
  const rows = families.flatMap((family): Cell[][] => {
    const name = nameText(family);
    const used = family.levels.filter(({ tableCount }) => tableCount > 0);
    if (used.length === 0) {
      return [[name, '-', 0, '-', '-', 0, 0, ...more.head.map(() => '-')]];
    }
    return used.map((level) => [
      name,
      `L${level.level}`,
      level.tableCount,
      formatBytes(level.sizeBytes),
      level.limitBytes === undefined ? '-' : formatBytes(level.limitBytes),
      level.entryCount,
      level.tombstoneCount,
      ...more.cells(family, level),
    ]);
  });
  const head = ['family', 'level', 'tables', 'size', 'limit', 'entries', 'tombstones'];
  return formatTable([...head, ...more.head], rows);
}

/** Name of a family, safe for terminals. */
export function nameText({ name }: FamilyStats): string {
  return toText(Buffer.from(name), 'utf8');
}

/** What flushes and compactions have written since opening, where they have. */
function writtenColumn(families: readonly FamilyStats[]): MoreColumns {
  const hasWritten = families.some(({ levels }) => levels.some((level) => level.bytesWritten > 0));
  if (!hasWritten) return { head: [], cells: () => [] };
  return { head: ['written'], cells: (_, { bytesWritten }) => [formatBytes(bytesWritten)] };
}

/** All that a look has shown. */
export function statsText({ stats, files }: Look): string {
  const { memory, recovery } = stats;
  const overview = [
    ['database', toText(Buffer.from(stats.directory), 'utf8')],
    ['newest write', formatCount(stats.seqno)],
    ['in tables up to', formatCount(stats.persistedSeqno)],
    ['read from WAL', formatItems(recovery.recordCount, 'record')],
    ...amplificationRows(stats),
    ...recovery.dropped.map(({ file, offset, reason }) => {
      return ['left out of WAL', `${file} from offset ${offset}: ${reason}`];
    }),
  ];
  const memtables = stats.columnFamilies.map((family) => [
    nameText(family),
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
    ...stallTexts(stats),
    countersText(stats),
  ].join('\n');
}

/** What is known of it: writes and reads count from the opening on. */
function amplificationRows({ amplification }: DbStats): string[][] {
  const rows = (['space', 'write', 'read'] as const).map((what) => {
    return [`${what} amplif.`, formatRatio(amplification[what])];
  });
  return rows.filter(([, value]) => value !== '-');
}

/** What writes have waited for. */
function stallTexts({ stalls }: DbStats): string[] {
  if (stalls.length === 0) return [];
  const rows = stalls.map(({ kind, reason, count, totalMs }) => {
    return [kind, reason, count, formatSeconds(totalMs)];
  });
  return [formatTable(['writes held back', 'by', 'times', 'waited'], rows)];
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
  return [kind === 'kept' ? 'kept as *.lost' : kind, count, formatBytes(sizeBytes)];
}
