/**
 * A table file that a reader without the lock keeps open, so that it can be read even when the
 * writer has removed it.
 * @module
 */
import type { FileHandle, ReadableFile } from '../fs/port.ts';

/** Lent to whoever reads the table, whose `close` leaves it open. */
export class KeptFile implements ReadableFile {
  readonly path: string;
  /** To be closed in the end. */
  readonly file: FileHandle;

  /** @param file taken */
  constructor(file: FileHandle) {
    this.path = file.path;
    this.file = file;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    return this.file.read(buf, off, length, position);
  }

  size(): number {
    return this.file.size();
  }

  close(): void {}
}
