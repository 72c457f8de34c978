/**
 * One run of one workload on one store: the loop that draws chunks of operations and hands them to
 * the store, and what is measured meanwhile.
 *
 * The clock is read around the whole run. What the driver itself does (drawing numbers, writing
 * keys) counts, as it does in db_bench, so that figures compare. Single operations are timed only
 * when latencies are asked for: the chunks then hold one operation each.
 * @module
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Chunk } from './chunk.ts';
import type { Engine, Pending } from './engine.ts';
import { VALUE_BYTES, type WorkloadSettings } from './settings.ts';
import { Values } from './values.ts';

/** Operations between two looks at the clock, and promises that are in flight together. */
export const CHUNK_OPERATIONS = 128;

/** Latencies of single operations, or of batches where these are the operations, in us. */
export interface Latency {
  readonly count: number;
  readonly average: number;
  readonly stddev: number;
  readonly min: number;
  readonly max: number;
  readonly p50: number;
  readonly p75: number;
  readonly p99: number;
  readonly p999: number;
}

/** What a run gave. */
export interface Measurement {
  readonly operations: number;
  readonly seconds: number;
  /** Key and value bytes that were read or written. */
  readonly bytes: number;
  /** Those of them that were written. */
  readonly bytesWritten: number;
  /** What else there is to say, as db_bench says it: "(995 of 1000 found)". */
  readonly message: string;
  readonly latency: Latency | undefined;
  /** Of the writes, where a workload's latencies are those of its reads. */
  readonly writeLatency: Latency | undefined;
  /** The time limit came before the last operation. */
  readonly stopped: boolean;
}

/** See the module head. Workloads draw from it and report to it. */
export class Run {
  readonly engine: Engine;
  readonly directory: string;
  readonly settings: WorkloadSettings;
  readonly random: SeededRandom;
  message: string;
  operations: number;
  stopped: boolean;
  /** What is being done is timed among the writes. */
  isWriting: boolean;
  #entriesWritten: number;
  readonly #chunks: Chunk[];
  #values: Values | undefined;
  readonly #latency: RecordableHistogram | undefined;
  readonly #writeLatency: RecordableHistogram | undefined;
  #beginMs: number;

  /**
   * @param directory where the store is open
   * @param stream tells the runs of one seed apart, 0 to 65535
   */
  constructor(engine: Engine, directory: string, settings: WorkloadSettings, stream: number) {
    this.engine = engine;
    this.directory = directory;
    this.settings = settings;
    this.random = new SeededRandom((settings.seed % 2 ** 37) * 2 ** 16 + stream);
    this.message = '';
    this.operations = 0;
    this.stopped = false;
    this.isWriting = false;
    this.#entriesWritten = 0;
    this.#chunks = [];
    this.#values = undefined;
    this.#latency = settings.histogram ? createHistogram() : undefined;
    this.#writeLatency = settings.histogram ? createHistogram() : undefined;
    this.#beginMs = 0;
  }

  get num(): number {
    return this.settings.num;
  }

  get reads(): number {
    return this.settings.reads ?? this.settings.num;
  }

  /** Values of the size asked for, or of `fallbackBytes`. */
  values(fallbackBytes: number = VALUE_BYTES): Values {
    const { valueSize = fallbackBytes, compressionRatio } = this.settings;
    this.#values ??= new Values(this.engine.keyForm, valueSize, compressionRatio, this.random);
    return this.#values;
  }

  /** A chunk whose counts are part of the result. */
  chunk(capacity: number, keyBytes: number = this.settings.keySize): Chunk {
    const chunk = new Chunk(this.engine.keyForm, capacity, keyBytes);
    this.#chunks.push(chunk);
    return chunk;
  }

  /** How many single operations make a chunk. */
  get chunkOperations(): number {
    return this.#latency === undefined ? CHUNK_OPERATIONS : 1;
  }

  /** Entries found by all chunks. */
  get found(): number {
    return this.#chunks.reduce((sum, { found }) => sum + found, 0);
  }

  /** Counts entries that were put. */
  countWritten(entries: number): void {
    this.#entriesWritten += entries;
  }

  /** Starts the clock; what was prepared before it does not count. */
  begin(): void {
    // performance.now() reads the clock of process.hrtime, and allocates nothing.
    this.#beginMs = performance.now();
  }

  /**
   * Does operations in chunks until all are done or the time is over. Starts the clock.
   * @param total operations; without a limit when a duration was asked for and `isRandom`
   * @param perChunk operations in a chunk
   * @param isRandom whether there may be any number of them
   * @param act does `count` operations
   */
  async loop(
    total: number,
    perChunk: number,
    isRandom: boolean,
    act: (count: number) => Pending,
  ): Promise<void> {
    const { durationSeconds, limitSeconds } = this.settings;
    const isTimed = isRandom && durationSeconds > 0;
    const operations = isTimed ? Number.POSITIVE_INFINITY : total;
    const seconds = isTimed ? durationSeconds : limitSeconds || Number.POSITIVE_INFINITY;
    this.begin();
    const deadline = this.#beginMs + seconds * 1000;
    for (let done = 0; done < operations; ) {
      const count = Math.min(perChunk, operations - done);
      const begin = performance.now();
      if (begin >= deadline) {
        this.stopped = !isTimed;
        break;
      }
      const pending = act(count);
      if (pending !== undefined) await pending;
      const histogram = this.isWriting ? this.#writeLatency : this.#latency;
      if (histogram !== undefined) record(histogram, performance.now() - begin);
      done += count;
      this.operations += count;
    }
  }

  /** Stops the clock. */
  finish(): Measurement {
    const seconds = (performance.now() - this.#beginMs) / 1000;
    const entryBytes = this.settings.keySize + (this.#values?.sizeBytes ?? 0);
    const bytesWritten = this.#entriesWritten * entryBytes;
    return {
      operations: this.operations,
      seconds,
      bytes: this.#chunks.reduce((sum, { bytes }) => sum + bytes, 0) + bytesWritten,
      bytesWritten,
      message: this.message,
      latency: this.#latency?.count ? latencyOf(this.#latency) : undefined,
      writeLatency: this.#writeLatency?.count ? latencyOf(this.#writeLatency) : undefined,
      stopped: this.stopped,
    };
  }
}

function record(histogram: RecordableHistogram, milliseconds: number): void {
  histogram.record(Math.max(1, Math.round(milliseconds * 1e6)));
}

function latencyOf(histogram: RecordableHistogram): Latency {
  const micros = (nanos: number): number => Math.round(nanos) / 1000;
  return {
    count: histogram.count,
    average: micros(histogram.mean),
    stddev: micros(histogram.stddev),
    min: micros(histogram.min),
    max: micros(histogram.max),
    p50: micros(histogram.percentile(50)),
    p75: micros(histogram.percentile(75)),
    p99: micros(histogram.percentile(99)),
    p999: micros(histogram.percentile(99.9)),
  };
}
