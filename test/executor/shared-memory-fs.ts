/**
 * A file system in one SharedArrayBuffer, which all threads of a process have: for tests in
 * runtimes that have no other. Without links and renames.
 *
 *     words      meaning
 *     0          lock: 1 while a thread changes the tables below
 *     1          content blocks that were in use at some time
 *     2          first free block of those, plus 1; 0 for none
 *     3          content blocks in use
 *     16         entries, 64 words each: kind, size, open handles, first and last block (each plus
 *                1), length of the path, path (UTF-8)
 *     behind     for each content block the next one of its file, or of the free ones, plus 1
 *     behind     content blocks of 64 KiB
 * @module
 */
import { VarveError } from '../../src/errors.ts';
import { normalizePath, splitPath } from '../../src/fs/memory.ts';
import type { FileHandle, Fs, FsCapabilities, FsLock, OpenMode } from '../../src/fs/port.ts';

const LOCK_WORD = 0;
const REACHED_WORD = 1;
const FREE_WORD = 2;
const USED_WORD = 3;
const ENTRIES_WORD = 16;
const ENTRY_WORDS = 64;
const ENTRY_COUNT = 1024;
const NEXT_WORD = ENTRIES_WORD + ENTRY_WORDS * ENTRY_COUNT;
const BLOCK_BYTES = 0x1_0000;
const WORD_BYTES = 4;

/** Words of an entry. */
const KIND = 0;
const SIZE = 1;
const HANDLES = 2;
const FIRST = 3;
const LAST = 4;
const PATH_LENGTH = 5;
const PATH = 6;
const PATH_BYTES_MAX = (ENTRY_WORDS - PATH) * WORD_BYTES;

const NOTHING = 0;
const DIRECTORY = 1;
const FILE = 2;
/** A file without a name, open all the same. */
const REMOVED = 3;
const LOCKED = 4;

/** A thread that was ended with the lock in its hands has had it for this long. */
const LOCK_MS_MAX = 20_000;

/** Memory for files of `capacityBytes` together, about. */
export function makeSharedMemory(capacityBytes: number): SharedArrayBuffer {
  const blockCount = Math.ceil(capacityBytes / BLOCK_BYTES);
  return new SharedArrayBuffer((NEXT_WORD + blockCount) * WORD_BYTES + blockCount * BLOCK_BYTES);
}

/** The tables and the content. */
class Arena {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly blockCount: number;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.blockCount = Math.floor(
      (memory.byteLength - NEXT_WORD * WORD_BYTES) / (BLOCK_BYTES + WORD_BYTES),
    );
  }

  /** Runs `change` while no other thread changes the tables; not within another call. */
  exclusively<T>(change: () => T): T {
    const { words } = this;
    while (Atomics.compareExchange(words, LOCK_WORD, 0, 1) !== 0) {
      if (Atomics.wait(words, LOCK_WORD, 1, LOCK_MS_MAX) === 'timed-out') break;
    }
    try {
      return change();
    } finally {
      Atomics.store(words, LOCK_WORD, 0);
      Atomics.notify(words, LOCK_WORD, 1);
    }
  }

  /** The word at which the entry of a path begins; -1 if it has none. */
  find(path: string): number {
    const wanted = encodePath(path);
    for (let n = 0; n < ENTRY_COUNT; n++) {
      const entry = ENTRIES_WORD + n * ENTRY_WORDS;
      const kind = this.words[entry + KIND]!;
      if (kind === NOTHING || kind === REMOVED) continue;
      if (this.words[entry + PATH_LENGTH] !== wanted.length) continue;
      const start = (entry + PATH) * WORD_BYTES;
      if (wanted.every((byte, i) => this.bytes[start + i] === byte)) return entry;
    }
    return -1;
  }

  add(path: string, kind: number): number {
    const encoded = encodePath(path);
    for (let n = 0; n < ENTRY_COUNT; n++) {
      const entry = ENTRIES_WORD + n * ENTRY_WORDS;
      if (this.words[entry + KIND] !== NOTHING) continue;
      this.words.fill(0, entry, entry + ENTRY_WORDS);
      this.words[entry + PATH_LENGTH] = encoded.length;
      this.bytes.set(encoded, (entry + PATH) * WORD_BYTES);
      this.words[entry + KIND] = kind;
      return entry;
    }
    throw new VarveError('NOSPACE', `too many files for ${path}`, { file: path });
  }

  pathOf(entry: number): string {
    const start = (entry + PATH) * WORD_BYTES;
    // Text is not decoded from shared memory everywhere.
    const path = this.bytes.slice(start, start + this.words[entry + PATH_LENGTH]!);
    return new TextDecoder().decode(new Uint8Array(path));
  }

  /** Every entry of a kind. */
  *entries(kind: number): Iterable<number> {
    for (let n = 0; n < ENTRY_COUNT; n++) {
      const entry = ENTRIES_WORD + n * ENTRY_WORDS;
      if (this.words[entry + KIND] === kind) yield entry;
    }
  }

  /** Byte offset of a content block. */
  offsetOf(block: number): number {
    return (NEXT_WORD + this.blockCount) * WORD_BYTES + block * BLOCK_BYTES;
  }

  /** Gives a file one more block, of zeros; false if there is none. */
  grow(entry: number): boolean {
    const { words } = this;
    let block = words[FREE_WORD]! - 1;
    if (block >= 0) words[FREE_WORD] = words[NEXT_WORD + block]!;
    else if (words[REACHED_WORD] === this.blockCount) return false;
    else block = words[REACHED_WORD]!++;
    words[USED_WORD]!++;
    words[NEXT_WORD + block] = 0;
    const offset = this.offsetOf(block);
    this.bytes.fill(0, offset, offset + BLOCK_BYTES);
    const last = words[entry + LAST]! - 1;
    if (last < 0) words[entry + FIRST] = block + 1;
    else Atomics.store(words, NEXT_WORD + last, block + 1);
    words[entry + LAST] = block + 1;
    return true;
  }

  /** Gives back what a file without name and handles holds. */
  releaseIfUnreachable(entry: number): void {
    const { words } = this;
    if (words[entry + KIND] !== REMOVED || words[entry + HANDLES] !== 0) return;
    for (let block = words[entry + FIRST]! - 1; block >= 0; ) {
      const next = words[NEXT_WORD + block]! - 1;
      words[NEXT_WORD + block] = words[FREE_WORD]!;
      words[FREE_WORD] = block + 1;
      words[USED_WORD]!--;
      block = next;
    }
    words[entry + KIND] = NOTHING;
  }
}

class SharedMemoryHandle implements FileHandle {
  readonly path: string;
  readonly #arena: Arena;
  readonly #entry: number;
  readonly #writable: boolean;
  /** The blocks of the file, as far as this handle has met them; files never lose one. */
  readonly #blocks: number[];
  #isOpen: boolean;

  /** Within `exclusively`. */
  constructor(path: string, arena: Arena, entry: number, writable: boolean) {
    this.path = path;
    this.#arena = arena;
    this.#entry = entry;
    this.#writable = writable;
    this.#blocks = [];
    this.#isOpen = true;
    arena.words[entry + HANDLES]!++;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    requireRange(buf, off, length, position);
    const count = Math.max(0, Math.min(length, this.size() - position));
    this.#each(position, count, (start, done, piece) => {
      buf.set(this.#arena.bytes.subarray(start, start + piece), off + done);
    });
    return count;
  }

  write(buf: Uint8Array, off: number, length: number, position: number): void {
    this.#requireWritable();
    requireRange(buf, off, length, position);
    if (length === 0) return;
    this.#reserve(position + length);
    this.#each(position, length, (start, done, piece) => {
      this.#arena.bytes.set(buf.subarray(off + done, off + done + piece), start);
    });
    if (position + length > this.size()) this.#setSize(position + length);
  }

  size(): number {
    this.#requireOpen();
    return Atomics.load(this.#arena.words, this.#entry + SIZE);
  }

  /** This file system has no hard links. */
  linkCount(): number {
    this.#requireOpen();
    return 1;
  }

  truncate(size: number): void {
    this.#requireWritable();
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`bad file size ${size}`);
    const before = this.size();
    this.#reserve(size);
    this.#each(size, Math.max(0, before - size), (start, _done, piece) => {
      this.#arena.bytes.fill(0, start, start + piece);
    });
    this.#setSize(size);
  }

  sync(): void {
    this.#requireOpen();
  }

  async syncAsync(): Promise<void> {
    this.#requireOpen();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const arena = this.#arena;
    arena.exclusively(() => {
      arena.words[this.#entry + HANDLES]!--;
      arena.releaseIfUnreachable(this.#entry);
    });
  }

  /** Calls back for every piece of a range that lies in one block: its offset in the memory. */
  #each(
    position: number,
    length: number,
    visit: (start: number, done: number, piece: number) => void,
  ): void {
    if (length === 0) return;
    this.#meetBlocks();
    for (let done = 0; done < length; ) {
      const inBlock = (position + done) % BLOCK_BYTES;
      const block = this.#blocks[Math.floor((position + done) / BLOCK_BYTES)]!;
      const piece = Math.min(length - done, BLOCK_BYTES - inBlock);
      visit(this.#arena.offsetOf(block) + inBlock, done, piece);
      done += piece;
    }
  }

  /** Follows the chain of blocks from where it was left. */
  #meetBlocks(): void {
    const { words } = this.#arena;
    for (;;) {
      const last = this.#blocks.at(-1);
      const link = last === undefined ? this.#entry + FIRST : NEXT_WORD + last;
      const next = Atomics.load(words, link) - 1;
      if (next < 0) return;
      this.#blocks.push(next);
    }
  }

  #reserve(size: number): void {
    this.#meetBlocks();
    const missing = Math.ceil(size / BLOCK_BYTES) - this.#blocks.length;
    if (missing <= 0) return;
    const arena = this.#arena;
    const isThere = arena.exclusively(() => {
      for (let n = 0; n < missing; n++) if (!arena.grow(this.#entry)) return false;
      return true;
    });
    if (isThere) return;
    throw new VarveError('NOSPACE', `no space for ${this.path}`, { file: this.path });
  }

  #setSize(size: number): void {
    Atomics.store(this.#arena.words, this.#entry + SIZE, size);
  }

  #requireOpen(): void {
    if (this.#isOpen) return;
    throw new VarveError('CLOSED', `${this.path} is closed`, { file: this.path });
  }

  #requireWritable(): void {
    this.#requireOpen();
    if (!this.#writable) throw refused(this.path, 'it is open for reading only');
  }
}

/** See the module head; all that are made over the same memory show the same files. */
export class SharedMemoryFs implements Fs {
  readonly capabilities: FsCapabilities;
  readonly #arena: Arena;

  constructor(memory: SharedArrayBuffer) {
    this.capabilities = {
      hardLinks: false,
      atomicRename: false,
      directorySync: true,
      sharedHandles: true,
    };
    this.#arena = new Arena(memory);
  }

  resolve(path: string): string {
    return path;
  }

  createDirectory(path: string): void {
    const arena = this.#arena;
    arena.exclusively(() => {
      const parts = normalizePath(path).split('/');
      for (let depth = 1; depth <= parts.length; depth++) {
        const directory = parts.slice(0, depth).join('/');
        const entry = arena.find(directory);
        if (entry < 0) arena.add(directory, DIRECTORY);
        else if (arena.words[entry + KIND] !== DIRECTORY) throw refused(path, 'a file is there');
      }
    });
  }

  exists(path: string): boolean {
    return this.#arena.exclusively(() => this.#arena.find(normalizePath(path)) >= 0);
  }

  list(directory: string): string[] {
    const arena = this.#arena;
    return arena.exclusively(() => {
      this.#requireDirectory(directory);
      const paths = [...arena.entries(FILE)].map((entry) => splitPath(arena.pathOf(entry)));
      const wanted = normalizePath(directory);
      return paths.filter(({ parent }) => parent === wanted).map(({ name }) => name);
    });
  }

  open(path: string, mode: OpenMode): FileHandle {
    const arena = this.#arena;
    return arena.exclusively(() => {
      const name = normalizePath(path);
      let entry = arena.find(name);
      if (mode === 'create') {
        this.#requireDirectory(splitPath(path).parent);
        if (entry >= 0) throw refused(path, 'it exists');
        entry = arena.add(name, FILE);
      }
      if (entry < 0) throw refused(path, 'there is no such file');
      return new SharedMemoryHandle(path, arena, entry, mode !== 'read');
    });
  }

  remove(path: string): void {
    const arena = this.#arena;
    arena.exclusively(() => {
      const entry = arena.find(normalizePath(path));
      if (entry < 0) throw refused(path, 'there is no such file');
      arena.words[entry + KIND] = REMOVED;
      arena.releaseIfUnreachable(entry);
    });
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path);
  }

  rename(from: string): void {
    throw new VarveError('UNSUPPORTED', 'files cannot be renamed', { file: from });
  }

  link(existing: string): void {
    throw new VarveError('UNSUPPORTED', 'files cannot be linked', { file: existing });
  }

  syncDirectory(path: string): void {
    this.#arena.exclusively(() => this.#requireDirectory(path));
  }

  freeBytes(directory: string): number {
    const arena = this.#arena;
    return arena.exclusively(() => {
      this.#requireDirectory(directory);
      return (arena.blockCount - arena.words[USED_WORD]!) * BLOCK_BYTES;
    });
  }

  async lock(path: string): Promise<FsLock> {
    const arena = this.#arena;
    const entry = arena.exclusively(() => {
      const name = normalizePath(path);
      if (arena.find(name) < 0) {
        const added = arena.add(name, LOCKED);
        arena.words[added + SIZE] = Math.floor(Math.random() * 2 ** 31);
        return added;
      }
      throw new VarveError('LOCKED', `${path} is locked by another holder`, { file: path });
    });
    let isHeld = true;
    return {
      token: String(arena.words[entry + SIZE]),
      release: async () => {
        if (isHeld) arena.words[entry + KIND] = NOTHING;
        isHeld = false;
      },
    };
  }

  assertHeld(path: string, token: string): void {
    const arena = this.#arena;
    const entry = arena.exclusively(() => arena.find(normalizePath(path)));
    if (entry >= 0 && String(arena.words[entry + SIZE]) === token) return;
    throw new VarveError('DETACHED', `${path} is not locked by this holder`, { file: path });
  }

  #requireDirectory(path: string): void {
    const entry = this.#arena.find(normalizePath(path));
    if (entry < 0 || this.#arena.words[entry + KIND] !== DIRECTORY) {
      throw refused(path, 'there is no such directory');
    }
  }
}

function encodePath(path: string): Uint8Array {
  const encoded = new TextEncoder().encode(path);
  if (encoded.length > PATH_BYTES_MAX) throw refused(path, 'the path is too long');
  return encoded;
}

function refused(path: string, why: string): VarveError {
  return new VarveError('IO', `cannot use ${path}: ${why}`, { file: path });
}

function requireRange(buf: Uint8Array, off: number, length: number, position: number): void {
  const isInside = off >= 0 && length >= 0 && off + length <= buf.length;
  if (!isInside) throw new RangeError('range outside of the buffer');
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RangeError(`bad file position ${position}`);
  }
}
