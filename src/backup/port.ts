/**
 * Where backups are kept: a place of named byte streams, such as a directory or a bucket of an
 * object store.
 * @module
 */

/** Bytes in pieces. Each piece is lent until the next one is asked for. */
export type Pieces = AsyncIterable<Uint8Array>;

/** A part of an object, in bytes. */
export interface ByteRange {
  /** Where it begins. */
  readonly from: number;
  /** How long it is; less is given only where the object ends. */
  readonly length: number;
}

/**
 * A place of named byte streams. Names are 1 to 100 characters of `[A-Za-z0-9.-]`.
 *
 * Several processes may use one target at a time. What they rely on: `list` and `get` know of every
 * `put` and `delete` that had ended when they were called. A `put` that is cut off may leave
 * anything or nothing under its name. Failures reject, best with a `VarveError` of code `IO` or
 * `NOSPACE`.
 */
export interface BackupTarget {
  /**
   * Stores a stream under a name, in place of what may be there. On stable storage when it
   * resolves. Holds one piece at a time; when `pieces` throws, it ends with that error.
   */
  put(name: string, pieces: Pieces): Promise<void>;
  /** The bytes of an object, or of a part of it; undefined where there is none of that name. */
  get(name: string, range?: ByteRange): Promise<Pieces | undefined>;
  /** Names of all objects, in any order. */
  list(): Promise<string[]>;
  /** Removes an object; one that is not there is no error. */
  delete(name: string): Promise<void>;
}

/** A stream of bytes that are in memory already. */
export async function* bytesAsPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/**
 * All bytes of a short object, fresh; undefined where there is none.
 * @param bytesMax longer ones are not read to the end, and give undefined as well
 */
export async function getBytes(
  target: BackupTarget,
  name: string,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const pieces = await target.get(name);
  if (pieces === undefined) return undefined;
  const copies: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > bytesMax) return undefined;
    copies.push(piece.slice());
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const copy of copies) {
    bytes.set(copy, at);
    at += copy.length;
  }
  return bytes;
}
