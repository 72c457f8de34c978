/**
 * The aims of the design's table, section 6, as ratios to what the peers reached when it was
 * written: 1.0 at least, more where the table aims higher.
 * @module
 */
import type { PeerKind } from './peers.ts';
import type { Summary } from './sample.ts';

/** What a row is judged by. */
export type Measure = 'opsPerSecond' | 'seconds' | 'size';

/** Figures are operations per second; of `seconds` rows seconds, of `size` rows megabytes. */
export interface Aim {
  /** As the design's table says it. */
  readonly title: string;
  /** Row of the comparison. */
  readonly row: string;
  readonly measure: Measure;
  readonly aim: number;
  /** The best binding from JavaScript. */
  readonly binding: number;
  /** RocksDB from C++. */
  readonly native: number | undefined;
  /** lmdb reads without a limit of memory: it counts where the cache holds the data. */
  readonly isRead: boolean;
}

export const AIMS: readonly Aim[] = [
  write('fillseq, batches of 1000', 'fillseq-1000', 1.5e6, 844e3, 1.34e6),
  write('fillrandom, batches of 1000', 'fillrandom-1000', 750e3, 483e3, 403e3),
  write('fillrandom, one put at a time', 'fillrandom', 400e3, 88e3, 265e3),
  write('fillsync, one at a time', 'fillsync', 3.6e3, 4.2e3, 3.6e3),
  read('readrandom, sync, copied value', 'readrandom', 600e3, 455e3, 204e3),
  read('readrandom, borrowed value', 'readrandom-borrow', 1e6, 708e3, 204e3),
  read('readmissing', 'readmissing', 3e6, 825e3, 2.24e6),
  read('readhot (1 % of the keys)', 'readhot', 2e6, 1.73e6, 0.8e6),
  read('getMany of 100', 'multiread-100', 750e3, 480e3, 216e3),
  read('readseq, cursor', 'readseq', 10e6, 810e3, 4.83e6),
  read('readseq, entries() with copies', 'readseq-entries', 2.5e6, 810e3, undefined),
  read('readreverse, cursor', 'readreverse', 6e6, 858e3, 3.81e6),
  read('seek + 10 next', 'seek-10', 200e3, 86e3, 135e3),
  write('overwrite, batches of 1000', 'overwrite-1000', 600e3, 368e3, 366e3),
  {
    title: 'compact everything (twice the entries)',
    row: 'compact',
    measure: 'seconds',
    aim: 1,
    binding: 0.83,
    native: 1.18,
    isRead: false,
  },
  {
    title: 'size after compaction',
    row: 'readrandom',
    measure: 'size',
    aim: 62.5,
    binding: 62.5,
    native: 63.5,
    isRead: false,
  },
];

function write(title: string, row: string, aim: number, binding: number, native: number): Aim {
  return { title, row, measure: 'opsPerSecond', aim, binding, native, isRead: false };
}

function read(
  title: string,
  row: string,
  aim: number,
  binding: number,
  native: number | undefined,
): Aim {
  return { title, row, measure: 'opsPerSecond', aim, binding, native, isRead: true };
}

/** How many times as good as a peer the aim is: never less than 1. */
export function aimRatio(aim: Aim, peerFigure: number | undefined): number | undefined {
  if (peerFigure === undefined) return undefined;
  const ratio = aim.measure === 'opsPerSecond' ? aim.aim / peerFigure : peerFigure / aim.aim;
  return Math.max(1, ratio);
}

/** A store's figure in a row, in the unit of the aim. */
export interface Figure {
  readonly peer: string;
  readonly kind: PeerKind;
  readonly preset: string | undefined;
  readonly value: number;
}

/** How Varve stands in one row. */
export interface Standing {
  readonly aim: Aim;
  readonly varve: Figure;
  readonly binding: Figure | undefined;
  readonly bindingRatio: number | undefined;
  readonly native: Figure | undefined;
  readonly nativeRatio: number | undefined;
}

/**
 * Holds Varve under a preset against the best of the others in a row.
 * @param figures all of the row
 */
export function standing(
  aim: Aim,
  preset: string,
  figures: readonly Figure[],
): Standing | undefined {
  const varve = figures.find(({ kind, preset: own }) => kind === 'varve' && own === preset);
  if (varve === undefined) return undefined;
  // The default cache does not hold the data; what reads through the page cache has no such limit.
  const kinds: PeerKind[] = aim.isRead && preset === 'default' ? ['lsm'] : ['lsm', 'btree'];
  const binding = best(
    aim,
    figures.filter(({ kind }) => kinds.includes(kind)),
  );
  const native = figures.find(({ kind, preset: own }) => kind === 'native' && own === preset);
  return {
    aim,
    varve,
    binding,
    bindingRatio: ratioTo(aim, varve, binding),
    native: aim.native === undefined ? undefined : native,
    nativeRatio: aim.native === undefined ? undefined : ratioTo(aim, varve, native),
  };
}

/** What a store reached in a row; undefined when nothing tells. */
export function figureOf(
  aim: Aim,
  summary: Summary,
  loadedBytes: number | undefined,
): number | undefined {
  if (aim.measure === 'opsPerSecond') return summary.opsPerSecond;
  if (aim.measure === 'seconds') return summary.secondsPerOp;
  return loadedBytes === undefined ? undefined : loadedBytes / 1e6;
}

function best(aim: Aim, figures: readonly Figure[]): Figure | undefined {
  const sorted = [...figures].sort((a, b) => a.value - b.value);
  return aim.measure === 'opsPerSecond' ? sorted.at(-1) : sorted[0];
}

function ratioTo(aim: Aim, varve: Figure, other: Figure | undefined): number | undefined {
  if (other === undefined) return undefined;
  return aim.measure === 'opsPerSecond' ? varve.value / other.value : other.value / varve.value;
}
