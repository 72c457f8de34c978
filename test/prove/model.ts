/**
 * What a database should hold, as plainly as it can be said: for each family a map from key to all
 * versions of its value, so that the content as of any seqno can be asked for.
 *
 * Keys are strings with one character (0 to 255) per byte; their order by `<` is bytewise.
 * @module
 */

/** Bounds of a range, all inclusive or exclusive as their names in `RangeOptions` say. */
export interface ModelRange {
  readonly gte?: string;
  readonly gt?: string;
  readonly lte?: string;
  readonly lt?: string;
  readonly prefix?: string;
}

export type ModelEntry = readonly [key: string, value: Uint8Array];

export interface ModelVersion {
  readonly seqno: number;
  /** Undefined for a delete. */
  readonly value: Uint8Array | undefined;
}

/** One column family with its history. */
export class ModelFamily {
  readonly name: string;
  /** Entries may go by themselves, the oldest first: see forgetful-family.ts. */
  readonly isForgetful: boolean;
  private readonly versions: Map<string, ModelVersion[]>;
  /** All keys that ever had a version, ascending; undefined when it has to be made anew. */
  private sorted: string[] | undefined;

  constructor(name: string, isForgetful = false) {
    this.name = name;
    this.isForgetful = isForgetful;
    this.versions = new Map();
    this.sorted = [];
  }

  /** Adds a version; an undefined value deletes. Keeps `value`. */
  set(key: string, value: Uint8Array | undefined, seqno: number): void {
    const versions = this.versions.get(key);
    if (versions === undefined) {
      this.versions.set(key, [{ seqno, value }]);
      this.sorted = undefined;
    } else {
      versions.push({ seqno, value });
    }
  }

  /** Of the last version; 0 without any. */
  get newestSeqno(): number {
    let newest = 0;
    for (const versions of this.versions.values()) {
      newest = Math.max(newest, versions.at(-1)!.seqno);
    }
    return newest;
  }

  get(key: string, seqno: number): Uint8Array | undefined {
    return this.version(key, seqno)?.value;
  }

  /** What is wrong with what was found under a key, if anything is. */
  misfitOf(key: string, found: Uint8Array | undefined, seqno: number): string | undefined {
    const wanted = this.get(key, seqno);
    if (sameBytes(found, wanted)) return undefined;
    const text = JSON.stringify(key.slice(0, 50));
    return `key ${text} has ${describe(found)} instead of ${describe(wanted)}`;
  }

  /**
   * What is wrong with the entries of all keys that were found, if anything is.
   * @param _isRecovered the database has just recovered from a power loss
   */
  misfit(found: readonly ModelEntry[], seqno: number, _isRecovered = false): string | undefined {
    const wanted = this.entries(seqno);
    const at = wanted.findIndex(
      ([key, value], i) => found[i]?.[0] !== key || !sameBytes(found[i]?.[1], value),
    );
    if (at >= 0)
      return `it differs at entry ${at}, key ${JSON.stringify(wanted[at]![0].slice(0, 40))}`;
    if (found.length === wanted.length) return undefined;
    return `it has ${found.length} entries instead of ${wanted.length}`;
  }

  /**
   * The family as it begins anew, with the entries that it had as of some seqno and no others.
   * @param seqno that the entries have from now on
   */
  renewed(entries: readonly ModelEntry[], _asOf: number, seqno: number): ModelFamily {
    const family = new ModelFamily(this.name);
    for (const [key, value] of entries) family.set(key, value, seqno);
    return family;
  }

  /** The live entries of a range as of `seqno`, ascending. */
  entries(seqno: number, range: ModelRange = {}): ModelEntry[] {
    const found: ModelEntry[] = [];
    for (const key of this.keys()) {
      if (!isInRange(key, range)) continue;
      const value = this.get(key, seqno);
      if (value !== undefined) found.push([key, value]);
    }
    return found;
  }

  /** Forgets what was written after `seqno`. */
  truncate(seqno: number): void {
    for (const [key, versions] of this.versions) {
      while (versions.length > 0 && versions.at(-1)!.seqno > seqno) versions.pop();
      if (versions.length === 0) this.versions.delete(key);
    }
    this.sorted = undefined;
  }

  /** The newest version of a key as of `seqno`. */
  protected version(key: string, seqno: number): ModelVersion | undefined {
    return this.versions.get(key)?.findLast((version) => version.seqno <= seqno);
  }

  private keys(): readonly string[] {
    this.sorted ??= [...this.versions.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return this.sorted;
  }
}

/** The entries of a range as of one moment, and a place among them. */
export class ModelCursor {
  private readonly entries: readonly ModelEntry[];
  private at: number;

  constructor(entries: readonly ModelEntry[]) {
    this.entries = entries;
    this.at = -1;
  }

  get entry(): ModelEntry | undefined {
    return this.entries[this.at];
  }

  first(): void {
    this.at = 0;
  }

  last(): void {
    this.at = this.entries.length - 1;
  }

  seek(key: string): void {
    const found = this.entries.findIndex(([other]) => other >= key);
    this.at = found < 0 ? this.entries.length : found;
  }

  seekForPrev(key: string): void {
    this.at = this.entries.findLastIndex(([other]) => other <= key);
  }

  /** From no entry it leads to none. */
  next(): void {
    if (this.entry !== undefined) this.at++;
  }

  prev(): void {
    if (this.entry !== undefined) this.at--;
  }
}

/** Bytes of a key. */
export function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key, 'latin1'));
}

/** The key with these bytes. */
export function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** True when two values, either of which may be missing, are the same. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}

/** A value or its absence, for messages. */
export function describe(value: Uint8Array | undefined): string {
  if (value === undefined) return 'nothing';
  const head = Buffer.from(value.subarray(0, 8)).toString('hex');
  return `${value.length} bytes (${head}${value.length > 8 ? '...' : ''})`;
}

function isInRange(key: string, range: ModelRange): boolean {
  const { gte, gt, lte, lt, prefix } = range;
  return (
    (gte === undefined || key >= gte) &&
    (gt === undefined || key > gt) &&
    (lte === undefined || key <= lte) &&
    (lt === undefined || key < lt) &&
    (prefix === undefined || key.startsWith(prefix))
  );
}
