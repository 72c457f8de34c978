/**
 * The files of a mount as the browser has them: containers with opaque names, all of them open.
 *
 * To create and to open a file are asynchronous in a browser, so a synchronous engine can do
 * neither. Containers are made in advance, and kept open. A container holds one file of ours as
 * long as there are fewer of them than may be open. After that, files share containers: one stands
 * behind the other, and only the last one grows in place.
 *
 * What a removed file leaves is not used again until the map without it is durable: after a power
 * loss the file may be back.
 * @module
 */
import { VarveError } from '../errors.ts';
import type { Place } from './opfs-map.ts';
import { opfsError, type SyncAccess } from './opfs-platform.ts';

const RELOCATION_BYTES = 0x4_0000;

/** Where a file of ours stands, or where one stood. */
export class Extent {
  readonly container: Container;
  /** Where it begins in the container, in bytes. */
  readonly start: number;
  /** Size in bytes. */
  size: number;
  /** Whether it goes to the end of the container, and grows in place. */
  isOpenEnded: boolean;
  /** Of the file; undefined once it is removed, or stands elsewhere. */
  path: string | undefined;
  /** Handles through which somebody may write. */
  writerCount: number;
  /** When it has grown last, in growths of all files. */
  grownAt: number;

  constructor(container: Container, start: number, path: string) {
    this.container = container;
    this.start = start;
    this.size = 0;
    this.isOpenEnded = true;
    this.path = path;
    this.writerCount = 0;
    this.grownAt = 0;
  }
}

/** A file of the browser. */
export class Container {
  readonly number: number;
  readonly access: SyncAccess;
  /** By their starts. Without any it is free. */
  readonly extents: Extent[];
  /** A power loss may bring back what was cut off behind the last extent. */
  isCut: boolean;
  /** The map has a file at its end that nobody has: no other one begins there. */
  isStuck: boolean;

  /** @param access taken: it stays open as long as the mount */
  constructor(number: number, access: SyncAccess) {
    this.number = number;
    this.access = access;
    this.extents = [];
    this.isCut = false;
    this.isStuck = false;
  }

  get last(): Extent | undefined {
    return this.extents.at(-1);
  }

  /** Behind the last extent, in bytes. */
  get end(): number {
    const { last } = this;
    return last === undefined ? 0 : last.start + last.size;
  }
}

const CONTAINER_NAME = /^c([0-9]{8,16})$/;

/** The order of files in their containers; empty ones before what begins at the same place. */
export function comparePlaces(a: Place, b: Place): number {
  const end = ({ start, length }: Place) => start + (length ?? Number.POSITIVE_INFINITY);
  if (a.container !== b.container) return a.container - b.container;
  if (a.start !== b.start) return a.start - b.start;
  return end(a) === end(b) ? 0 : end(a) - end(b);
}

/** Name of the file of a container. */
export function containerName(number: number): string {
  return `c${String(number).padStart(8, '0')}`;
}

/** The number in a name; undefined for what is no container. */
export function containerNumber(name: string): number | undefined {
  const digits = CONTAINER_NAME.exec(name)?.[1];
  const number = digits === undefined ? Number.NaN : Number(digits);
  return Number.isSafeInteger(number) && containerName(number) === name ? number : undefined;
}

/** All containers of a mount. */
export class Containers {
  readonly all: Map<number, Container>;
  /** Empty, for new files. */
  readonly ready: Container[];
  /** Extents that nobody needs, but which the durable map may still name. */
  #dropped: Extent[];

  constructor() {
    this.all = new Map();
    this.ready = [];
    this.#dropped = [];
  }

  /** @param access of a file in which is nothing that anybody needs; taken */
  addReady(number: number, access: SyncAccess, path: string): void {
    const container = new Container(number, access);
    cut(container, path);
    this.all.set(number, container);
    this.ready.push(container);
  }

  /** True if some container waits for the map to be durable. */
  get hasDropped(): boolean {
    return this.#dropped.length > 0;
  }

  /**
   * Attaches a file that the map names, when the mount is made: those of a container in the order
   * in which they stand.
   * @param access of its container; taken with the first file
   * @returns undefined when the place cannot be: another file is in it
   */
  attach(path: string, place: Place, access: SyncAccess): Extent | undefined {
    const { container: number, start, length } = place;
    const container = this.all.get(number) ?? new Container(number, access);
    this.all.set(number, container);
    const extent = new Extent(container, start, path);
    const isOpenEnded = length === undefined;
    const size = length ?? Math.max(0, container.access.getSize() - start);
    extent.isOpenEnded = isOpenEnded;
    extent.size = size;
    const { last } = container;
    const isTaken = last !== undefined && (last.isOpenEnded || container.end > start);
    if (isTaken) return undefined;
    container.extents.push(extent);
    return extent;
  }

  /**
   * A container for one more file: the shortest whose last file nobody writes, else that whose last
   * file has not grown for the longest time. Should it grow, it will have to move.
   */
  shared(): Container | undefined {
    let best: Container | undefined;
    let bestAt = 0;
    for (const container of this.all.values()) {
      const { last } = container;
      if (last === undefined || container.isStuck) continue;
      const at = last.writerCount === 0 ? 0 : last.grownAt;
      const isBetter = best === undefined || at < bestAt;
      if (!isBetter && (at !== bestAt || container.end >= best!.end)) continue;
      best = container;
      bestAt = at;
    }
    return best;
  }

  /** Nobody reads the extent any more, and no path leads to it. */
  drop(extent: Extent): void {
    this.#dropped.push(extent);
  }

  /** Lets the places of dropped files be used again. Only when the map is durable. */
  reclaim(path: string): void {
    const dropped = this.#dropped;
    this.#dropped = [];
    for (const extent of dropped) {
      const { container } = extent;
      const wasLast = container.last === extent;
      container.extents.splice(container.extents.indexOf(extent), 1);
      if (wasLast) cut(container, path);
      if (container.extents.length === 0) this.ready.push(container);
    }
  }
}

/** Takes away what stands behind the last extent. @throws VarveError `IO` naming `path` */
function cut(container: Container, path: string): void {
  const { access, end } = container;
  try {
    if (access.getSize() <= end) return;
  } catch (cause) {
    throw opfsError(cause, 'look at', path);
  }
  truncate(container, end, path);
  container.isCut = true;
}

/**
 * Makes sure that nothing stands behind the last extent, also after a power loss: it would be taken
 * for the content of the file that begins there.
 * @throws VarveError `NOSPACE`, `IO` naming `path`
 */
export function clearEnd(container: Container, path: string): void {
  cut(container, path);
  if (container.isCut) flush(container, path);
  container.isCut = false;
}

/** Cuts or extends a container. @throws VarveError `NOSPACE`, `IO` naming `path` */
export function truncate(container: Container, size: number, path: string): void {
  try {
    container.access.truncate(size);
  } catch (cause) {
    throw opfsError(cause, 'change the size of', path);
  }
}

/** Copies a file to an empty extent, and makes the copy durable. */
export function copyExtent(from: Extent, to: Extent, path: string): void {
  const buf = new Uint8Array(Math.min(RELOCATION_BYTES, from.size));
  for (let at = 0; at < from.size; at += buf.length) {
    const part = buf.subarray(0, Math.min(buf.length, from.size - at));
    if (readAll(from.container, part, from.start + at, path) !== part.length) {
      throw new VarveError('IO', `${path} became shorter`, { file: path });
    }
    writeAll(to.container, part, to.start + at, path);
  }
  to.size = from.size;
  flush(to.container, path);
}

/** Reads into all of `buf` as far as the container goes. @throws VarveError `IO` naming `path` */
export function readAll(container: Container, buf: Uint8Array, at: number, path: string): number {
  try {
    return container.access.read(buf, { at });
  } catch (cause) {
    throw opfsError(cause, 'read', path);
  }
}

/** Writes all of `buf`. @throws VarveError `NOSPACE`, `IO` naming `path` */
export function writeAll(container: Container, buf: Uint8Array, at: number, path: string): void {
  let written: number;
  try {
    written = container.access.write(buf, { at });
  } catch (cause) {
    throw opfsError(cause, 'write', path);
  }
  if (written === buf.length) return;
  throw new VarveError('NOSPACE', `no space to write ${path}`, { file: path });
}

/** Makes a container durable. @throws VarveError `NOSPACE`, `IO` naming `path` */
export function flush(container: Container, path: string): void {
  try {
    container.access.flush();
  } catch (cause) {
    throw opfsError(cause, 'flush', path);
  }
}
