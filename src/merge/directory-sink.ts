/**
 * Where flushes and compactions put their tables.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import type { ByteWriter } from '../bytes/byte-writer.ts';
import type { Clock } from '../env/port.ts';
import { assert } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { tableName } from '../manifest/file-names.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { TableWriter, type TableWriterOptions } from '../sstable/table-writer.ts';
import type { TableSink } from './merge-run.ts';

/** What a sink writes with. */
export interface SinkContext {
  readonly fs: Fs;
  readonly directory: string;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
}

/** File numbers that were never used before: `[first, first + count)`. */
export interface FileNumbers {
  readonly first: number;
  readonly count: number;
}

/** Writes tables of one kind into the database's directory. */
export class DirectorySink implements TableSink {
  readonly #context: SinkContext;
  readonly #options: TableWriterOptions;
  readonly #numbers: FileNumbers;
  readonly #out: ByteWriter;
  #numbersUsed: number;

  /** @param out where one table after the other is put together; borrowed */
  constructor(
    context: SinkContext,
    options: TableWriterOptions,
    numbers: FileNumbers,
    out: ByteWriter,
  ) {
    this.#context = context;
    this.#options = options;
    this.#numbers = numbers;
    this.#out = out;
    this.#numbersUsed = 0;
  }

  get canCreate(): boolean {
    return this.#numbersUsed < this.#numbers.count;
  }

  create(guard?: EntryGuard): { file: FileHandle; writer: TableWriter } {
    assert(this.canCreate, 'a merge has file numbers for all its tables');
    const { fs, directory, pipeline } = this.#context;
    const fileNumber = this.#numbers.first + this.#numbersUsed++;
    const file = fs.open(joinPath(directory, tableName(fileNumber)), 'create');
    const out = this.#out;
    try {
      const writer = new TableWriter(file, fileNumber, pipeline, this.#options, guard, out);
      return { file, writer };
    } catch (error) {
      this.#remove(file);
      throw error;
    }
  }

  finish(file: FileHandle, writer: TableWriter): TableMeta {
    const meta = writer.finish(this.#context.clock.now());
    file.sync();
    this.#context.pipeline.closeFile(file);
    return meta;
  }

  discard(file: FileHandle | undefined, finished: readonly TableMeta[]): void {
    if (file !== undefined) this.#remove(file);
    removeTables(this.#context.fs, this.#context.directory, finished.map(fileNumberOf));
  }

  #remove(file: FileHandle): void {
    closeFile(file);
    removeIfPossible(this.#context.fs, file.path);
  }
}

/** For lists of numbers out of lists of tables. */
export function fileNumberOf({ fileNumber }: TableMeta): number {
  return fileNumber;
}

/** All of a range. */
export function* numbersOf({ first, count }: FileNumbers): Generator<number> {
  for (let n = first; n < first + count; n++) yield n;
}

/** Removes the files of tables that are not, or no longer, part of the database. */
export function removeTables(fs: Fs, directory: string, fileNumbers: Iterable<number>): void {
  for (const fileNumber of fileNumbers) {
    removeIfPossible(fs, joinPath(directory, tableName(fileNumber)));
  }
}
