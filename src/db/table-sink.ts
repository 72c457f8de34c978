/**
 * Where flushes and compactions put their tables.
 * @module
 */
import { removeIfPossible } from '../block/record-log-writer.ts';
import type { TableSink } from '../compaction/merge-run.ts';
import { type FileHandle, joinPath } from '../fs/port.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { tableName } from '../manifest/file-names.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { TableWriter } from '../sstable/table-writer.ts';
import type { DbCore } from './core.ts';
import { type FamilySettings, tableOptions } from './options.ts';

/** Writes tables of one family and level into the database's directory. */
export class DirectorySink implements TableSink {
  readonly #core: DbCore;
  readonly #settings: FamilySettings;
  readonly #level: number;
  /** Bytes of all finished tables. */
  bytesWritten: number;

  constructor(core: DbCore, settings: FamilySettings, level: number) {
    this.#core = core;
    this.#settings = settings;
    this.#level = level;
    this.bytesWritten = 0;
  }

  create(guard?: EntryGuard): { file: FileHandle; writer: TableWriter } {
    const { fs, location, pipeline } = this.#core;
    const fileNumber = this.#core.newFileNumber();
    const file = fs.open(joinPath(location.directory, tableName(fileNumber)), 'create');
    try {
      const options = tableOptions(this.#settings, this.#level, pipeline);
      return { file, writer: new TableWriter(file, fileNumber, pipeline, options, guard) };
    } catch (error) {
      this.#remove(file);
      throw error;
    }
  }

  finish(file: FileHandle, writer: TableWriter): TableMeta {
    const meta = writer.finish(this.#core.location.clock.now());
    file.sync();
    file.close();
    this.bytesWritten += meta.sizeBytes;
    return meta;
  }

  discard(file: FileHandle | undefined, finished: readonly TableMeta[]): void {
    const { directory } = this.#core.location;
    if (file !== undefined) this.#remove(file);
    for (const meta of finished) {
      removeIfPossible(this.#core.fs, joinPath(directory, tableName(meta.fileNumber)));
    }
  }

  #remove(file: FileHandle): void {
    file.close();
    removeIfPossible(this.#core.fs, file.path);
  }
}
