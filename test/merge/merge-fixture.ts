/**
 * Inputs for merges, a place for their outputs, and a plain model of what a merge must keep.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { compareKeys } from '../../src/bytes/compare.ts';
import { NO_ROOM, type Room } from '../../src/bytes/room.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import { SUITE_AES_256_GCM } from '../../src/crypto/port.ts';
import { type DbOptions, tableOptions } from '../../src/db/options.ts';
import { resolveOptions } from '../../src/db/resolve-options.ts';
import { type MemoryFile, MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle, Fs, OpenMode } from '../../src/fs/port.ts';
import type { Cursor, MergeInput } from '../../src/key/cursor.ts';
import { KIND_DELETE, KIND_PUT } from '../../src/key/kind.ts';
import { tableName } from '../../src/manifest/file-names.ts';
import { DirectorySink } from '../../src/merge/directory-sink.ts';
import { KeyRangeSweep } from '../../src/merge/key-range-sweep.ts';
import { MergeBuffer } from '../../src/merge/merge-buffer.ts';
import { MergeRun } from '../../src/merge/merge-run.ts';
import { Table } from '../../src/sstable/table.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { TableStream, type TableStreamOptions } from '../../src/sstable/table-stream.ts';
import { TableWriter, type TableWriterOptions } from '../../src/sstable/table-writer.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  codecSettings,
  PLAIN_META,
  PLAIN_STORAGE,
  pipelineOf,
  plainPipeline,
  testKeys,
} from '../block/pipelines.ts';
import { compareEntry, type Entry } from '../iterator/array-cursor.ts';

export const DIRECTORY = 'db';
export const BLOCK_BYTES = 512;
const FORM = { blockSizeBytes: BLOCK_BYTES, restartInterval: 4, filterBitsPerKey: 10 };

/** How the tables of a world are stored: those that are written beside the sink take turns. */
export interface Storage {
  readonly pipeline: Pipeline;
  readonly sink: DbOptions;
  readonly inputs: readonly Pick<TableWriterOptions, 'compression' | 'protection'>[];
}

/** No stage is on; always the same salts. */
function plainStorage(): Storage {
  return {
    pipeline: plainPipeline(new SeededRandom(7)),
    sink: { compression: 'none' },
    inputs: [PLAIN_STORAGE],
  };
}

/** Inputs of all kinds; outputs have every stage. */
export async function mixedStorage(): Promise<Storage> {
  const suite = 'chacha20-poly1305';
  const epoch = 2;
  const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
  const aes = { suiteId: SUITE_AES_256_GCM, epoch: 1, ecc: undefined };
  return {
    pipeline: await pipelineOf({ suite, epoch, random: new SeededRandom(8) }),
    sink: { compression: 'zstd', encryption: { suite, epoch, keys: testKeys(epoch) }, ecc },
    inputs: [
      PLAIN_STORAGE,
      { compression: codecSettings('lz4'), protection: { ...UNPROTECTED, ecc } },
      { compression: codecSettings('zstd'), protection: aes },
      {
        compression: codecSettings({ codec: 'zstd', dictionary: { trainedBytes: 1024 } }),
        protection: { ...aes, ecc: { scheme: 'secded' } },
      },
    ],
  };
}

/** In order: the empty key, prefixes of each other, a long one, high bytes. */
export const KEYS: readonly Uint8Array[] = [
  new Uint8Array(0),
  Uint8Array.of(0),
  Uint8Array.of(0, 0),
  ...Array.from({ length: 16 }, (_, i) => new TextEncoder().encode(`key ${i}`)),
  new Uint8Array(300).fill(0x6b),
  Uint8Array.of(0x6b, 0x80),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0xff),
].sort(compareKeys);

/** A file system that remembers every file that was opened. */
class WatchedFs extends MemoryFs {
  readonly opened = new Set<MemoryFile>();

  override open(path: string, mode: OpenMode): FileHandle {
    const handle = super.open(path, mode);
    this.opened.add(this.fileAt(path)!);
    return handle;
  }
}

/** File numbers of the sink, above those of the tables that tests write themselves. */
const SINK_NUMBERS_FROM = 100_000;

/** What a merge is lent at first: little, so that some of it is soon too small. */
const OUT_BYTES = 3000;
const READ_AHEAD_BYTES = 1000;
const CONTENT_BYTES = 400;
const ROOMS = 12;

/** A directory, and a sink of the database's own kind that fills it. */
export class World {
  readonly memory: WatchedFs;
  /** What the sink works on. */
  readonly fs: FaultFs;
  readonly sink: DirectorySink;
  readonly cache: BlockCache;
  readonly #storage: Storage;
  /** Not yet given out. */
  readonly #rooms: Room[];
  #nextNumber: number;
  #written: number;

  constructor(storage: Storage = plainStorage()) {
    this.memory = new WatchedFs();
    this.memory.createDirectory(DIRECTORY);
    this.fs = new FaultFs(this.memory);
    this.cache = new BlockCache(1 << 20);
    this.#storage = storage;
    this.#nextNumber = 1;
    this.#written = 0;
    const { pipeline } = storage;
    const clock = { now: () => 1234, monotonic: () => 0 };
    const context = { fs: this.fs as Fs, directory: DIRECTORY, clock, pipeline };
    const settings = resolveOptions({ ...FORM, ...storage.sink }).familyDefaults;
    const numbers = { first: SINK_NUMBERS_FROM, count: 10_000 };
    const { out, rooms } = new MergeBuffer(OUT_BYTES, ROOMS, READ_AHEAD_BYTES + CONTENT_BYTES);
    this.#rooms = [...rooms];
    this.sink = new DirectorySink(context, tableOptions(settings, 1, pipeline), numbers, out);
  }

  /** Room for a stream, in the buffer of the sink's output while there is any. */
  room(): Room {
    return this.#rooms.pop() ?? NO_ROOM;
  }

  files(): string[] {
    return this.memory.list(DIRECTORY).sort();
  }

  openHandles(): number {
    return [...this.memory.opened].reduce((sum, file) => sum + file.handles, 0);
  }

  /** Writes a table beside the sink. */
  write(entries: readonly Entry[]): TableMeta {
    const fileNumber = this.#nextNumber++;
    const path = `${DIRECTORY}/${tableName(fileNumber)}`;
    const file = this.memory.open(path, 'create');
    const { pipeline, inputs } = this.#storage;
    const options = { ...FORM, ...inputs[this.#written++ % inputs.length]! };
    const writer = new TableWriter(file, fileNumber, pipeline, options);
    for (const { key, seqno, kind, value } of entries) {
      writer.add(key, 0, key.length, seqno, kind, value, 0, value.length);
    }
    const meta = writer.finish(0);
    file.close();
    return meta;
  }

  openTable(meta: TableMeta): Table {
    const path = `${DIRECTORY}/${tableName(meta.fileNumber)}`;
    return Table.open(this.memory.open(path, 'read'), meta, this.cache, this.#storage.pipeline);
  }

  /** Everything in a finished table, which is verified as well. */
  read(meta: TableMeta): Entry[] {
    const table = this.openTable(meta);
    table.verify();
    const cursor = table.cursor();
    const entries: Entry[] = [];
    for (let more = cursor.first(); more; more = cursor.next()) entries.push(currentOf(cursor));
    cursor.close();
    table.close();
    return entries;
  }
}

function currentOf(cursor: Cursor): Entry {
  const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = cursor;
  const key = new Uint8Array(keyBuf.slice(keyOff, keyOff + keyLen));
  const value = new Uint8Array(valBuf.slice(valOff, valOff + valLen));
  return { key, seqno, kind, value };
}

/** What happened to one family, and how far compaction has come with it. */
export interface Scenario {
  /** All versions of all keys; deeper levels hold the oldest, `deeper[0]` the next below. */
  readonly deeper: readonly (readonly Entry[])[];
  /** The sorted runs that are merged. */
  readonly inputs: readonly (readonly Entry[])[];
  readonly snapshots: readonly number[];
  /** Entries a table of the deeper levels. */
  readonly perTable: number;
  readonly targetTableBytes: number;
  /** A flush: nothing is known of what is below. */
  readonly isFlush: boolean;
}

function entryOf(key: number, seqno: number, isDelete: boolean): Entry {
  const value = new Uint8Array(isDelete ? 0 : (seqno * 37) % 90).fill(seqno);
  return { key: KEYS[key]!, seqno, kind: isDelete ? KIND_DELETE : KIND_PUT, value };
}

const operations = fc.array(fc.tuple(fc.nat(KEYS.length - 1), fc.integer({ min: 0, max: 9 })), {
  minLength: 1,
  maxLength: 120,
});

export const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    operations,
    // Percent of the operations: where the deeper levels and the inputs end.
    cuts: fc.array(fc.nat(100), { maxLength: 5 }),
    deeperCount: fc.nat(2),
    snapshots: fc.uniqueArray(fc.nat(125), { maxLength: 8 }),
    deletePercent: fc.constantFrom(0, 3, 6),
    perTable: fc.integer({ min: 1, max: 5 }),
    targetTableBytes: fc.constantFrom(1, 200, 600, 2000, 100_000),
    isFlush: fc.boolean(),
  })
  .map((raw) => {
    const all = raw.operations.map(([key, kind], i) =>
      entryOf(key, i + 1, kind < raw.deletePercent),
    );
    const places = raw.cuts.map((cut) => Math.floor((cut * all.length) / 100));
    const cuts = [0, ...places.sort((a, b) => a - b), all.length];
    const runs = cuts
      .slice(1)
      .map((end, i) => all.slice(cuts[i], end).sort(compareEntry))
      .filter((run) => run.length > 0);
    const deeperCount = Math.min(raw.deeperCount, runs.length - 1);
    const { perTable, targetTableBytes, isFlush } = raw;
    return {
      deeper: runs.slice(0, deeperCount).reverse(),
      inputs: runs.slice(deeperCount),
      snapshots: raw.snapshots.sort((a, b) => a - b),
      perTable,
      targetTableBytes,
      isFlush,
    };
  });

/** Table facts of a sorted run, cut between keys. Only ranges and sizes mean anything. */
export function tablesOf(run: readonly Entry[], perTable: number): TableMeta[] {
  const groups: Entry[][] = [];
  for (const entry of run) {
    const last = groups.at(-1);
    const isSameKey = last !== undefined && compareKeys(last.at(-1)!.key, entry.key) === 0;
    if (last !== undefined && (isSameKey || last.length < perTable)) last.push(entry);
    else groups.push([entry]);
  }
  return groups.map((group, i) => ({
    fileNumber: 1000 + i,
    sizeBytes: group.length * 100,
    smallestKey: group[0]!.key,
    largestKey: group.at(-1)!.key,
    smallestSeqno: 0,
    largestSeqno: 0,
    entryCount: group.length,
    tombstoneCount: 0,
    rawBytes: 0,
    checksumLow: 0,
    checksumHigh: 0,
    createdAtMs: 0,
    ...PLAIN_META,
  }));
}

/** True when the scenario's output is at the bottom. */
export function isBottommost(scenario: Scenario): boolean {
  return !scenario.isFlush && scenario.deeper.length === 0;
}

/** A merge of the scenario over the given inputs. */
export function runOf(
  scenario: Scenario,
  world: World,
  ...inputs: readonly MergeInput[]
): MergeRun {
  const deeper = scenario.deeper.map((run) => tablesOf(run, scenario.perTable));
  return new MergeRun({
    inputs,
    snapshots: scenario.snapshots,
    sink: world.sink,
    targetTableBytes: scenario.targetTableBytes,
    syncsNames: true,
    deeper: scenario.isFlush ? undefined : new KeyRangeSweep(deeper),
    grandparents: scenario.isFlush ? undefined : new KeyRangeSweep(deeper.slice(0, 1)),
    isBottommost: isBottommost(scenario),
  });
}

/** The scenario's inputs as real tables. */
export function openInputs(scenario: Scenario, world: World): MergeInput[] {
  return scenario.inputs.map((run) => streamOf(world, [world.write(run)]));
}

/** A stream over tables of a world, which holds one of them open at a time. */
export function streamOf(
  world: World,
  metas: readonly TableMeta[],
  options: TableStreamOptions = { readAheadBytes: READ_AHEAD_BYTES, room: world.room() },
): TableStream {
  let table: Table | undefined;
  const open = (index: number): Table => {
    assert.equal(table, undefined);
    table = world.openTable(metas[index]!);
    return table;
  };
  const release = (index: number): void => {
    assert.equal(table?.meta, metas[index]);
    table!.close();
    table = undefined;
  };
  return new TableStream({ metas, open, release }, options);
}

/** All entries of sorted runs by key, newest first. */
export function byKey(runs: readonly (readonly Entry[])[]): Entry[][] {
  const groups = new Map<string, Entry[]>();
  for (const entry of runs.flat().sort(compareEntry)) {
    const name = Buffer.from(entry.key).toString('hex');
    groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  return [...groups.values()];
}

/** What a reader at `seqno` finds in one sorted run: the newest version it may see. */
export function findIn(run: readonly Entry[], key: Uint8Array, seqno: number): Entry | undefined {
  const versions = run.filter((entry) => compareKeys(entry.key, key) === 0 && entry.seqno <= seqno);
  return versions.sort(compareEntry)[0];
}

/** What a reader at `seqno` gets from runs, the newest run first. */
export function read(
  runs: readonly (readonly Entry[])[],
  key: Uint8Array,
  seqno: number,
): Uint8Array | undefined {
  for (const run of runs) {
    const found = findIn(run, key, seqno);
    if (found !== undefined) return found.kind === KIND_PUT ? found.value : undefined;
  }
  return undefined;
}

/**
 * What the merge must give, from the readers' point of view: a version stays if it is the newest
 * for some reader. Those that all readers see may lose what they no longer need: a tombstone goes
 * where no deeper table covers its key, a seqno at the bottom.
 */
export function expectedOutput(scenario: Scenario): Entry[] {
  const readers = [...scenario.snapshots, Number.POSITIVE_INFINITY];
  const deeper = scenario.deeper.flatMap((run) => tablesOf(run, scenario.perTable));
  return byKey(scenario.inputs).flatMap((versions) => {
    const seen = versions.filter((version) =>
      readers.some((reader) => findIn(versions, version.key, reader) === version),
    );
    return seen.flatMap((version) => {
      if (readers.some((reader) => reader < version.seqno)) return [version];
      const { key, kind } = version;
      const isCovered = deeper.some(
        ({ smallestKey, largestKey }) =>
          compareKeys(smallestKey, key) <= 0 && compareKeys(key, largestKey) <= 0,
      );
      if (kind === KIND_DELETE && !scenario.isFlush && !isCovered) return [];
      const isAgeless = kind === KIND_PUT && isBottommost(scenario);
      return [isAgeless ? { ...version, seqno: 0 } : version];
    });
  });
}

/** Runs a merge to its end and returns the tables. */
export function finish(run: MergeRun): readonly TableMeta[] {
  assert.equal(run.step(Number.POSITIVE_INFINITY), true);
  return run.outputs;
}
