/**
 * A directory that is being filled with the files of a whole database: by a checkpoint, or from a
 * backup. It is a database once it has CURRENT, which is written last, when everything else is on
 * stable storage; until then a file `UNFINISHED` says what it is. In this order:
 *
 * 1. the directory, empty; `UNFINISHED` in it, durably
 * 2. all files but CURRENT, each synced; then their names
 * 3. CURRENT, synced; its name
 * 4. `UNFINISHED` goes
 *
 * What was cut off before step 3 is no database, is refused by who opens it, and is cleared away by
 * the next one who fills the same directory. What was cut off behind it is whole; the next process
 * that writes to the database removes `UNFINISHED`.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import { HeldFs } from '../fs/held.ts';
import { closeFile, type FileHandle, type Fs, type FsLock, joinPath } from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { readCurrent } from '../manifest/current.ts';
import { CURRENT_NAME, LOCK_NAME, parseFileName, UNFINISHED_NAME } from '../manifest/file-names.ts';
import { isHarmlessName } from '../manifest/foreign.ts';
import type { CopyPlace } from './copy-job.ts';

const TEXT =
  'A checkpoint or restore of a Varve database is filling this directory, or was cut off.\n' +
  'It becomes a database with the file CURRENT; without it, do it again, or remove all of it.\n';

/** See the module head. */
export class NewDirectory {
  readonly path: string;
  readonly #fs: Fs;
  readonly #lock: FsLock;
  /** Links were refused once: this is another file system, or one without them. */
  #isLinkable: boolean;

  private constructor(fs: Fs, path: string, lock: FsLock) {
    this.path = path;
    this.#fs = fs;
    this.#lock = lock;
    this.#isLinkable = fs.capabilities.hardLinks;
  }

  /**
   * Step 1. Whoever gets it calls {@link finish} or {@link abandon}.
   * @param path resolved
   * @throws VarveError `INVALID` when the directory holds a database or anything else, `LOCKED`
   * when somebody else is filling it; any error of the `Fs`
   */
  static async begin(fs: Fs, path: string): Promise<NewDirectory> {
    expectRoom(fs, path);
    fs.createDirectory(path);
    const lockPath = joinPath(path, LOCK_NAME);
    const lock = await fs.lock(lockPath);
    try {
      const held = new HeldFs(fs, lockPath, lock.token);
      // Again: it may have been filled before the lock was ours.
      expectRoom(held, path);
      clearLeftovers(held, path);
      const directory = new NewDirectory(held, path, lock);
      directory.#mark();
      return directory;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Where others fill it, while it is ours. */
  get place(): CopyPlace {
    const lockPath = joinPath(this.path, LOCK_NAME);
    return { directory: this.path, lockPath, lockToken: this.#lock.token };
  }

  /** Gives a file of the same file system a name in here; false where that cannot be done. */
  link(existing: string, name: string): boolean {
    if (!this.#isLinkable) return false;
    try {
      this.#fs.link(existing, joinPath(this.path, name));
      return true;
    } catch (error) {
      if (!isVarveError(error) || error.code === 'DETACHED') throw error;
      this.#isLinkable = false;
      return false;
    }
  }

  /** Creates a file, which the caller fills, syncs and closes. */
  create(name: string): FileHandle {
    return this.#fs.open(joinPath(this.path, name), 'create');
  }

  /**
   * Steps 2 to 4, when every file but CURRENT is there and synced. Gives up the lock.
   * @param current content of CURRENT; borrowed
   */
  async finish(current: Uint8Array): Promise<void> {
    const fs = this.#fs;
    fs.syncDirectory(this.path);
    this.#write(CURRENT_NAME, current);
    fs.syncDirectory(this.path);
    // From here on it is a database, whatever becomes of the mark.
    removeIfPossible(fs, joinPath(this.path, UNFINISHED_NAME));
    await this.#lock.release();
  }

  /** Clears away what is there, as far as that can be done, and gives up the lock. */
  async abandon(): Promise<void> {
    try {
      clearLeftovers(this.#fs, this.path);
      this.#fs.remove(joinPath(this.path, UNFINISHED_NAME));
    } catch {
      // It stays marked as unfinished.
    }
    await this.#lock.release();
  }

  #mark(): void {
    const path = joinPath(this.path, UNFINISHED_NAME);
    if (!this.#fs.exists(path)) this.#write(UNFINISHED_NAME, new TextEncoder().encode(TEXT));
    this.#fs.syncDirectory(this.path);
  }

  #write(name: string, bytes: Uint8Array): void {
    const file = this.create(name);
    try {
      file.write(bytes, 0, bytes.length, 0);
      file.sync();
    } finally {
      closeFile(file);
    }
  }
}

/** @throws VarveError `INVALID` unless there is nothing, or what a filling that was cut off left */
function expectRoom(fs: Fs, path: string): void {
  const names = fs.exists(path) ? fs.list(path) : [];
  if (readCurrentIfAny(fs, path, names)) {
    throw new VarveError('INVALID', `there is a database at ${path} already`, { file: path });
  }
  if (names.includes(UNFINISHED_NAME)) return;
  const other = names.find((name) => !isHarmlessName(name));
  if (other === undefined) return;
  const text = `${path} is not empty: there is ${other}`;
  throw new VarveError('INVALID', text, { file: joinPath(path, other) });
}

function readCurrentIfAny(fs: Fs, path: string, names: readonly string[]): boolean {
  return names.includes(CURRENT_NAME) && readCurrent(fs, path) !== undefined;
}

/**
 * Removes the files of a database from a directory that is marked, the mark excepted. CURRENT goes
 * first, and durably: with it the rest must be whole.
 */
function clearLeftovers(fs: Fs, path: string): void {
  const names = fs.list(path);
  if (names.includes(CURRENT_NAME)) {
    fs.remove(joinPath(path, CURRENT_NAME));
    fs.syncDirectory(path);
  }
  for (const name of names) {
    const kind = parseFileName(name)?.kind;
    if (kind === undefined || kind === 'lock' || name === CURRENT_NAME) continue;
    fs.remove(joinPath(path, name));
  }
}
