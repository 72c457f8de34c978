/**
 * Reads what RocksDB's db_bench prints. A line of results looks like
 *
 *     readseq      :  0.248 micros/op 3933910 ops/sec 0.001 seconds 5000 operations;  435.2 MB/s
 *
 * and goes on with a message such as `(3232 of 5000 found)`; some have no MB/s. With `--histogram`
 * a line of percentiles in microseconds follows, among others:
 *
 *     Percentiles: P50: 2846.90 P75: 5632.62 P99: 25666.67 P99.9: 75000.00 P99.99: 106500.00
 *
 * With `--statistics` it ends with lines such as `rocksdb.wal.bytes COUNT : 23802400`, the
 * benchmark `levelstats` prints number, files and MB of each level, and with `--stats_interval` it
 * says how it gets on (operations and rate, each of the interval and of all):
 *
 *     2026/01/31-12:00:00  ... thread 0: (20,40) ops and (2272.3,2221.5) ops/second in (0.1,0.1)
 *
 * @module
 */
import type { Percentiles } from './sample.ts';

export interface DbBenchLine {
  readonly name: string;
  readonly microsPerOperation: number;
  readonly operationsPerSecond: number;
  readonly seconds: number;
  readonly operations: number;
  readonly megabytesPerSecond: number | undefined;
  readonly message: string;
  /** Of single operations, where `--histogram` asked for it. */
  readonly latency: Percentiles | undefined;
}

const LINE = new RegExp(
  [
    /^(?<name>[\w-]+)\s*:\s+/,
    /(?<micros>[\d.]+) micros\/op (?<rate>\d+) ops\/sec /,
    /(?<seconds>[\d.]+) seconds (?<operations>\d+) operations;/,
    /(?:\s+(?<megabytes>[\d.]+) MB\/s)?(?<message>.*)$/,
  ]
    .map(({ source }) => source)
    .join(''),
);

/** All results in what db_bench wrote to its output. */
export function parseDbBench(output: string): DbBenchLine[] {
  // Progress ends in carriage returns, where both streams are one.
  const lines: DbBenchLine[] = [];
  for (const line of output.split(/[\r\n]+/)) {
    const found = LINE.exec(line.trim())?.groups;
    const latency = percentilesOf(line);
    // They follow the result that they belong to.
    if (latency !== undefined && lines.length > 0) lines.push({ ...lines.pop()!, latency });
    if (found === undefined) continue;
    const { name, micros, rate, seconds, operations, megabytes, message } = found;
    lines.push({
      name: name!,
      microsPerOperation: Number(micros),
      operationsPerSecond: Number(rate),
      seconds: Number(seconds),
      operations: Number(operations),
      megabytesPerSecond: megabytes === undefined ? undefined : Number(megabytes),
      message: message!.trim(),
      latency: undefined,
    });
  }
  return lines;
}

function percentilesOf(line: string): Percentiles | undefined {
  const found = /^Percentiles: P50: ([\d.]+) .*P99: ([\d.]+) P99\.9: ([\d.]+)/.exec(line.trim());
  if (found === null) return undefined;
  const [p50, p99, p999] = found.slice(1).map(Number);
  return { p50: p50!, p99: p99!, p999: p999! };
}

/** The counts of `--statistics`, by name without `rocksdb.`. */
export function parseTickers(output: string): ReadonlyMap<string, number> {
  const found = output.matchAll(/^rocksdb\.(\S+) COUNT : (\d+)\s*$/gm);
  return new Map([...found].map(([, name, count]) => [name!, Number(count)]));
}

/** Files of each level, from `levelstats`; L0 first. */
export function parseLevelFiles(output: string): number[] {
  const table = /^Level Files Size\(MB\)\n-+\n((?: *\d+ +\d+ +\d+\n)+)/m.exec(output)?.[1] ?? '';
  return [...table.matchAll(/^ *\d+ +(\d+)/gm)].map(([, files]) => Number(files));
}

/** Operations per second of each interval, in turn. */
export function parseProgress(errors: string): number[] {
  const found = errors.matchAll(/thread 0: \(\d+,\d+\) ops and \(([\d.]+),/g);
  return [...found].map(([, rate]) => Number(rate));
}
