/**
 * A mounted directory of OPFS: its name map, its containers, and what is made and asked for while
 * the thread is idle.
 * @module
 */
import { VarveError } from '../errors.ts';
import {
  type Container,
  Containers,
  clearEnd,
  comparePlaces,
  containerName,
  containerNumber,
  copyExtent,
  Extent,
} from './opfs-containers.ts';
import { type MapEdit, MapJournal } from './opfs-map.ts';
import {
  isMissing,
  type OpfsDirectory,
  type OpfsPlatform,
  opfsError,
  type SyncAccess,
} from './opfs-platform.ts';

export const MAP_NAMES = ['MAP-A', 'MAP-B'] as const;
/** Empty containers that are kept: a turn without awaiting can create so many files unshared. */
const READY_COUNT = 16;
/** With so many a new mount begins; making one takes some milliseconds. */
const FIRST_READY_COUNT = 4;
/** The files of a tab that has just died may be open a little longer. */
const OPEN_PATIENCE_MS = 3000;
const OPEN_PAUSE_MS = 50;
/** What files may grow by before the browser is asked again how much room there is. */
const ESTIMATE_GROWTH_BYTES = 0x400_0000;

/** A file of ours, named or still open. */
export class StoredFile {
  extent: Extent;
  handleCount: number;
  /** Its size stands in the map, and has changed there since its last sync. */
  isMapAhead: boolean;

  constructor(extent: Extent) {
    this.extent = extent;
    this.handleCount = 0;
    this.isMapAhead = false;
  }
}

/** What a mount has of the browser: the map, the containers, and those that are being made. */
export class Mount {
  readonly path: string;
  readonly containers: Containers;
  readonly files: Map<string, StoredFile>;
  /** Paths whose content the browser has lost. */
  readonly lostPaths: string[];
  readonly #platform: OpfsPlatform;
  readonly #containersMax: number;
  readonly #patienceMs: number;
  readonly #release: () => void;
  readonly #mapFiles: SyncAccess[];
  /** Chromium never answers for a file that the garbage collector takes while it is opened. */
  readonly #opening: Set<unknown>;
  #directory: OpfsDirectory | undefined;
  #journal: MapJournal | undefined;
  #nextNumber: number;
  #refilling: Promise<void> | undefined;
  #freeBytes: number | undefined;
  #grownBytes: number;
  #growthCount: number;
  isClosed: boolean;

  constructor(
    platform: OpfsPlatform,
    path: string,
    handlesMax: number,
    waitMs: number,
    release: () => void,
  ) {
    this.path = path;
    this.containers = new Containers();
    this.files = new Map();
    this.lostPaths = [];
    this.#platform = platform;
    this.#containersMax = handlesMax - MAP_NAMES.length;
    this.#patienceMs = Math.max(waitMs, OPEN_PATIENCE_MS);
    this.#release = release;
    this.#mapFiles = [];
    this.#opening = new Set();
    this.#directory = undefined;
    this.#journal = undefined;
    this.#nextNumber = 1;
    this.#refilling = undefined;
    this.#freeBytes = undefined;
    this.#grownBytes = 0;
    this.#growthCount = 0;
    this.isClosed = false;
  }

  get journal(): MapJournal {
    if (this.isClosed) throw new VarveError('CLOSED', `${this.path} was unmounted`);
    return this.#journal!;
  }

  async open(): Promise<void> {
    let directory = this.#platform.root;
    for (const name of this.path.split('/')) {
      directory = await directory.getDirectoryHandle(name, { create: true });
    }
    this.#directory = directory;
    // Who has these has the mount: whoever had it before makes no more containers, so the list of
    // them, which comes after, is whole.
    for (const name of MAP_NAMES) this.#mapFiles.push(await this.#openFile(name));
    const numbers: number[] = [];
    for await (const name of directory.keys()) {
      const number = containerNumber(name);
      if (number !== undefined) numbers.push(number);
    }
    this.#nextNumber = Math.max(0, ...numbers) + 1;
    const accesses = new Map<number, SyncAccess>();
    try {
      await Promise.all(
        numbers.map(async (number) => {
          accesses.set(number, await this.#openFile(containerName(number)));
        }),
      );
      this.#attach(accesses);
    } finally {
      for (const access of accesses.values()) access.close();
    }
    await this.#estimate();
    await this.#refill(FIRST_READY_COUNT);
    this.refillSoon();
  }

  /** Lets the browser have everything; waits for what is being made. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.#refilling?.catch(() => {});
    for (const { access } of this.containers.all.values()) access.close();
    for (const access of this.#mapFiles) access.close();
    this.#release();
  }

  /** @param accesses of all containers that are there; those that are used are taken out */
  #attach(accesses: Map<number, SyncAccess>): void {
    const isEmpty = [...accesses.values()].every((access) => access.getSize() === 0);
    const [a, b] = this.#mapFiles as [SyncAccess, SyncAccess];
    const journal = MapJournal.open([a, b], this.path, isEmpty);
    this.#journal = journal;
    const { containers } = this;
    const used = new Set<number>();
    const places = [...journal.map.files].sort(([, a], [, b]) => comparePlaces(a, b));
    for (const [path, place] of places) {
      const access = accesses.get(place.container);
      const extent = access && containers.attach(path, place, access);
      if (extent === undefined) {
        this.lostPaths.push(path);
        journal.append([{ kind: 'remove', path }]);
        continue;
      }
      used.add(place.container);
      this.files.set(path, new StoredFile(extent));
    }
    journal.flush();
    for (const number of used) accesses.delete(number);
    for (const [number, access] of accesses) {
      if (containers.ready.length >= READY_COUNT) break;
      containers.addReady(number, access, this.path);
      accesses.delete(number);
    }
  }

  /** Makes the map durable; what it no longer names can be used again. */
  syncMap(): void {
    this.journal.flush();
    this.containers.reclaim(this.path);
  }

  /**
   * A container in which a file can begin, behind its last one.
   * @throws VarveError `HANDLES` when there is none
   */
  choose(path: string): Container {
    const { containers } = this;
    this.refillSoon();
    if (containers.ready.length === 0 && containers.hasDropped) this.syncMap();
    const container = containers.ready.pop() ?? containers.shared();
    if (container !== undefined) {
      clearEnd(container, path);
      return container;
    }
    const what = `no file of the browser is free for ${path}`;
    const message = `${what}; await something, or raise handlesMax`;
    throw new VarveError('HANDLES', message, { file: path });
  }

  /**
   * Puts a file at the end of a container that was chosen for it.
   *
   * Where the map has an edit that could not be made durable, memory has it too: the file before
   * must not grow beyond the length that the map may have for it.
   */
  begin(container: Container, path: string): Extent {
    const { last } = container;
    const extent = new Extent(container, container.end, path);
    const { start } = extent;
    try {
      const place: MapEdit = { kind: 'place', path, container: container.number, start };
      this.journal.append([...this.#endOf(last), place]);
    } catch (error) {
      if (last === undefined) this.containers.ready.push(container);
      throw error;
    }
    container.extents.push(extent);
    if (last === undefined) return extent;
    last.isOpenEnded = false;
    try {
      // Without the edit, what is written here would belong to the file before.
      this.journal.flush();
    } catch (error) {
      this.#unbegin(extent);
      throw error;
    }
    return extent;
  }

  /** Takes back a file that has just begun. */
  #unbegin(extent: Extent): void {
    const path = extent.path!;
    extent.path = undefined;
    try {
      this.journal.append([{ kind: 'remove', path }]);
      this.containers.drop(extent);
    } catch {
      // The map has it there until the next mount, so nothing else may begin there.
      extent.container.isStuck = true;
    }
  }

  /** The edit by which a file ends before the next one in its container, if it is needed. */
  #endOf(last: Extent | undefined): MapEdit[] {
    if (last?.path === undefined || !last.isOpenEnded) return [];
    return [{ kind: 'length', path: last.path, length: last.size }];
  }

  /** Gives a file another place, where it can grow. */
  relocate(file: StoredFile, path: string): void {
    const from = file.extent;
    const container = this.choose(path);
    const to = new Extent(container, container.end, path);
    const { last } = container;
    if (last !== undefined) {
      const end = this.#endOf(last);
      if (end.length > 0) this.journal.append(end);
      last.isOpenEnded = false;
      this.journal.flush();
    }
    container.extents.push(to);
    to.writerCount = from.writerCount;
    try {
      copyExtent(from, to, path);
      if (from.path !== undefined) {
        const place = { container: container.number, start: to.start };
        this.journal.append([{ kind: 'place', path: from.path, ...place }]);
      }
    } catch (error) {
      to.path = undefined;
      to.writerCount = 0;
      this.containers.drop(to);
      throw error;
    }
    to.path = from.path;
    file.extent = to;
    from.path = undefined;
    from.writerCount = 0;
    this.containers.drop(from);
    // Who has synced the file counts on its content.
    if (to.path !== undefined) this.journal.flush();
  }

  /** No path leads to the file any more. */
  unname(file: StoredFile): void {
    file.extent.path = undefined;
    this.dropIfUnused(file);
  }

  dropIfUnused({ extent, handleCount }: StoredFile): void {
    if (extent.path === undefined && handleCount === 0) this.containers.drop(extent);
  }

  /** Makes containers and asks for free space once the thread is idle. */
  refillSoon(): void {
    const { ready } = this.containers;
    const isDue = ready.length < READY_COUNT / 2 || this.#grownBytes > ESTIMATE_GROWTH_BYTES;
    if (!isDue || this.#refilling !== undefined || this.isClosed) return;
    const filled = this.#refill(READY_COUNT).then(() => this.#estimate());
    // Without containers files share one; the next one asks again.
    this.#refilling = filled
      .catch(() => {})
      .finally(() => {
        this.#refilling = undefined;
      });
  }

  async #refill(count: number): Promise<void> {
    const { all, ready } = this.containers;
    for (const container of ready) clearEnd(container, this.path);
    while (!this.isClosed && ready.length < count && all.size < this.#containersMax) {
      const number = this.#nextNumber++;
      const access = await this.#openFile(containerName(number));
      if (this.isClosed) access.close();
      else this.containers.addReady(number, access, this.path);
    }
  }

  noteGrowth(extent: Extent, bytes: number): void {
    if (bytes > 0) extent.grownAt = ++this.#growthCount;
    this.#grownBytes += bytes;
  }

  freeBytes(): number | undefined {
    this.refillSoon();
    const free = this.#freeBytes;
    return free === undefined ? undefined : Math.max(0, free - this.#grownBytes);
  }

  async #estimate(): Promise<void> {
    const before = this.#grownBytes;
    this.#freeBytes = await this.#platform.freeBytes();
    this.#grownBytes -= before;
  }

  async #openFile(name: string): Promise<SyncAccess> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        const file = await this.#directory!.getFileHandle(name, { create: true });
        this.#opening.add(file);
        try {
          return await file.createSyncAccessHandle();
        } finally {
          this.#opening.delete(file);
        }
      } catch (cause) {
        const error = opfsError(cause, 'open', `${this.path}/${name}`);
        const isHopeless = error.code !== 'LOCKED' && !isMissing(cause);
        if (isHopeless || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, OPEN_PAUSE_MS));
      }
    }
  }
}
