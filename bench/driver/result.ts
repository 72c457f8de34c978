/**
 * Results of runs, and how they are printed: the lines of db_bench, and JSON.
 * @module
 */
import { cpus, totalmem } from 'node:os';
import type { Durability } from './engine.ts';
import type { Latency, Measurement } from './run.ts';

const MIB = 1_048_576;

/** One run of one workload, as it is reported. */
export interface Result extends Measurement {
  /** The store, and how it was set up: "varve (default)". */
  readonly engine: string;
  readonly workload: string;
  readonly durability: Durability;
  readonly threads: number;
}

/** Where figures come from: they mean nothing without it. */
export interface Machine {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

export function machine(): Machine {
  const cores = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
  };
}

export function perSecond(result: { operations: number; seconds: number }): number {
  return result.seconds === 0 ? 0 : result.operations / result.seconds;
}

/** In megabytes of 2^20 bytes, as db_bench counts them. */
export function megabytesPerSecond(result: { bytes: number; seconds: number }): number {
  return result.seconds === 0 ? 0 : result.bytes / MIB / result.seconds;
}

/** The line that db_bench prints, with the durability behind it. */
export function resultLine(result: Result): string {
  const { operations, seconds, bytes } = result;
  const micros = operations === 0 ? 0 : (seconds * 1e6) / operations;
  const rate = bytes === 0 ? '' : ` ${megabytesPerSecond(result).toFixed(1).padStart(6)} MB/s`;
  const text = [
    result.message,
    result.stopped ? '(stopped by the time limit)' : '',
    `[${result.durability}]`,
  ];
  return (
    `${result.workload.padEnd(12)} : ${micros.toFixed(3).padStart(11)} micros/op ` +
    `${Math.floor(perSecond(result))} ops/sec ${seconds.toFixed(3)} seconds ` +
    `${operations} operations;${rate} ${text.filter((part) => part !== '').join(' ')}`
  );
}

/** What `--histogram` prints below the line, in the form of db_bench. */
export function latencyLines(latency: Latency, operation = 'operation'): string {
  const number = (micros: number): string => micros.toFixed(2);
  return [
    `Microseconds per ${operation}:`,
    `Count: ${latency.count} Average: ${latency.average.toFixed(4)}  ` +
      `StdDev: ${number(latency.stddev)}`,
    `Min: ${number(latency.min)}  Median: ${number(latency.p50)}  Max: ${number(latency.max)}`,
    `Percentiles: P50: ${number(latency.p50)} P75: ${number(latency.p75)} ` +
      `P99: ${number(latency.p99)} P99.9: ${number(latency.p999)}`,
  ].join('\n');
}

/** A line of JSON; `opsPerSecond` stands in it so that no reader has to divide. */
export function jsonLine(result: Result): string {
  return JSON.stringify({ ...result, opsPerSecond: perSecond(result) });
}
