/**
 * The merges that are measured: flushes and compactions over inputs in memory, whose output is
 * counted and thrown away.
 *
 * Keys of 16 bytes and values of 100 bytes as db_bench makes them, which compress to half; blocks,
 * filter and codec as in the preset `rocksdb-parity`.
 * @module
 */
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { Pipeline } from '../../src/block/pipeline.ts';
import type { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { hash32 } from '../../src/bytes/hash32.ts';
import type { Room } from '../../src/bytes/room.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { nodeCompression } from '../../src/compress/node.ts';
import { LZ4_SETTINGS } from '../../src/compress/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle } from '../../src/fs/port.ts';
import type { MergeInput } from '../../src/key/cursor.ts';
import { KIND_PUT } from '../../src/key/kind.ts';
import { Memtable } from '../../src/memtable/memtable.ts';
import { ImageCursor } from '../../src/memtable/memtable-image.ts';
import { KeyRangeSweep } from '../../src/merge/key-range-sweep.ts';
import { MergeBuffer } from '../../src/merge/merge-buffer.ts';
import { MergeRun, type TableSink } from '../../src/merge/merge-run.ts';
import { Table } from '../../src/sstable/table.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { OUTPUT_BUFFER_BYTES } from '../../src/sstable/table-output.ts';
import { type TableRun, TableStream } from '../../src/sstable/table-stream.ts';
import { TableWriter } from '../../src/sstable/table-writer.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Chunk } from '../driver/chunk.ts';
import { Values } from '../driver/values.ts';

const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const READ_AHEAD_BYTES = 262_144;
const CONTENT_BYTES = 65_536;
const TARGET_TABLE_BYTES = 64 * 1_048_576;
/** Bytes of input a step: as much as a job does before it lets others in. */
const STEP_BYTES = 1_048_576;

/** What one merge did. */
export interface MergeResult {
  readonly entriesRead: number;
  /** Sum over the checksums of the outputs: equal for equal bytes. */
  readonly fingerprint: number;
}

/** Makes the inputs once; every call of a case merges them anew. */
export class MergeCases {
  readonly #fs: MemoryFs;
  readonly #pipeline: Pipeline;
  readonly #random: SeededRandom;
  readonly #values: Values;
  readonly #chunk: Chunk;
  readonly #keySpace: number;
  #nextSeqno: number;
  #nextNumber: number;

  /** @param keySpace random keys are drawn from so many */
  constructor(keySpace: number) {
    this.#fs = new MemoryFs();
    this.#fs.createDirectory('db');
    this.#random = new SeededRandom(1);
    this.#pipeline = plainPipeline();
    this.#values = new Values('view', VALUE_BYTES, 0.5, this.#random);
    this.#chunk = new Chunk('view', 1, KEY_BYTES);
    this.#keySpace = keySpace;
    this.#nextSeqno = 1;
    this.#nextNumber = 1;
  }

  /** Name and work of each case. @param entries that a flush has */
  all(entries: number): Record<string, () => MergeResult> {
    const all = this.#keySpace;
    const memtable = this.#randomMemtable(entries, 0, all);
    const random = [0, 1, 2, 3].map(() => this.#flushed(this.#randomMemtable(entries, 0, all)));
    const many = Array.from({ length: 20 }, () => {
      return this.#flushed(this.#randomMemtable(entries / 5, 0, all));
    });
    const level = this.#aged(this.#flushed(this.#denseMemtable(0, all)));
    const part = Math.floor(all / 4);
    const disjoint = [0, 1, 2, 3].map((i) => this.#flushed(this.#denseMemtable(i * part, part)));
    const narrow = this.#flushed(this.#randomMemtable(entries / 10, all / 2, all / 20));
    return {
      'flush, random keys': () => this.#flush(memtable),
      '4 tables of random keys': () => this.#compact(random, false),
      '20 tables of random keys': () => this.#compact(many, false),
      '4 tables of random keys onto a level': () => this.#compact([...random, level], true),
      '4 disjoint tables': () => this.#compact(disjoint, false),
      '4 disjoint tables, seqnos to 0': () => this.#compact(disjoint, true),
      'a narrow table onto a level': () => this.#compact([narrow, level], true),
    };
  }

  #put(memtable: Memtable, number: number): void {
    this.#chunk.clear();
    this.#chunk.add(number);
    const key = this.#chunk.keys[0]!;
    const value = this.#values.next();
    const hash = hash32(key, 0, KEY_BYTES);
    const seqno = this.#nextSeqno++;
    memtable.put(key, 0, KEY_BYTES, hash, seqno, KIND_PUT, value, 0, VALUE_BYTES);
  }

  #randomMemtable(entries: number, from: number, range: number): Memtable {
    const memtable = new Memtable();
    for (let i = 0; i < entries; i++) this.#put(memtable, from + this.#random.below(range));
    return memtable;
  }

  #denseMemtable(from: number, entries: number): Memtable {
    const memtable = new Memtable();
    for (let i = 0; i < entries; i++) this.#put(memtable, from + i);
    return memtable;
  }

  #flushed(memtable: Memtable): Table {
    const table = this.#kept([new ImageCursor(memtable.image())], false);
    memtable.release();
    return table;
  }

  /** As it is once it has come to the bottom: all seqnos are 0. */
  #aged(table: Table): Table {
    return this.#kept(inputsOf([table], []), true);
  }

  #kept(inputs: MergeInput[], isBottommost: boolean): Table {
    const sink = new KeepingSink(this.#fs, this.#pipeline, () => this.#nextNumber++);
    const metas = runToEnd(inputs, sink, isBottommost);
    if (metas.length !== 1) throw new Error('an input has more than one table');
    const file = this.#fs.open(pathOf(metas[0]!.fileNumber), 'read');
    return Table.open(file, metas[0]!, new BlockCache(0), this.#pipeline);
  }

  #flush(memtable: Memtable): MergeResult {
    const sink = new CountingSink(plainPipeline(), bufferFor(0).out);
    const outputs = runToEnd([new ImageCursor(memtable.image())], sink, false);
    return resultOf(memtable.entryCount, outputs);
  }

  #compact(tables: readonly Table[], isBottommost: boolean): MergeResult {
    const entries = tables.reduce((sum, { meta }) => sum + meta.entryCount, 0);
    const { out, rooms } = bufferFor(tables.length);
    const sink = new CountingSink(plainPipeline(), out);
    return resultOf(entries, runToEnd(inputsOf(tables, rooms), sink, isBottommost));
  }
}

/** Draws the same salts as every other one. */
function plainPipeline(): Pipeline {
  return new Pipeline({
    random: new SeededRandom(2),
    compression: nodeCompression(),
    keys: undefined,
    logEcc: undefined,
    logCompression: 'none',
    onCorrection: () => {},
  });
}

function pathOf(fileNumber: number): string {
  return `db/${fileNumber}`;
}

function inputsOf(tables: readonly Table[], rooms: readonly Room[]): MergeInput[] {
  return tables.map((table, i) => {
    const run: TableRun = { metas: [table.meta], open: () => table, release: () => {} };
    return new TableStream(run, { readAheadBytes: READ_AHEAD_BYTES, room: rooms[i] });
  });
}

/** As for a job. */
function bufferFor(runCount: number): MergeBuffer {
  return new MergeBuffer(OUTPUT_BUFFER_BYTES, runCount, READ_AHEAD_BYTES + CONTENT_BYTES);
}

function resultOf(entriesRead: number, outputs: readonly TableMeta[]): MergeResult {
  const fingerprint = outputs.reduce((sum, { checksumLow }) => sum + checksumLow, 0);
  return { entriesRead, fingerprint };
}

function runToEnd(
  inputs: readonly MergeInput[],
  sink: TableSink,
  isBottommost: boolean,
): readonly TableMeta[] {
  const run = new MergeRun({
    inputs,
    snapshots: [],
    sink,
    targetTableBytes: TARGET_TABLE_BYTES,
    deeper: new KeyRangeSweep([]),
    grandparents: new KeyRangeSweep([]),
    isBottommost,
  });
  while (!run.step(STEP_BYTES));
  return run.outputs;
}

const WRITER_OPTIONS = {
  blockSizeBytes: 4096,
  restartInterval: 8,
  filterBitsPerKey: 10,
  compression: LZ4_SETTINGS,
  protection: UNPROTECTED,
};

/** Writes tables to a file system. */
class KeepingSink implements TableSink {
  readonly canCreate = true;
  readonly #fs: MemoryFs;
  readonly #pipeline: Pipeline;
  readonly #newNumber: () => number;

  constructor(fs: MemoryFs, pipeline: Pipeline, newNumber: () => number) {
    this.#fs = fs;
    this.#pipeline = pipeline;
    this.#newNumber = newNumber;
  }

  create(): { file: FileHandle; writer: TableWriter } {
    const fileNumber = this.#newNumber();
    const file = this.#fs.open(pathOf(fileNumber), 'create');
    return { file, writer: new TableWriter(file, fileNumber, this.#pipeline, WRITER_OPTIONS) };
  }

  finish(file: FileHandle, writer: TableWriter): TableMeta {
    const meta = writer.finish(0);
    file.close();
    return meta;
  }

  syncNames(): void {}

  discard(): void {}
}

/**
 * Writes tables to nowhere: what the system does with bytes is not measured. Numbers and salts are
 * the same every time, so that equal outputs have equal checksums.
 */
class CountingSink implements TableSink {
  readonly canCreate = true;
  readonly #pipeline: Pipeline;
  readonly #out: ByteWriter;

  constructor(pipeline: Pipeline, out: ByteWriter) {
    this.#pipeline = pipeline;
    this.#out = out;
  }

  create(): { file: FileHandle; writer: TableWriter } {
    const file = NOWHERE;
    const writer = new TableWriter(file, 1, this.#pipeline, WRITER_OPTIONS, undefined, this.#out);
    return { file, writer };
  }

  finish(_file: FileHandle, writer: TableWriter): TableMeta {
    return writer.finish(0);
  }

  syncNames(): void {}

  discard(): void {}
}

const NOWHERE: FileHandle = {
  path: 'nowhere',
  read: () => 0,
  write: () => {},
  size: () => 0,
  linkCount: () => 1,
  truncate: () => {},
  sync: () => {},
  syncAsync: async () => {},
  close: () => {},
};
