/**
 * One measurement of one row on one store, and many of them summed up.
 * @module
 */
import type { Durability } from '../driver/engine.ts';
import type { Latency } from '../driver/run.ts';
import type { Written } from './process-usage.ts';

/** Of single operations, in us. */
export type Percentiles = Pick<Latency, 'p50' | 'p99' | 'p999'>;

export interface Sample {
  readonly peer: string;
  readonly row: string;
  readonly durability: Durability;
  readonly operations: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  /** Key and value bytes of what was put; 0 also where that is not known. */
  readonly bytesWritten: number;
  /** Where the row times every operation, and the store can. */
  readonly latency: Percentiles | undefined;
  /** The time limit came before the last operation. */
  readonly stopped: boolean;
  readonly message: string;
  readonly peakRssBytes: number | undefined;
  /** By the whole process from the first operation until the store was closed. */
  readonly written: Written | undefined;
  /** Of all files, when the store was closed. */
  readonly sizeBytes: number;
}

/** The medians of a store's samples of a row. */
export interface Summary {
  readonly peer: string;
  readonly row: string;
  readonly durability: Durability;
  readonly samples: number;
  readonly opsPerSecond: number;
  readonly secondsPerOp: number;
  /** Highest by lowest rate. */
  readonly spread: number;
  readonly latency: Percentiles | undefined;
  readonly stopped: boolean;
  readonly peakRssBytes: number | undefined;
  readonly writtenPerUserByte: number | undefined;
  readonly sizeBytes: number;
}

/** Which of the two counts a table shows. */
export type WrittenKind = keyof Written;

/** Pages that go to a disk where there is one below; write calls where files are in memory. */
export function writtenKind(samples: readonly Sample[]): WrittenKind {
  return samples.some(({ written }) => (written?.diskBytes ?? 0) > 0) ? 'diskBytes' : 'wcharBytes';
}

/** @param samples of one store and row, at least one */
export function summarise(samples: readonly Sample[], kind: WrittenKind): Summary {
  const { peer, row, durability } = samples[0]!;
  const rates = samples.map(({ opsPerSecond }) => opsPerSecond);
  const rate = median(rates);
  return {
    peer,
    row,
    durability,
    samples: samples.length,
    opsPerSecond: rate,
    secondsPerOp: 1 / rate,
    spread: Math.max(...rates) / Math.min(...rates),
    latency: latencyOf(samples),
    stopped: samples.some(({ stopped }) => stopped),
    peakRssBytes: medianOf(samples, ({ peakRssBytes }) => peakRssBytes),
    writtenPerUserByte: medianOf(samples, ({ written, bytesWritten }) =>
      written === undefined || bytesWritten === 0 ? undefined : written[kind] / bytesWritten,
    ),
    sizeBytes: median(samples.map(({ sizeBytes }) => sizeBytes)),
  };
}

/** @param numbers at least one */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of each percentile. */
function latencyOf(samples: readonly Sample[]): Percentiles | undefined {
  const [p50, p99, p999] = (['p50', 'p99', 'p999'] as const).map((name) =>
    medianOf(samples, ({ latency }) => latency?.[name]),
  );
  if (p50 === undefined || p99 === undefined || p999 === undefined) return undefined;
  return { p50, p99, p999 };
}

function medianOf(
  samples: readonly Sample[],
  of: (sample: Sample) => number | undefined,
): number | undefined {
  const numbers = samples.map(of).filter((number) => number !== undefined);
  return numbers.length === 0 ? undefined : median(numbers);
}
