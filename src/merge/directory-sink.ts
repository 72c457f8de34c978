/**
 * Where flushes and compactions put their tables.
 * @module
 */
import type { ByteWriter } from '../bytes/byte-writer.ts';
import { assert } from '../errors.ts';
import { closeFile, type FileHandle, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import type { FileNumbers } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { removeTables } from '../job/leftovers.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { tableName } from '../manifest/file-names.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { TableWriter, type TableWriterOptions } from '../sstable/table-writer.ts';
import type { TableSink } from './merge-run.ts';

/** What a sink writes with. */
type SinkContext = Pick<JobContext, 'fs' | 'directory' | 'pipeline' | 'clock'>;

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

  /** An edit will name the tables: they must be found after a power cut. */
  syncNames(): void {
    this.#context.fs.syncDirectory(this.#context.directory);
  }

  discard(file: FileHandle | undefined, finished: readonly TableMeta[]): void {
    if (file !== undefined) this.#remove(file);
    const fileNumbers = finished.map(({ fileNumber }) => fileNumber);
    removeTables(this.#context.fs, this.#context.directory, fileNumbers);
  }

  #remove(file: FileHandle): void {
    closeFile(file);
    removeIfPossible(this.#context.fs, file.path);
  }
}
