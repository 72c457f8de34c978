/**
 * A manifest file that is being written: a record log of class 'M' whose records are version edits.
 * It begins with a snapshot of the state; each edit behind that is synced before it counts.
 * @module
 */
import { BLOCK_HEADER_BYTES, BLOCK_MANIFEST_EDIT } from '../block/block-format.ts';
import { FILE_CLASS_MANIFEST } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { RecordLogWriter } from '../block/record-log-writer.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import type { Fs } from '../fs/port.ts';
import { manifestName } from './file-names.ts';
import { type ManifestState, snapshotEdits } from './manifest-state.ts';
import type { VersionEdit } from './version-edit.ts';
import { encodeVersionEdit } from './version-edit-codec.ts';

/** A manifest is rewritten when it exceeds both this size and this multiple of its snapshot. */
const REWRITE_MIN_BYTES = 1024 * 1024;
const REWRITE_SNAPSHOT_RATIO = 4;
const EDIT_INITIAL_BYTES = 4096;

/** See the module head. After a failure it takes nothing more. */
export class ManifestLog {
  readonly fileNumber: number;
  /** Of its header. */
  readonly salt: Uint8Array;
  /** Bytes with which it begins. */
  readonly snapshotBytes: number;
  readonly #log: RecordLogWriter;

  private constructor(fileNumber: number, salt: Uint8Array, log: RecordLogWriter) {
    this.fileNumber = fileNumber;
    this.salt = salt;
    this.snapshotBytes = log.sizeBytes;
    this.#log = log;
  }

  /**
   * Creates the file with a snapshot; it and its name are on stable storage on return.
   * @throws VarveError of the `Fs`
   */
  static create(
    fs: Fs,
    directory: string,
    fileNumber: number,
    state: ManifestState,
    pipeline: Pipeline,
  ): ManifestLog {
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_MANIFEST,
      fileNumber,
      previousNumber: 0,
      baseSeqno: 0,
      protection: pipeline.logProtection,
    });
    const name = manifestName(fileNumber);
    const type = BLOCK_MANIFEST_EDIT;
    const log = RecordLogWriter.create(fs, directory, name, header, type, pipeline);
    try {
      for (const edit of snapshotEdits(state)) writeEdit(log, edit);
      log.sync();
    } catch (error) {
      log.close();
      throw error;
    }
    return new ManifestLog(fileNumber, header.salt, log);
  }

  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  /** It has grown so much that a new one with a snapshot is worth its cost. */
  get isLong(): boolean {
    const mostBytes = Math.max(REWRITE_MIN_BYTES, this.snapshotBytes * REWRITE_SNAPSHOT_RATIO);
    return this.sizeBytes > mostBytes;
  }

  /** Makes an edit durable. @throws VarveError of the `Fs`, or that of the first failure */
  append(edit: VersionEdit): void {
    writeEdit(this.#log, edit);
    this.#log.sync();
  }

  /** Releases the file. Closing twice is allowed. */
  close(): void {
    this.#log.close();
  }
}

/** Appends one edit as a record; does not sync. */
function writeEdit(log: RecordLogWriter, edit: VersionEdit): void {
  const out = new ByteWriter(EDIT_INITIAL_BYTES);
  out.reset(BLOCK_HEADER_BYTES);
  encodeVersionEdit(edit, out);
  log.append(out);
}
