/**
 * An open file of a mount of OPFS.
 * @module
 */
import { VarveError } from '../errors.ts';
import { refused, requireRange } from './memory.ts';
import { flush, readAll, truncate, writeAll } from './opfs-containers.ts';
import type { Mount, StoredFile } from './opfs-mount.ts';
import type { FileHandle } from './port.ts';

/** Any number of handles may have a file. */
export class OpfsHandle implements FileHandle {
  readonly path: string;
  readonly #mount: Mount;
  readonly #file: StoredFile;
  readonly #isWritable: boolean;
  #isOpen: boolean;

  constructor(path: string, mount: Mount, file: StoredFile, isWritable: boolean) {
    this.path = path;
    this.#mount = mount;
    this.#file = file;
    this.#isWritable = isWritable;
    this.#isOpen = true;
    file.handleCount++;
    if (isWritable) file.extent.writerCount++;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    this.#requireOpen();
    requireRange(buf, off, length, position);
    const { container, start, size } = this.#file.extent;
    const count = Math.min(length, size - position);
    if (count <= 0) return 0;
    return readAll(container, buf.subarray(off, off + count), start + position, this.path);
  }

  write(buf: Uint8Array, off: number, length: number, position: number): void {
    this.#requireWritable();
    requireRange(buf, off, length, position);
    if (length === 0) return;
    const end = position + length;
    if (end > this.#file.extent.size) this.#growInPlace();
    const { extent } = this.#file;
    const { container, start } = extent;
    const before = extent.size;
    try {
      writeAll(container, buf.subarray(off, off + length), start + position, this.path);
      extent.size = Math.max(before, end);
    } catch (error) {
      if (extent.isOpenEnded) extent.size = Math.max(before, container.access.getSize() - start);
      throw error;
    } finally {
      this.#mount.noteGrowth(extent, extent.size - before);
    }
  }

  size(): number {
    this.#requireOpen();
    return this.#file.extent.size;
  }

  linkCount(): number {
    this.#requireOpen();
    return this.#file.extent.path === undefined ? 0 : 1;
  }

  truncate(size: number): void {
    this.#requireWritable();
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`bad file size ${size}`);
    if (size > this.#file.extent.size) this.#growInPlace();
    const { extent } = this.#file;
    if (extent.isOpenEnded) truncate(extent.container, extent.start + size, this.path);
    else if (extent.path !== undefined) {
      this.#mount.journal.append([{ kind: 'length', path: extent.path, length: size }]);
      this.#file.isMapAhead = true;
    }
    this.#mount.noteGrowth(extent, size - extent.size);
    extent.size = size;
  }

  sync(): void {
    this.#requireOpen();
    flush(this.#file.extent.container, this.path);
    if (this.#file.isMapAhead) this.#mount.journal.flush();
    this.#file.isMapAhead = false;
  }

  async syncAsync(): Promise<void> {
    this.sync();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const file = this.#file;
    file.handleCount--;
    if (this.#isWritable) file.extent.writerCount--;
    this.#mount.dropIfUnused(file);
  }

  #growInPlace(): void {
    if (!this.#file.extent.isOpenEnded) this.#mount.relocate(this.#file, this.path);
  }

  #requireOpen(): void {
    if (!this.#isOpen)
      throw new VarveError('CLOSED', `${this.path} is closed`, { file: this.path });
    if (this.#mount.isClosed) {
      throw new VarveError('CLOSED', `the mount of ${this.path} is closed`, { file: this.path });
    }
  }

  #requireWritable(): void {
    this.#requireOpen();
    if (!this.#isWritable) throw refused(this.path, 'it is open for reading only');
  }
}
