/**
 * A capture: the files that make a whole database as of one moment, held so that they can be read
 * however the database goes on. It is what the directory would hold had the process been killed at
 * that moment, and so can be opened: CURRENT, the manifest and logs up to where they reached, and
 * every table that the manifest names. Nothing of it is decrypted.
 * @module
 */
import { closeFile, type FileHandle, type Fs, type ReadableFile, sizeOf } from '../fs/port.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { KeptFile } from '../tables/kept-file.ts';

/** What a file of a capture is; the lock is none of them. */
export type CapturedKind = 'table' | 'wal' | 'manifest' | 'current';

/** An XXH64, seed 0, as two unsigned 32-bit halves. */
export type FileDigest = Pick<TableMeta, 'checksumLow' | 'checksumHigh'>;

/** One file of a capture. */
export interface CapturedFile {
  /** In the directory of the database. */
  readonly name: string;
  readonly kind: CapturedKind;
  /** So many of its bytes count: what stands behind them is of a later moment. */
  readonly sizeBytes: number;
  /** Of the whole file, where the manifest says it. */
  readonly digest: FileDigest | undefined;
  /** Path of a file that is never written again, of which a second name will do for a copy. */
  readonly linkPath: string | undefined;
  /** Any thread of the process can open it by its name, for as long as the capture is held. */
  readonly isNamed: boolean;
  /** Opens it; the caller closes what it returns. @throws VarveError of the `Fs`; `CLOSED` */
  open(): ReadableFile;
}

/** See the module head. */
export interface Capture {
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** The newest write in it; undefined where a key would be needed to know. */
  readonly seqno: number | undefined;
  /** CURRENT is the last one: a copy without it is no database. */
  readonly files: readonly CapturedFile[];
  /** Gives the files up. Releasing twice is allowed. */
  release(): void;
}

/** Bytes of all files of a capture. */
export function captureBytes({ files }: Capture): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** What is written to in place, or may be gone from its directory. */
const UNNAMED = { digest: undefined, linkPath: undefined, isNamed: false } as const;

/** A file whose bytes are in memory. */
export class BytesFile implements ReadableFile {
  readonly path: string;
  readonly #bytes: Uint8Array;

  /** @param bytes kept, and never changed */
  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    this.#bytes = bytes;
  }

  read(buf: Uint8Array, off: number, length: number, position: number): number {
    const part = this.#bytes.subarray(position, position + length);
    buf.set(part, off);
    return part.length;
  }

  size(): number {
    return this.#bytes.length;
  }

  close(): void {}
}

/** Gathers the files of a capture. */
export class CaptureBuilder {
  readonly #fs: Fs;
  readonly #files: CapturedFile[];
  #held: FileHandle[];

  constructor(fs: Fs) {
    this.#fs = fs;
    this.#files = [];
    this.#held = [];
  }

  get files(): readonly CapturedFile[] {
    return this.#files;
  }

  /** Adds a file that is read by its opener when its turn comes. */
  add(file: CapturedFile): void {
    this.#files.push(file);
  }

  /** Adds a file whose bytes are known; keeps them. */
  addBytes(kind: CapturedKind, name: string, path: string, bytes: Uint8Array): void {
    const open = () => new BytesFile(path, bytes);
    const { length: sizeBytes } = bytes;
    this.add({ name, kind, sizeBytes, ...UNNAMED, open });
  }

  /**
   * Opens a file and holds it: whoever removes it does not take it away.
   * @param sizeBytes all that there is of it now, if absent
   * @throws VarveError of the `Fs`
   */
  hold(kind: CapturedKind, name: string, path: string, sizeBytes?: number): void {
    this.#fs.handles?.makeRoom();
    const file = this.#fs.open(path, 'read');
    this.#held.push(file);
    const size = sizeBytes ?? sizeOf(file);
    const kept = new KeptFile(file);
    const open = () => kept;
    this.add({ name, kind, sizeBytes: size, ...UNNAMED, open });
  }

  /** Lets so many bytes of a file count that was added. */
  limit(name: string, sizeBytes: number): void {
    const at = this.#files.findIndex((file) => file.name === name);
    const file = this.#files[at];
    if (file !== undefined) this.#files[at] = { ...file, sizeBytes };
  }

  /** The capture of what was added, which releases it. */
  build(facts: Pick<Capture, 'databaseId' | 'seqno'>, onRelease: () => void): Capture {
    const files = [...this.#files].sort((a, b) => rank(a) - rank(b));
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      this.release();
      onRelease();
    };
    return { ...facts, files, release };
  }

  /** Closes what is held. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const file of held) closeFile(file);
  }
}

function rank({ kind }: CapturedFile): number {
  return kind === 'current' ? 1 : 0;
}
