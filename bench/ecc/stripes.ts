/**
 * Stripes of whole tables: what they cost to write and in space, what they rebuild and how fast.
 *
 * Tables are written to a real file in the directory for temporary files, by a `TableWriter` as a
 * flush or compaction has it, with the same entries with stripes and without, by turns. `write` and
 * `plain` are MB of table body per second of processor time, `cost` is how much longer the writer
 * takes. `space` is what stripes add to the file, `hole` the longest hole that is rebuilt wherever
 * it is, and `rebuild` MB per second of processor time while a part of that length is restored.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { StripeReader } from '../../src/block/stripe-reader.ts';
import type { EccOptions, StripeOptions } from '../../src/ecc/options.ts';
import { CHUNK_BYTES, StripeLayout } from '../../src/ecc/stripe-layout.ts';
import { NodeFs } from '../../src/fs/node.ts';
import type { FileHandle } from '../../src/fs/port.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { TableWriter } from '../../src/sstable/table-writer.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { codecSettings, pipelineOf } from '../../test/block/pipelines.ts';

const STRIPES: readonly StripeOptions[] = [
  { data: 20, parity: 2 },
  { data: 10, parity: 2 },
  { data: 10, parity: 1 },
  { data: 20, parity: 4 },
];
const TABLE_BYTES = [1 << 20, 1 << 25];
const VALUE_BYTES = 1000;

/** Rows by name. */
export type StripeRows = Record<string, Record<string, number | string>>;

/** All rows. */
export async function measureStripes(rounds: number): Promise<StripeRows> {
  const directory = mkdtempSync(join(tmpdir(), 'varve-bench-ecc-'));
  const rows: StripeRows = {};
  try {
    const bench = new StripeBench(directory, await pipelineOf({}));
    for (const bytes of TABLE_BYTES) {
      for (const stripe of STRIPES) {
        const name = `stripe(${stripe.data},${stripe.parity}) ${bytes / 2 ** 20} MiB`;
        rows[name] = bench.row(stripe, bytes, rounds);
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  return rows;
}

class StripeBench {
  readonly #fs: NodeFs;
  readonly #path: string;
  readonly #pipeline: Pipeline;
  readonly #values: Uint8Array;
  readonly #key: Uint8Array;

  constructor(directory: string, pipeline: Pipeline) {
    this.#fs = new NodeFs();
    this.#path = join(directory, '000007.sst');
    this.#pipeline = pipeline;
    this.#values = new Uint8Array(1 << 20);
    new SeededRandom(1).fill(this.#values);
    this.#key = new Uint8Array(16);
  }

  row(stripe: StripeOptions, bytes: number, rounds: number): Record<string, number | string> {
    const ecc = { scheme: 'none', stripe } as const;
    const times = { plain: [] as number[], write: [] as number[], rebuild: [] as number[] };
    let layout: StripeLayout | undefined;
    for (let round = 0; round <= rounds; round++) {
      const plain = this.#timed(() => this.#write(bytes, undefined).file.close());
      const written = { meta: undefined as TableMeta | undefined };
      const write = this.#timed(() => {
        const { file, meta } = this.#write(bytes, ecc);
        file.close();
        written.meta = meta;
      });
      layout = StripeLayout.ofFile(stripe, written.meta!.sizeBytes)!;
      const rebuild = this.#rebuild(layout, written.meta!);
      // The first round warms up.
      if (round === 0) continue;
      times.plain.push(plain);
      times.write.push(write);
      times.rebuild.push(rebuild);
    }
    const { bodyBytes, fileBytes, holeBytesMax } = layout!;
    const [plain, write] = [median(times.plain), median(times.write)];
    return {
      plain: Math.round(bodyBytes / plain),
      write: Math.round(bodyBytes / write),
      cost: `${Math.round((100 * (write - plain)) / plain)} %`,
      space: `${((100 * (fileBytes - bodyBytes)) / bodyBytes).toFixed(1)} %`,
      hole: `${Math.round(holeBytesMax / 1024)} KiB`,
      rebuild: Math.round(holeBytesMax / median(times.rebuild)),
    };
  }

  /** Microseconds of processor time, of all threads. */
  #timed(run: () => void): number {
    const begin = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(begin);
    return user + system;
  }

  #write(bytes: number, ecc: EccOptions | undefined): { file: FileHandle; meta: TableMeta } {
    if (this.#fs.exists(this.#path)) this.#fs.remove(this.#path);
    const file = this.#fs.open(this.#path, 'create');
    const writer = new TableWriter(file, 7, this.#pipeline, {
      blockSizeBytes: 4096,
      restartInterval: 16,
      filterBitsPerKey: 10,
      compression: codecSettings('none'),
      protection: { ...UNPROTECTED, ecc },
    });
    const key = this.#key;
    const view = new DataView(key.buffer);
    for (let i = 0; i < bytes / VALUE_BYTES; i++) {
      view.setUint32(0, i);
      const valOff = (i * 64) % (this.#values.length - VALUE_BYTES);
      writer.add(key, 0, key.length, i + 1, KIND_PUT, this.#values, valOff, VALUE_BYTES);
    }
    return { file, meta: writer.finish(1234) };
  }

  /** Takes the middle of the table away and restores it. */
  #rebuild(layout: StripeLayout, meta: TableMeta): number {
    const file = this.#fs.open(this.#path, 'update');
    const chunk = Math.floor(layout.chunkCount / 3);
    const length = Math.min(layout.holeBytesMax, layout.bodyBytes - chunk * CHUNK_BYTES);
    const hole = new Uint8Array(length);
    file.write(hole, 0, hole.length, chunk * CHUNK_BYTES);
    const stripes = new StripeReader(file, layout, meta.salt!);
    let restored = 0;
    const micros = this.#timed(() => {
      restored = stripes.restore(hole, 0, hole.length, chunk * CHUNK_BYTES);
    });
    file.close();
    if (restored < Math.floor(length / CHUNK_BYTES)) throw new Error('not all was restored');
    return (micros * layout.holeBytesMax) / length;
  }
}

function median(list: number[]): number {
  return list.sort((a, b) => a - b)[list.length >> 1]!;
}
