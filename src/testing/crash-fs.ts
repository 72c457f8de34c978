/**
 * A file system whose power can be cut. It behaves as a `MemoryFs` and remembers what has been
 * synced; `crash` gives the state that a power loss could leave, as a new `MemoryFs`.
 *
 * The rules are those of the port, read strictly: a file's content and size are durable up to its
 * last sync; an entry (created, removed, renamed, linked) is durable once its directory has been
 * synced; neither implies the other. Changes of one file or directory since its last sync survive
 * or not, as the variant says. A rename within a directory survives whole or not at all; one
 * between directories is a link in one and a removal in the other. Directories are durable at once.
 *
 * To cut the power at every point of a workload:
 *
 *     const total = run(new CrashFs());                 // returns fs.operations
 *     for (let n = 1; n <= total; n++) {
 *       const fs = new CrashFs();
 *       fs.cutAfter(n);
 *       try { run(fs); } catch (error) { if (!(error instanceof PowerCut)) throw error; }
 *       check(fs.crash('torn', new SeededRandom(n)));   // and the other variants
 *     }
 * @module
 */
import { isVarveError } from '../errors.ts';
import { MemoryFile, MemoryFs, normalizePath, splitPath } from '../fs/memory.ts';
import type { FileHandle, Fs, FsCapabilities, FsLock, OpenMode } from '../fs/port.ts';
import { CrashDirectory, CrashFile, type CrashVariant } from './crash-state.ts';
import { PowerCut } from './power-cut.ts';
import type { SeededRandom } from './seeded-random.ts';

/** An in-memory disk that models power loss. */
export class CrashFs implements Fs {
  readonly capabilities: FsCapabilities;
  private readonly live: MemoryFs;
  private readonly power: Power;
  private readonly files: WeakMap<MemoryFile, CrashFile>;
  private readonly directories: Map<string, CrashDirectory>;

  /** @param start what is on the disk, all of it durable; taken over */
  constructor(start: MemoryFs = new MemoryFs()) {
    this.capabilities = start.capabilities;
    this.live = start;
    this.power = new Power();
    this.files = new WeakMap();
    this.directories = new Map();
    for (const [path, entries] of start.directories()) {
      const directory = new CrashDirectory();
      this.directories.set(path, directory);
      for (const [name, file] of entries) directory.addDurable(name, this.tracked(file, file));
    }
  }

  /**
   * Mutating operations so far: write, truncate, sync, syncAsync, create, remove, rename, link,
   * createDirectory and syncDirectory.
   */
  get operations(): number {
    return this.power.operations;
  }

  /** True once the power has been cut. */
  get isOff(): boolean {
    return this.power.isOff;
  }

  /**
   * Cuts the power in the middle of the `count`-th mutating operation from now on: it and every
   * later operation throws {@link PowerCut}, except `close` and `release`, which do nothing then.
   * What the interrupted operation has done on the disk is up to the variant of the crash.
   * @param count 1 or more
   */
  cutAfter(count: number): void {
    if (!Number.isInteger(count) || count < 1) throw new RangeError('count must be 1 or more');
    this.power.cutAt = this.power.operations + count;
  }

  /**
   * What the disk holds after a power loss at this moment. Changes nothing here, so that several
   * variants can be taken of one moment.
   * @returns a new file system that shares nothing with this one
   */
  crash(variant: CrashVariant, random: SeededRandom): MemoryFs {
    const disk = new MemoryFs();
    const survivors = new Map<CrashFile, MemoryFile>();
    for (const [path, directory] of this.directories) {
      disk.createDirectory(path);
      for (const [name, file] of directory.survivors(variant, random)) {
        const content = survivors.get(file) ?? file.survivor(variant, random);
        survivors.set(file, content);
        disk.attach(`${path}/${name}`, content);
      }
    }
    return disk;
  }

  /**
   * Forgets that the unsynced changes of a file are still to be written, as kernels do when a sync
   * fails: they stay readable until the power goes, and no later sync makes them durable.
   */
  loseUnsynced(path: string): void {
    const file = this.live.fileAt(path);
    if (file !== undefined) this.tracked(file).losePending();
  }

  resolve(path: string): string {
    return this.live.resolve(path);
  }

  createDirectory(path: string): void {
    if (this.power.strikes()) throw new PowerCut(`creating ${path}`);
    this.live.createDirectory(path);
    for (const [directory] of this.live.directories()) {
      if (!this.directories.has(directory)) this.directories.set(directory, new CrashDirectory());
    }
  }

  exists(path: string): boolean {
    this.power.require();
    return this.live.exists(path);
  }

  list(directory: string): string[] {
    this.power.require();
    return this.live.list(directory);
  }

  open(path: string, mode: OpenMode): FileHandle {
    if (mode !== 'create') {
      this.power.require();
      const handle = this.live.open(path, mode);
      return new CrashHandle(handle, this.tracked(this.live.fileAt(path)!), this.power);
    }
    const cut = this.power.strikes();
    const handle = this.live.open(path, 'create');
    const file = this.tracked(this.live.fileAt(path)!);
    this.recordEntry(path, file);
    if (cut) throw new PowerCut(`creating ${path}`);
    return new CrashHandle(handle, file, this.power);
  }

  remove(path: string): void {
    const cut = this.power.strikes();
    this.live.remove(path);
    this.recordEntry(path, undefined);
    if (cut) throw new PowerCut(`removing ${path}`);
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path);
  }

  rename(from: string, to: string): void {
    const cut = this.power.strikes();
    const moved = this.live.fileAt(from);
    const isNoOp = moved !== undefined && moved === this.live.fileAt(to);
    this.live.rename(from, to);
    if (!isNoOp) this.recordRename(from, to, this.tracked(moved!));
    if (cut) throw new PowerCut(`renaming ${from}`);
  }

  link(existing: string, path: string): void {
    const cut = this.power.strikes();
    this.live.link(existing, path);
    this.recordEntry(path, this.tracked(this.live.fileAt(path)!));
    if (cut) throw new PowerCut(`linking ${path}`);
  }

  syncDirectory(path: string): void {
    const cut = this.power.strikes();
    this.live.syncDirectory(path);
    const directory = this.directories.get(normalizePath(path))!;
    const mark = directory.beginSync();
    if (cut) throw new PowerCut(`syncing ${path}`);
    directory.endSync(mark);
  }

  freeBytes(directory: string): number | undefined {
    this.power.require();
    return this.live.freeBytes(directory);
  }

  async lock(path: string): Promise<FsLock> {
    this.power.require();
    return this.live.lock(path);
  }

  assertHeld(path: string, token: string): void {
    this.power.require();
    this.live.assertHeld(path, token);
  }

  private recordEntry(path: string, file: CrashFile | undefined): void {
    const { parent, name } = splitPath(path);
    this.directories.get(parent)!.record([[name, file]]);
  }

  private recordRename(from: string, to: string, file: CrashFile): void {
    const source = splitPath(from);
    const target = splitPath(to);
    if (source.parent === target.parent) {
      const names = [[source.name, undefined] as const, [target.name, file] as const];
      this.directories.get(source.parent)!.record(names);
    } else {
      this.recordEntry(to, file);
      this.recordEntry(from, undefined);
    }
  }

  /**
   * The record of a file.
   * @param durable what is on stable storage of a file that has no record yet; copied
   */
  private tracked(file: MemoryFile, durable: MemoryFile = NOTHING): CrashFile {
    let record = this.files.get(file);
    if (record === undefined) {
      record = new CrashFile(durable.copy());
      this.files.set(file, record);
    }
    return record;
  }
}

const NOTHING = new MemoryFile();

/** Counts the mutating operations of one disk and fails them from a chosen one on. */
class Power {
  operations: number;
  /** The value of `operations` at which the power goes; never reached when 0. */
  cutAt: number;
  isOff: boolean;

  constructor() {
    this.operations = 0;
    this.cutAt = 0;
    this.isOff = false;
  }

  /** Counts an operation. True when the power goes in the middle of it. */
  strikes(): boolean {
    this.require();
    this.operations++;
    this.isOff = this.operations === this.cutAt;
    return this.isOff;
  }

  require(): void {
    if (this.isOff) throw new PowerCut('later operation');
  }
}

class CrashHandle implements FileHandle {
  readonly path: string;
  private readonly inner: FileHandle;
  private readonly file: CrashFile;
  private readonly power: Power;

  constructor(inner: FileHandle, file: CrashFile, power: Power) {
    this.path = inner.path;
    this.inner = inner;
    this.file = file;
    this.power = power;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    this.power.require();
    return this.inner.read(buf, off, length, position);
  }

  write(buf: Uint8Array, off: number, length: number, position: number): void {
    const cut = this.power.strikes();
    try {
      this.inner.write(buf, off, length, position);
    } catch (error) {
      if (isVarveError(error, 'NOSPACE')) {
        const written = Math.max(0, this.inner.size() - position);
        this.file.recordWrite(buf, off, Math.min(written, length), position);
      }
      throw error;
    }
    this.file.recordWrite(buf, off, length, position);
    if (cut) throw new PowerCut(`writing ${this.path}`);
  }

  size(): number {
    this.power.require();
    return this.inner.size();
  }

  linkCount(): number {
    this.power.require();
    return this.inner.linkCount();
  }

  truncate(size: number): void {
    const cut = this.power.strikes();
    this.inner.truncate(size);
    this.file.recordTruncate(size);
    if (cut) throw new PowerCut(`truncating ${this.path}`);
  }

  sync(): void {
    const mark = this.beginSync();
    this.file.endSync(mark);
  }

  /** Durable when the promise resolves, a few turns later; the power may go in between. */
  async syncAsync(): Promise<void> {
    const mark = this.beginSync();
    await Promise.resolve();
    this.power.require();
    this.file.endSync(mark);
  }

  close(): void {
    this.inner.close();
  }

  private beginSync(): number {
    const cut = this.power.strikes();
    this.inner.sync();
    const mark = this.file.beginSync();
    if (cut) throw new PowerCut(`syncing ${this.path}`);
    return mark;
  }
}
