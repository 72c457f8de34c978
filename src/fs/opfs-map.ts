/**
 * The name map of a mount: which path stands where, and which directories there are.
 *
 * A browser promises neither that names are durable nor that a rename is atomic. So names are
 * content: two files, MAP-A and MAP-B, hold the same journal of edits. A file:
 *
 *     offset  size  meaning
 *     0       8     "VARVEMAP"
 *     8       8     generation
 *     16      4     check: hash32 of bytes 0 to 15
 *     20      4     0
 *     24      ...   records, back to back
 *
 * A record:
 *
 *     0       4     payload length n, at least 1; 0 ends the journal
 *     4       4     check: hash32 of generation (8), position in the file (8), payload
 *     8       4     hash32 of the same, with all bits of the generation inverted
 *     12      n     edits, one after the other: they take effect together
 *
 * An edit is a kind (1 byte) and its fields; numbers are varints, a path is a varint length and
 * UTF-8:
 *
 *     1 directory   path
 *     2 place       path, container, start: the file is there, whatever the path was before
 *     3 length      path, length + 1, or 0: where the container goes on behind the file, its size
 *     4 remove      path
 *     5 rename      path, new path
 *
 * Integers are little-endian. The first record of a generation says everything; a later one says
 * what has changed. A new generation is written over one file and flushed, then over the other, so
 * one of them is whole at any time. What stands behind the last record of a generation is of an
 * earlier one, and its checks do not fit. Room is kept behind it, so that a file can be removed
 * when the quota is full.
 *
 * Records survive the death of the process when `append` returns, and power loss when `flush`
 * returns. Two files lose the same bytes only if both are damaged.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { readU32, readU64, U64_TOO_LARGE, writeU32, writeU64 } from '../bytes/fixed.ts';
import { hash32 } from '../bytes/hash32.ts';
import { VarintReader } from '../bytes/varint.ts';
import { VarveError } from '../errors.ts';
import { opfsError, type SyncAccess } from './opfs-platform.ts';

const HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 12;
const CONTEXT_BYTES = 16;
const MAGIC = [0x56, 0x41, 0x52, 0x56, 0x45, 0x4d, 0x41, 0x50];

const EDIT_DIRECTORY = 1;
const EDIT_PLACE = 2;
const EDIT_LENGTH = 3;
const EDIT_REMOVE = 4;
const EDIT_RENAME = 5;

/** A journal that is longer than this, and than four times its first record, begins anew. */
const RESTART_BYTES_MIN = 0x1_0000;
/** The files grow by this much at a time, so that edits find room when the quota is full. */
const ROOM_BYTES = 0x1_0000;
/** No journal of ours comes near it. */
const FILE_BYTES_MAX = 0x400_0000;

/** Where a file stands. */
export interface Place {
  /** Number of the container. */
  readonly container: number;
  /** Where in it the file begins, in bytes. */
  readonly start: number;
  /** Its size in bytes; undefined while it goes to the end of the container. */
  readonly length: number | undefined;
}

/** One change of the map. */
export type MapEdit =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'place';
      readonly path: string;
      readonly container: number;
      readonly start: number;
    }
  | { readonly kind: 'length'; readonly path: string; readonly length: number | undefined }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string };

/** The map at one moment. */
export class NameMap {
  readonly directories: Set<string>;
  readonly files: Map<string, Place>;

  constructor() {
    this.directories = new Set();
    this.files = new Map();
  }

  /** @returns false for an edit that does not fit the map, which is then as before */
  apply(edit: MapEdit): boolean {
    const { files } = this;
    const place = files.get(edit.path);
    if (edit.kind === 'directory') {
      this.directories.add(edit.path);
    } else if (edit.kind === 'place') {
      files.set(edit.path, { container: edit.container, start: edit.start, length: undefined });
    } else if (place === undefined) {
      return false;
    } else if (edit.kind === 'length') {
      files.set(edit.path, { ...place, length: edit.length });
    } else {
      files.delete(edit.path);
      if (edit.kind === 'rename') files.set(edit.to, place);
    }
    return true;
  }

  /** Edits that make this map of an empty one. */
  *edits(): Generator<MapEdit> {
    for (const path of this.directories) yield { kind: 'directory', path };
    for (const [path, { container, start, length }] of this.files) {
      yield { kind: 'place', path, container, start };
      if (length !== undefined) yield { kind: 'length', path, length };
    }
  }
}

/** What one of the files holds. */
interface Journal {
  readonly generation: number;
  readonly map: NameMap;
  readonly recordCount: number;
}

/** The journal of a mount in its two files. */
export class MapJournal {
  readonly map: NameMap;
  readonly #files: readonly [SyncAccess, SyncAccess];
  readonly #path: string;
  #generation: number;
  /** Where the next record goes. */
  #end: number;
  #firstRecordBytes: number;
  #isFlushed: boolean;
  /** The files may be of different generations: no edit goes to either before a new one. */
  #mustBegin: boolean;

  /**
   * Opens the journal, or begins one in empty files. Either way a generation begins: behind the
   * last record may stand later ones whose forerunners a power loss has taken.
   * @param files stay the caller's
   * @param path of the mount, for messages
   * @param mayBegin whether there is nothing that an earlier map may have named
   * @throws VarveError `CORRUPTION` when neither file has a map though there should be one;
   * `NOSPACE`, `IO`
   */
  static open(
    files: readonly [SyncAccess, SyncAccess],
    path: string,
    mayBegin: boolean,
  ): MapJournal {
    const [a, b] = files.map((file) => readJournal(file, path));
    const best = isBetter(b, a) ? b : a;
    if (best === undefined && !mayBegin) {
      const what = 'both copies of the name map (MAP-A, MAP-B) are missing or damaged';
      throw new VarveError('CORRUPTION', `${what} (${path})`, { file: path });
    }
    const journal = new MapJournal(files, path, best);
    journal.#begin(best === a ? 1 : 0);
    return journal;
  }

  private constructor(
    files: readonly [SyncAccess, SyncAccess],
    path: string,
    journal: Journal | undefined,
  ) {
    this.map = journal?.map ?? new NameMap();
    this.#files = files;
    this.#path = path;
    this.#generation = journal?.generation ?? 0;
    this.#end = HEADER_BYTES;
    this.#firstRecordBytes = 0;
    this.#isFlushed = true;
    this.#mustBegin = true;
  }

  /** True if everything that was appended is durable. */
  get isFlushed(): boolean {
    return this.#isFlushed;
  }

  /**
   * Writes edits that take effect together, and applies them to the map.
   * @throws VarveError `NOSPACE`, `IO`; the map is as before then
   */
  append(edits: readonly MapEdit[]): void {
    const isLong = this.#end > Math.max(RESTART_BYTES_MIN, 4 * this.#firstRecordBytes);
    if (isLong || this.#mustBegin) this.#begin(0);
    const record = encodeRecord(edits, this.#generation, this.#end);
    for (const file of this.#files) this.#keepRoom(file, this.#end + record.length);
    this.#isFlushed = false;
    try {
      for (const file of this.#files) this.#write(file, record, this.#end);
    } catch (error) {
      this.#withdraw();
      throw error;
    }
    this.#end += record.length;
    for (const edit of edits) this.map.apply(edit);
  }

  /** What is in one file only would count at the next mount, though it was told to have failed. */
  #withdraw(): void {
    this.#mustBegin = true;
    for (const file of this.#files) {
      try {
        file.write(new Uint8Array(RECORD_HEADER_BYTES), { at: this.#end });
        file.flush();
      } catch {
        // The next edit begins a generation, which leaves it behind.
      }
    }
  }

  /** Makes everything durable that was appended. @throws VarveError `NOSPACE`, `IO` */
  flush(): void {
    if (this.#isFlushed) return;
    for (const file of this.#files) this.#flushFile(file);
    this.#isFlushed = true;
  }

  /**
   * Begins a generation in both files.
   * @param first the file that is written first: the one that is needed less
   */
  #begin(first: number): void {
    this.#mustBegin = true;
    this.#generation++;
    const header = new Uint8Array(HEADER_BYTES);
    header.set(MAGIC);
    writeU64(header, 8, this.#generation);
    writeU32(header, 16, hash32(header, 0, 16));
    const record = encodeRecord([...this.map.edits()], this.#generation, HEADER_BYTES);
    for (const index of [first, 1 - first]) {
      const file = this.#files[index]!;
      this.#keepRoom(file, HEADER_BYTES + record.length);
      this.#write(file, header, 0);
      this.#write(file, record, HEADER_BYTES);
      this.#flushFile(file);
    }
    this.#isFlushed = true;
    this.#mustBegin = false;
    this.#firstRecordBytes = record.length;
    this.#end = HEADER_BYTES + record.length;
  }

  #keepRoom(file: SyncAccess, needed: number): void {
    try {
      if (file.getSize() < needed) file.truncate(needed + ROOM_BYTES);
    } catch (cause) {
      throw opfsError(cause, 'extend the name map of', this.#path);
    }
  }

  #write(file: SyncAccess, bytes: Uint8Array, at: number): void {
    let written: number;
    try {
      written = file.write(bytes, { at });
    } catch (cause) {
      throw opfsError(cause, 'write the name map of', this.#path);
    }
    if (written === bytes.length) return;
    const message = `no space to write the name map of ${this.#path}`;
    throw new VarveError('NOSPACE', message, { file: this.#path });
  }

  #flushFile(file: SyncAccess): void {
    try {
      file.flush();
    } catch (cause) {
      throw opfsError(cause, 'flush the name map of', this.#path);
    }
  }
}

/** The one that knows more counts. */
function isBetter(other: Journal | undefined, than: Journal | undefined): boolean {
  if (other === undefined || than === undefined) return than === undefined;
  if (other.generation !== than.generation) return other.generation > than.generation;
  return other.recordCount > than.recordCount;
}

function encodeRecord(edits: readonly MapEdit[], generation: number, position: number): Uint8Array {
  const out = new ByteWriter(256);
  out.reset(RECORD_HEADER_BYTES);
  // An empty map is told as well.
  if (edits.length === 0) out.u8(0);
  for (const edit of edits) encodeEdit(out, edit);
  const record = out.buf.slice(0, out.length);
  const payload = record.subarray(RECORD_HEADER_BYTES);
  writeU32(record, 0, payload.length);
  const [first, second] = checksOf(payload, generation, position);
  writeU32(record, 4, first);
  writeU32(record, 8, second);
  return record;
}

function encodeEdit(out: ByteWriter, edit: MapEdit): void {
  out.u8(kindOf(edit));
  encodePath(out, edit.path);
  if (edit.kind === 'place') {
    out.varint(edit.container);
    out.varint(edit.start);
  } else if (edit.kind === 'length') {
    out.varint(edit.length === undefined ? 0 : edit.length + 1);
  } else if (edit.kind === 'rename') {
    encodePath(out, edit.to);
  }
}

function kindOf({ kind }: MapEdit): number {
  if (kind === 'directory') return EDIT_DIRECTORY;
  if (kind === 'place') return EDIT_PLACE;
  if (kind === 'length') return EDIT_LENGTH;
  return kind === 'remove' ? EDIT_REMOVE : EDIT_RENAME;
}

function encodePath(out: ByteWriter, path: string): void {
  const bytes = new TextEncoder().encode(path);
  out.lengthPrefixed(bytes, 0, bytes.length);
}

function checksOf(payload: Uint8Array, generation: number, position: number): [number, number] {
  const hashed = new Uint8Array(CONTEXT_BYTES + payload.length);
  writeU64(hashed, 0, generation);
  writeU64(hashed, 8, position);
  hashed.set(payload, CONTEXT_BYTES);
  const first = hash32(hashed, 0, hashed.length);
  for (let i = 0; i < 8; i++) hashed[i] = ~hashed[i]! & 0xff;
  return [first, hash32(hashed, 0, hashed.length)];
}

/** What a file holds; undefined when its header or its first record is none. */
function readJournal(file: SyncAccess, path: string): Journal | undefined {
  let buf: Uint8Array;
  try {
    const sizeBytes = file.getSize();
    if (sizeBytes > FILE_BYTES_MAX) return undefined;
    buf = new Uint8Array(sizeBytes);
    buf = buf.subarray(0, file.read(buf, { at: 0 }));
  } catch (cause) {
    throw opfsError(cause, 'read the name map of', path);
  }
  if (buf.length < HEADER_BYTES || MAGIC.some((byte, i) => buf[i] !== byte)) return undefined;
  const generation = readU64(buf, 8);
  if (generation === U64_TOO_LARGE || readU32(buf, 16) !== hash32(buf, 0, 16)) return undefined;
  const map = new NameMap();
  let end = HEADER_BYTES;
  let recordCount = 0;
  for (;;) {
    const edits = decodeRecord(buf, end, generation);
    if (edits === undefined) break;
    for (const edit of edits) map.apply(edit);
    end += RECORD_HEADER_BYTES + readU32(buf, end);
    recordCount++;
  }
  return recordCount === 0 ? undefined : { generation, map, recordCount };
}

/** The edits of the record at `off`; undefined when there is none. */
function decodeRecord(buf: Uint8Array, off: number, generation: number): MapEdit[] | undefined {
  if (buf.length - off < RECORD_HEADER_BYTES) return undefined;
  const length = readU32(buf, off);
  const start = off + RECORD_HEADER_BYTES;
  if (length === 0 || length > buf.length - start) return undefined;
  const payload = buf.subarray(start, start + length);
  const [first, second] = checksOf(payload, generation, off);
  if (readU32(buf, off + 4) !== first || readU32(buf, off + 8) !== second) return undefined;
  return decodeEdits(payload);
}

function decodeEdits(payload: Uint8Array): MapEdit[] | undefined {
  const edits: MapEdit[] = [];
  if (payload.length === 1 && payload[0] === 0) return edits;
  const reader = new VarintReader(payload, 0, payload.length);
  while (reader.off < reader.end) {
    const edit = decodeEdit(payload, reader);
    if (edit === undefined || reader.failed) return undefined;
    edits.push(edit);
  }
  return edits;
}

function decodeEdit(payload: Uint8Array, reader: VarintReader): MapEdit | undefined {
  const kind = payload[reader.off++];
  const path = decodePath(payload, reader);
  if (kind === EDIT_DIRECTORY) return { kind: 'directory', path };
  if (kind === EDIT_REMOVE) return { kind: 'remove', path };
  if (kind === EDIT_RENAME) return { kind: 'rename', path, to: decodePath(payload, reader) };
  if (kind === EDIT_PLACE) {
    return { kind: 'place', path, container: reader.next(), start: reader.next() };
  }
  if (kind !== EDIT_LENGTH) return undefined;
  const length = reader.next();
  return { kind: 'length', path, length: length === 0 ? undefined : length - 1 };
}

function decodePath(payload: Uint8Array, reader: VarintReader): string {
  const length = reader.next();
  if (length > reader.end - reader.off) {
    reader.failed = true;
    return '';
  }
  const path = new TextDecoder().decode(payload.subarray(reader.off, reader.off + length));
  reader.off += length;
  return path;
}
