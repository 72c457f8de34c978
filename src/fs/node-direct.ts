/**
 * Reading what a device holds, past the system's cache: Linux's `O_DIRECT`, through Node's own
 * flags.
 *
 * The kernel takes only positions, lengths and memory addresses that are multiples of the block
 * size of the device. Where an ArrayBuffer stands in memory nobody can tell, but a WebAssembly
 * memory begins at a page. So each thread has one of these, and reads go through it.
 * @module
 */
import * as fs from 'node:fs';
import { VarveError } from '../errors.ts';
import { platformError, systemCode } from './node-error.ts';
import type { ReadableFile } from './port.ts';

/** Block sizes of devices divide this. */
const ALIGNMENT_BYTES = 4096;
const WASM_PAGE_BYTES = 65_536;
/** What one call of the kernel reads at most. */
const WINDOW_BYTES = 16 * WASM_PAGE_BYTES;

const CLOSED_FD = -1;

/** Codes with which a file system says that it has no such reads. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(['EINVAL', 'EOPNOTSUPP', 'ENOTSUP']);

/** Of this thread; undefined before the first read, and where there is none to be had. */
let window: Uint8Array | undefined;

/** Memory that begins at a page; undefined where none can be had. */
function windowOfThread(): Uint8Array | undefined {
  if (window !== undefined) return window;
  try {
    const initial = WINDOW_BYTES / WASM_PAGE_BYTES;
    const memory = new WebAssembly.Memory({ initial, maximum: initial });
    window = new Uint8Array(memory.buffer);
  } catch {
    // No room in the address space, or a runtime without it.
    return undefined;
  }
  return window;
}

/**
 * Opens a file so that its reads go past the system's cache.
 * @param openDescriptor opens `path` with numeric flags
 * @returns undefined where the platform, the file system or the device has no such reads
 * @throws VarveError `IO`, `HANDLES` when the file cannot be opened at all
 */
export function openDirect(
  path: string,
  openDescriptor: (path: string, flags: number) => number,
): ReadableFile | undefined {
  const { O_DIRECT, O_RDONLY } = fs.constants;
  if (process.platform !== 'linux' || typeof O_DIRECT !== 'number') return undefined;
  const memory = windowOfThread();
  if (memory === undefined) return undefined;
  let fd = CLOSED_FD;
  try {
    fd = openDescriptor(path, O_RDONLY | O_DIRECT);
    // Some file systems refuse the flag, others only the reads.
    fs.readSync(fd, memory, 0, ALIGNMENT_BYTES, 0);
    return new DirectFile(path, fd, memory);
  } catch (error) {
    if (fd !== CLOSED_FD) fs.closeSync(fd);
    if (REFUSALS.has(systemCode(error))) return undefined;
    throw platformError('open', path, error);
  }
}

/** A file whose reads go past the system's cache. */
class DirectFile implements ReadableFile {
  readonly path: string;
  readonly #window: Uint8Array;
  /** The descriptor, or `CLOSED_FD`. */
  #fd: number;

  /** Takes the descriptor; uses the window during calls only. */
  constructor(path: string, fd: number, memory: Uint8Array) {
    this.path = path;
    this.#window = memory;
    this.#fd = fd;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    this.#assertOpen();
    checkRange(buf, off, length, position);
    let done = 0;
    try {
      while (done < length) {
        const count = this.#readSome(buf, off + done, length - done, position + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw platformError('read', this.path, error);
    }
    return done;
  }

  size(): number {
    this.#assertOpen();
    try {
      return fs.fstatSync(this.#fd).size;
    } catch (error) {
      throw platformError('read the size of', this.path, error);
    }
  }

  close(): void {
    if (this.#fd === CLOSED_FD) return;
    const fd = this.#fd;
    this.#fd = CLOSED_FD;
    try {
      fs.closeSync(fd);
    } catch (error) {
      throw platformError('close', this.path, error);
    }
  }

  /** Reads what one window holds of the range; 0 at the end of the file. */
  #readSome(buf: Uint8Array, off: number, length: number, position: number): number {
    const lead = position % ALIGNMENT_BYTES;
    const aligned = Math.ceil((lead + length) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const asked = Math.min(aligned, WINDOW_BYTES);
    const got = fs.readSync(this.#fd, this.#window, 0, asked, position - lead);
    if (!Number.isInteger(got) || got < 0 || got > asked) {
      throw new Error(`the system says that it read ${got} of ${asked} bytes`);
    }
    const count = Math.min(got - lead, length);
    if (count <= 0) {
      if (position < this.size()) throw new Error('the system stopped before the end');
      return 0;
    }
    buf.set(this.#window.subarray(lead, lead + count), off);
    return count;
  }

  #assertOpen(): void {
    if (this.#fd !== CLOSED_FD) return;
    throw new VarveError('CLOSED', `${this.path} is closed`, { file: this.path });
  }
}

/** @throws RangeError for what is no range of the buffer, or no position */
function checkRange(buf: Uint8Array, off: number, length: number, position: number): void {
  const isRange =
    Number.isInteger(off) &&
    Number.isInteger(length) &&
    off >= 0 &&
    length >= 0 &&
    off + length <= buf.length;
  if (!isRange) throw new RangeError(`bytes ${off} + ${length} of a buffer of ${buf.length}`);
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`bad position ${position}`);
  }
}
