/**
 * `varve stats --watch`: what a database does, look after look, while another process has it open.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FamilyStats, LevelStats } from '../index.ts';
import { toText } from './encoding.ts';
import { failureOf, failureText } from './failure.ts';
import {
  type Cell,
  formatBytes,
  formatCount,
  formatItems,
  formatRatio,
  formatTable,
} from './format.ts';
import type { Output } from './output.ts';
import { Screen } from './screen.ts';
import { type Look, type LookOptions, look } from './stats-look.ts';
import { levelsText, type MoreColumns, nameText } from './stats-text.ts';

/** How a database is watched. */
export interface WatchOptions extends LookOptions {
  /** Seconds from one look to the next, or true for the usual time. */
  readonly watch?: number | true;
  /** So many looks; without an end if absent. */
  readonly count?: number;
  readonly plain?: boolean;
}

const SECONDS = 2;
/** A writer that replaces files may be in the way of a look, but not of so many in a row. */
const FAILURES_MAX = 3;

/** A look and when it was. */
interface Timed extends Look {
  readonly atMs: number;
}

/** Tables of a level that were not there at the look before. */
interface Added {
  tableCount: number;
  bytesWritten: number;
}

/** What has changed from one look to the next. */
interface Change {
  readonly milliseconds: number;
  readonly writes: number;
  /** By family and level. */
  readonly added: ReadonlyMap<string, Added>;
}

/**
 * Prints look after look until Ctrl-C, until so many are printed, or until nobody reads them.
 * @throws whatever the first look throws, or three later ones in a row
 */
export async function watch(path: string, options: WatchOptions, output: Output): Promise<void> {
  const { count = Number.POSITIVE_INFINITY, json } = options;
  const seconds = typeof options.watch === 'number' ? options.watch : SECONDS;
  const screen = new Screen(process.stdout, output, options.plain === true || json === true);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  try {
    let last: Timed | undefined;
    let failures = 0;
    for (let i = 0; i < count && !stop.signal.aborted && !output.isClosed; i++) {
      const beginMs = performance.now();
      try {
        const seen = { ...(await look(path, options)), atMs: beginMs };
        const change = changeOf(seen, last);
        if (json) await output.json(jsonOf(seen, change));
        else await screen.draw(textOf(path, seconds, seen, change));
        await output.flush();
        last = seen;
        failures = 0;
      } catch (error) {
        failures++;
        if (last === undefined || failures === FAILURES_MAX) throw error;
        if (!json) await screen.draw(failureText(failureOf(error), false));
      }
      const restMs = beginMs + seconds * 1000 - performance.now();
      if (i + 1 < count) await rest(restMs, stop.signal);
    }
  } finally {
    process.off('SIGINT', onSignal);
  }
}

/** Waits; ends early when it is to stop. */
async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, milliseconds), undefined, { signal }).catch(() => undefined);
}

function changeOf(seen: Timed, last: Timed | undefined): Change | undefined {
  if (last === undefined) return undefined;
  const known = new Set(fileNumbers(last));
  const added = new Map<string, Added>();
  for (const family of seen.stats.columnFamilies) {
    for (const level of family.levels) {
      const tables = level.tables.filter(({ fileNumber }) => !known.has(fileNumber));
      let bytesWritten = 0;
      for (const { sizeBytes } of tables) bytesWritten += sizeBytes;
      added.set(placeOf(family, level), { tableCount: tables.length, bytesWritten });
    }
  }
  return {
    milliseconds: seen.atMs - last.atMs,
    writes: seen.stats.seqno - last.stats.seqno,
    added,
  };
}

function fileNumbers({ stats }: Look): number[] {
  return stats.columnFamilies.flatMap(({ levels }) =>
    levels.flatMap(({ tables }) => tables.map(({ fileNumber }) => fileNumber)),
  );
}

function placeOf({ name }: FamilyStats, { level }: LevelStats): string {
  return `${level} ${name}`;
}

/** The look as `varve stats --json` has it, with what came since the one before. */
function jsonOf({ stats, files }: Timed, change: Change | undefined): object {
  const since = change && {
    milliseconds: Math.round(change.milliseconds),
    writes: change.writes,
    added: stats.columnFamilies.flatMap((family) =>
      family.levels.flatMap((level) => {
        const added = change.added.get(placeOf(family, level))!;
        return added.tableCount === 0
          ? []
          : [{ family: family.name, level: level.level, ...added }];
      }),
    ),
  };
  return { time: new Date().toISOString(), since: since ?? null, ...stats, files };
}

function textOf(
  path: string,
  seconds: number,
  { stats, files }: Timed,
  change: Change | undefined,
): string {
  const wal = files.find(({ kind }) => kind === 'WAL')!;
  const writes = change && `${formatCount(perSecond(change.writes, change))}/s`;
  const items = [
    `${formatItems(stats.seqno, 'write')}${writes === undefined ? '' : `, ${writes}`}`,
    `WAL ${formatBytes(wal.sizeBytes)} in ${formatItems(wal.count, 'file')}`,
    `space amplification ${formatRatio(stats.amplification.space)}`,
  ];
  const name = toText(Buffer.from(path), 'utf8');
  const clock = new Date().toTimeString().slice(0, 8);
  return [
    `  ${name}   ${clock}, every ${seconds} s\n  ${items.join('   ')}\n`,
    levelsText(stats.columnFamilies, changeColumns(change)),
    pressureText(stats.columnFamilies),
  ].join('\n');
}

function perSecond(amount: number, { milliseconds }: Change): number {
  return (amount * 1000) / Math.max(1, milliseconds);
}

function changeColumns(change: Change | undefined): MoreColumns {
  return {
    head: ['new', 'written'],
    cells: (family: FamilyStats, level: LevelStats): Cell[] => {
      const added = change?.added.get(placeOf(family, level));
      if (change === undefined || added === undefined) return ['-', '-'];
      return [added.tableCount, `${formatBytes(perSecond(added.bytesWritten, change))}/s`];
    },
  };
}

/** What may hold writes back: L0, and what compaction is behind by, with their thresholds. */
function pressureText(families: readonly FamilyStats[]): string {
  const rows = families.map((family) => {
    const { thresholds, levels, compactionDebtBytes, memtableEntryCount } = family;
    const { l0TriggerCount, l0SlowdownCount, l0StopCount } = thresholds;
    const { compactionDebtSlowdownBytes, compactionDebtStopBytes } = thresholds;
    return [
      nameText(family),
      memtableEntryCount,
      levels[0]!.tableCount,
      `${l0TriggerCount} / ${l0SlowdownCount} / ${l0StopCount}`,
      formatBytes(compactionDebtBytes),
      `${formatBytes(compactionDebtSlowdownBytes)} / ${formatBytes(compactionDebtStopBytes)}`,
    ];
  });
  const head = [
    'family',
    'in memtable',
    'L0',
    'compact / slow / stop',
    'to compact',
    'slow / stop',
  ];
  return formatTable(head, rows);
}
