/**
 * Reads what RocksDB's db_bench prints. A line of results looks like
 *
 *     readseq      :  0.248 micros/op 3933910 ops/sec 0.001 seconds 5000 operations;  435.2 MB/s
 *
 * and goes on with a message such as `(3232 of 5000 found)`; some have no MB/s.
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
