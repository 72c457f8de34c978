/**
 * What `getProperty` answers: those of LevelDB's properties that mean something here, and the
 * engine's own figures.
 * @module
 */
import type { DbStats, LevelStats } from '../../core.ts';

/** LevelDB has this many levels, and tools ask for each. */
const LEVELDB_LEVELS = 7;

/**
 * The property of that name, or an empty string for a name that is not known, as in LevelDB:
 * `leveldb.num-files-at-level<N>`, `leveldb.stats`, `leveldb.approximate-memory-usage`, and
 * `varve.stats`, which is the engine's statistics as JSON.
 */
export function propertyOf(stats: DbStats, name: string): string {
  if (name === 'varve.stats') return JSON.stringify(stats);
  if (name === 'leveldb.stats') return statsTable(stats);
  if (name === 'leveldb.approximate-memory-usage') return String(memoryBytes(stats));
  const level = /^leveldb\.num-files-at-level(\d)$/.exec(name);
  if (level === null) return '';
  const number = Number(level[1]);
  const levels = levelsOf(stats).filter((each) => each.level === number);
  if (levels.length === 0 && number >= LEVELDB_LEVELS) return '';
  return String(sum(levels.map((each) => each.tableCount)));
}

/** The levels of all column families. */
function levelsOf(stats: DbStats): LevelStats[] {
  return stats.columnFamilies.flatMap((family) => family.levels);
}

function memoryBytes(stats: DbStats): number {
  const { memtableBytes, blockCacheBytes, tableBytes } = stats.memory;
  return memtableBytes + blockCacheBytes + tableBytes;
}

function statsTable(stats: DbStats): string {
  const rows = [
    'Level  Files  Size(MB)      Entries   Tombstones',
    '------------------------------------------------',
  ];
  const levels = levelsOf(stats);
  const deepest = Math.max(0, ...levels.map((each) => each.level));
  for (let level = 0; level <= deepest; level++) {
    const here = levels.filter((each) => each.level === level);
    const files = String(sum(here.map((each) => each.tableCount)));
    const size = (sum(here.map((each) => each.sizeBytes)) / 1e6).toFixed(1);
    const entries = String(sum(here.map((each) => each.entryCount)));
    const tombstones = String(sum(here.map((each) => each.tombstoneCount)));
    const cells = [files.padStart(6), size.padStart(9), entries.padStart(12)];
    rows.push(`${String(level).padStart(5)} ${cells.join(' ')} ${tombstones.padStart(12)}`);
  }
  return `${rows.join('\n')}\n`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
