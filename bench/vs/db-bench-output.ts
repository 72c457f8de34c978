/**
 * Reads what RocksDB's db_bench prints. A line of results looks like
 *
 *     readseq      :  0.248 micros/op 3933910 ops/sec 0.001 seconds 5000 operations;  435.2 MB/s
 *
 * and goes on with a message such as `(3232 of 5000 found)`; some have no MB/s. With
 * `--statistics` it ends with lines such as `rocksdb.wal.bytes COUNT : 23802400`, the benchmark
 * `levelstats` prints number, files and MB of each level, and with `--stats_interval` it says how
 * it gets on (operations and rate, each of the interval and of all):
 *
 *     2026/01/31-12:00:00  ... thread 0: (20,40) ops and (2272.3,2221.5) ops/second in (0.1,0.1)
 *
 * @module
 */

export interface DbBenchLine {
  readonly name: string;
  readonly microsPerOperation: number;
  readonly operationsPerSecond: number;
  readonly seconds: number;
  readonly operations: number;
  readonly megabytesPerSecond: number | undefined;
  readonly message: string;
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
  return output.split(/[\r\n]+/).flatMap((line) => {
    const found = LINE.exec(line.trim())?.groups;
    if (found === undefined) return [];
    const { name, micros, rate, seconds, operations, megabytes, message } = found;
    return [
      {
        name: name!,
        microsPerOperation: Number(micros),
        operationsPerSecond: Number(rate),
        seconds: Number(seconds),
        operations: Number(operations),
        megabytesPerSecond: megabytes === undefined ? undefined : Number(megabytes),
        message: message!.trim(),
      },
    ];
  });
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
