/**
 * A file system in the origin private file system (OPFS) of a browser, for one dedicated worker.
 *
 * A mount has a directory of OPFS for itself: a name map in two copies (opfs-map.ts) and containers
 * (opfs-containers.ts), all opened when it is made. So no call waits for the browser, names and
 * renames are as durable as content, and any number of handles may have a file. Nothing relies on
 * what browsers do not promise: durable names, atomic moves, or the order of creations. `flush` of
 * an open file is the only barrier.
 * @module
 */
import { VarveError } from '../errors.ts';
import { LocalLocks } from './local-locks.ts';
import { normalizePath, refused, splitPath } from './memory.ts';
import { OpfsHandle } from './opfs-handle.ts';
import type { MapEdit } from './opfs-map.ts';
import { MAP_NAMES, Mount, StoredFile } from './opfs-mount.ts';
import { browserPlatform, type OpfsPlatform, opfsError } from './opfs-platform.ts';
import type { FileHandle, Fs, FsCapabilities, FsLock, OpenMode } from './port.ts';

/** Options of {@link mountOpfs}. */
export interface OpfsOptions {
  /**
   * Directory of the mount in OPFS, made if it is not there. It holds files of the mount only, and
   * their paths are relative to it.
   */
  readonly directory: string;
  /**
   * Files of the browser that may be open, 8 to 2000, default 128. Safari has 252 for an origin.
   * With more files of ours than that, some share one of the browser's.
   */
  readonly handlesMax?: number;
  /** Asks the browser not to evict the data; default false. */
  readonly persist?: boolean;
  /**
   * Milliseconds to wait while another tab or worker has the directory, such as one that is just
   * ending; 0, not at all, by default; Infinity for ever.
   */
  readonly waitMs?: number;
  /** The browser's files and locks; by default those of the global scope. */
  readonly platform?: OpfsPlatform;
}

const HANDLES_DEFAULT = 128;
const HANDLES_MIN = 8;
const HANDLES_MAX = 2000;

/**
 * Makes a synchronous file system in OPFS. Only in a dedicated worker; one mount of a directory at
 * a time, in all tabs together.
 * @throws TypeError, RangeError for wrong options
 * @throws VarveError `UNSUPPORTED` naming what the browser or the thread lacks, `LOCKED` while
 * another tab or worker has the directory, `CORRUPTION` when both copies of the name map are
 * damaged, `NOSPACE`, `IO`
 */
export async function mountOpfs(options: OpfsOptions): Promise<OpfsFs> {
  const { handlesMax, path, waitMs } = checkedOptions(options);
  const platform = options.platform ?? (await browserPlatform());
  const release = await platform.hold(`varve-opfs:${path}`, waitMs);
  if (release === undefined) {
    throw new VarveError('LOCKED', `${path} is mounted in another tab or worker`, { file: path });
  }
  const mount = new Mount(platform, path, handlesMax, waitMs, release);
  try {
    await mount.open();
    const isPersistent = options.persist === true && (await platform.persist());
    return new OpfsFs(mount, isPersistent);
  } catch (error) {
    await mount.close();
    throw opfsError(error, 'mount', path);
  }
}

/** Options that are right, with their defaults. */
interface CheckedOptions {
  readonly handlesMax: number;
  readonly path: string;
  readonly waitMs: number;
}

function checkedOptions(options: OpfsOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw new TypeError('options are missing');
  const known = ['directory', 'handlesMax', 'persist', 'platform', 'waitMs'];
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`mountOpfs has no option ${unknown}`);
  const { directory, handlesMax = HANDLES_DEFAULT, persist, waitMs = 0 } = options;
  if (typeof directory !== 'string') throw new TypeError('directory must be a string');
  const path = normalizePath(directory);
  if (path === '') throw new RangeError('directory must name a directory below the root of OPFS');
  if (persist !== undefined && typeof persist !== 'boolean') {
    throw new TypeError('persist must be a boolean');
  }
  if (!Number.isInteger(handlesMax) || handlesMax < HANDLES_MIN || handlesMax > HANDLES_MAX) {
    throw new RangeError(`handlesMax must be an integer of ${HANDLES_MIN} to ${HANDLES_MAX}`);
  }
  if (typeof waitMs !== 'number') throw new TypeError('waitMs must be a number');
  if (!(waitMs >= 0)) throw new RangeError('waitMs must be 0 or more');
  return { handlesMax, path, waitMs };
}

/** See the module head; made by {@link mountOpfs}. */
export class OpfsFs implements Fs {
  readonly capabilities: FsCapabilities;
  /** Whether the browser has promised not to evict the data; false unless that was asked for. */
  readonly isPersistent: boolean;
  readonly #mount: Mount;
  readonly #locks: LocalLocks;

  /** Only for {@link mountOpfs}. */
  constructor(mount: Mount, isPersistent: boolean) {
    this.capabilities = {
      hardLinks: false,
      atomicRename: true,
      directorySync: true,
      sharedHandles: true,
    };
    this.isPersistent = isPersistent;
    this.#mount = mount;
    this.#locks = new LocalLocks('this mount');
  }

  /** Files whose content the browser no longer had when they were mounted; fresh. */
  get lostPaths(): string[] {
    return [...this.#mount.lostPaths];
  }

  /** Files of the browser that are open. */
  get openCount(): number {
    return this.#mount.containers.all.size + MAP_NAMES.length;
  }

  /** Gives everything back to the browser; open handles are of no use from then on. */
  close(): Promise<void> {
    return this.#mount.close();
  }

  /** There is no working directory: every path stays right. */
  resolve(path: string): string {
    return path;
  }

  createDirectory(path: string): void {
    const { journal, files } = this.#mount;
    const parts = normalizePath(path).split('/');
    const edits: MapEdit[] = [];
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = parts.slice(0, depth).join('/');
      if (this.#isDirectory(directory)) continue;
      if (files.has(directory)) throw refused(path, 'a file is in the way');
      edits.push({ kind: 'directory', path: directory });
    }
    if (edits.length === 0) return;
    journal.append(edits);
    this.#mount.syncMap();
  }

  exists(path: string): boolean {
    const name = normalizePath(path);
    return this.#isDirectory(name) || this.#mount.files.has(name);
  }

  list(directory: string): string[] {
    const parent = this.#requireDirectory(directory);
    const prefix = parent === '' ? '' : `${parent}/`;
    const names: string[] = [];
    for (const path of this.#mount.files.keys()) {
      if (path.startsWith(prefix) && !path.includes('/', prefix.length)) {
        names.push(path.slice(prefix.length));
      }
    }
    return names;
  }

  open(path: string, mode: OpenMode): FileHandle {
    const name = normalizePath(path);
    const mount = this.#mount;
    let file = mount.files.get(name);
    if (mode === 'create') {
      this.#requireDirectory(splitPath(path).parent);
      if (file !== undefined || this.#isDirectory(name)) throw refused(path, 'it exists');
      file = new StoredFile(mount.begin(mount.choose(path), name));
      mount.files.set(name, file);
    }
    if (file === undefined || mount.isClosed) throw refused(path, 'there is no such file');
    return new OpfsHandle(path, mount, file, mode !== 'read');
  }

  remove(path: string): void {
    const name = normalizePath(path);
    const file = this.#mount.files.get(name);
    if (file === undefined) throw refused(path, 'there is no such file');
    this.#mount.journal.append([{ kind: 'remove', path: name }]);
    this.#mount.files.delete(name);
    this.#mount.unname(file);
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path);
  }

  rename(from: string, to: string): void {
    const { files, journal } = this.#mount;
    const source = normalizePath(from);
    const target = normalizePath(to);
    const file = files.get(source);
    if (file === undefined) throw refused(from, 'there is no such file');
    if (this.#isDirectory(target)) throw refused(to, 'a directory is in the way');
    this.#requireDirectory(splitPath(to).parent);
    if (source === target) return;
    journal.append([{ kind: 'rename', path: source, to: target }]);
    const replaced = files.get(target);
    if (replaced !== undefined) this.#mount.unname(replaced);
    files.delete(source);
    files.set(target, file);
    file.extent.path = target;
  }

  link(existing: string, _path: string): void {
    throw new VarveError('UNSUPPORTED', 'OPFS has no hard links', { file: existing });
  }

  syncDirectory(path: string): void {
    this.#requireDirectory(path);
    this.#mount.syncMap();
  }

  freeBytes(directory: string): number | undefined {
    this.#requireDirectory(directory);
    return this.#mount.freeBytes();
  }

  async lock(path: string): Promise<FsLock> {
    this.#requireDirectory(splitPath(path).parent);
    return this.#locks.take(normalizePath(path), path);
  }

  assertHeld(path: string, token: string): void {
    this.#locks.assertHeld(normalizePath(path), path, this.#mount.isClosed ? '' : token);
  }

  #isDirectory(name: string): boolean {
    return name === '' || this.#mount.journal.map.directories.has(name);
  }

  #requireDirectory(path: string): string {
    const name = normalizePath(path);
    if (!this.#isDirectory(name)) throw refused(path, 'there is no such directory');
    return name;
  }
}
