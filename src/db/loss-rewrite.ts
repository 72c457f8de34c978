/**
 * Writes a table anew whose loss was accepted: its sound entries, and in its lost ranges a
 * tombstone for each key of which an older version stands below and a newer one may be lost.
 *
 * So no read gives another value than before, and none an older version: what failed is absent.
 * A tombstone is just newer than the version that it hides. Where a version of the key above has
 * that seqno, or the newest seqno of the table is lower, the table has lost nothing of the key, and
 * the version below stays. The same is so where the table's filter rules the key out.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { compareBytes, compareKeys, equalBytes, successorOf } from '../bytes/compare.ts';
import { hash32 } from '../bytes/hash32.ts';
import { type LostKeys, quietly, type VarveError } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';
import { LOST_PLACES_MAX, type LostPlace } from '../integrity/table-health.ts';
import { mergeCursors } from '../iterator/merging-cursor.ts';
import type { Cursor } from '../key/cursor.ts';
import { EntryGuard, entryChecksum } from '../key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT, SEQNO_MAX } from '../key/kind.ts';
import { Lookup } from '../key/lookup.ts';
import { DirectorySink } from '../merge/directory-sink.ts';
import type { Table } from '../sstable/table.ts';
import type { TableCursor } from '../sstable/table-cursor.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { OUTPUT_BUFFER_BYTES } from '../sstable/table-output.ts';
import type { TableWriter, TableWriterOptions } from '../sstable/table-writer.ts';
import { isLoss, LostParts } from '../tables/lost-parts.ts';
import { SkippingView } from '../tables/skipping-cursor.ts';
import { lostKeysOf, type TableSlot } from '../tables/table-cache.ts';
import { originOf } from './background/merge-group.ts';
import type { DbCore } from './core.ts';
import { runCursors } from './db-cursor.ts';
import type { Family, FamilyView } from './family.ts';
import { tableOptions } from './options.ts';

/** Key and value bytes from one turn of the host to the next, about. */
const STEP_BYTES = 0x10_0000;
const READ_AHEAD_BYTES = 0x1_0000;
const NO_VALUE = new Uint8Array(0);

/** A table in its place, as of when its rewriting begins. */
export interface LostTablePlace {
  readonly family: Family;
  readonly view: FamilyView;
  readonly level: number;
  readonly slot: TableSlot;
  /** What is known to be lost. */
  readonly places: readonly LostPlace[];
}

/** Something is lost that nobody has accepted. */
export class LossNotAccepted {
  readonly keys: LostKeys;
  readonly error: VarveError;

  constructor(keys: LostKeys, error: VarveError) {
    this.keys = keys;
    this.error = error;
  }
}

/** Keys of which something may be lost, between two sound entries of a table. */
interface Gap {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** The last entry that was written. */
interface Written {
  readonly key: Uint8Array;
  readonly seqno: number;
}

/** See the module head. Works in steps; {@link close} it in any case. */
export class LossRewrite {
  /** The new tables, in key order: complete once {@link steps} has ended. */
  readonly outputs: TableMeta[];
  /** Older versions that it hides. */
  hiddenCount: number;
  readonly #core: DbCore;
  readonly #place: LostTablePlace;
  readonly #isAccepted: (keys: LostKeys) => boolean;
  readonly #options: TableWriterOptions;
  readonly #out: ByteWriter;
  readonly #found: Lookup;
  /** Where entries are stored with their checksums. */
  readonly #guard: EntryGuard | undefined;
  /** Undefined if the table is lost as a whole. */
  readonly #table: Table | undefined;
  readonly #older: Cursor;
  readonly #lostBelow: LostParts;
  #sink: DirectorySink | undefined;
  #file: FileHandle | undefined;
  #writer: TableWriter | undefined;
  #last: Written | undefined;
  #gap: Gap | undefined;
  #stepBytes: number;
  #isDone: boolean;

  /** @param isAccepted whether a lost range is given up */
  constructor(core: DbCore, place: LostTablePlace, isAccepted: (keys: LostKeys) => boolean) {
    const { family, level, slot } = place;
    this.outputs = [];
    this.hiddenCount = 0;
    this.#core = core;
    this.#place = place;
    this.#isAccepted = isAccepted;
    const origin = originOf(core, family, level, []);
    // It is no merge of the old one, which must not count beside it.
    const retired = [...origin.retired, slot.meta.fileNumber].sort((a, b) => a - b);
    this.#options = {
      ...tableOptions(family.settings, level, core.pipeline, { ...origin, retired }),
      asOfSeqno: core.lastSeqno,
    };
    this.#out = new ByteWriter(OUTPUT_BUFFER_BYTES);
    this.#found = new Lookup();
    const { settings, handle } = family;
    this.#guard = settings.entryChecksums ? new EntryGuard('acceptLoss', handle.name) : undefined;
    this.#table = this.#openTable();
    this.#lostBelow = new LostParts(core.lastSeqno);
    this.#older = olderEntries(core, place, this.#lostBelow);
    slot.pins++;
    this.#sink = undefined;
    this.#file = undefined;
    this.#writer = undefined;
    this.#last = undefined;
    this.#gap = undefined;
    this.#stepBytes = 0;
    this.#isDone = false;
  }

  /**
   * The work, with a pause after each MiB or so. The new files are on stable storage at the end,
   * their names are not.
   * @throws LossNotAccepted VarveError
   */
  *steps(): Generator<void> {
    const table = this.#table;
    if (table === undefined) {
      this.#gap = lostKeysOf(this.#place.slot.meta);
      yield* this.#fill(undefined);
    } else {
      const cursor = table.cursor({ fillCache: false, readAheadBytes: READ_AHEAD_BYTES });
      yield* this.#copy(table, cursor);
      cursor.close();
    }
    this.#finishTable();
    this.#isDone = true;
  }

  /** Lets go of what was read. Removes what was written, unless all of it is and is wanted. */
  close(isWanted: boolean): void {
    this.#older.close();
    this.#place.slot.pins--;
    if (isWanted && this.#isDone) return;
    this.#sink?.discard(this.#file, this.outputs);
  }

  /** Where it is open it may still know what its file has lost. */
  #openTable(): Table | undefined {
    const { slot } = this.#place;
    try {
      return this.#core.tables.open(slot);
    } catch (error) {
      if (!this.#isKnown(undefined)) throw error;
      this.#expectAccepted(lostKeysOf(slot.meta), error);
      return undefined;
    }
  }

  *#copy(table: Table, cursor: TableCursor): Generator<void> {
    let isValid = this.#advance(table, cursor, () => cursor.first());
    for (;;) {
      if (this.#gap !== undefined) yield* this.#fill(isValid ? cursor : undefined);
      if (!isValid) return;
      const checksum = this.#guard?.checkInput(cursor);
      const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = cursor;
      this.#beginEntry(keyBuf, keyOff, keyLen, seqno);
      this.#writer!.add(keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen);
      if (checksum !== undefined) this.#writer!.addChecksum(checksum);
      if (this.#isStepOver(keyLen + valLen)) yield;
      isValid = this.#advance(table, cursor, () => cursor.next());
    }
  }

  /** Moves on, over all that is lost, which makes a gap. */
  #advance(table: Table, cursor: TableCursor, move: () => boolean): boolean {
    let step = move;
    for (;;) {
      try {
        return step();
      } catch (error) {
        const ordinal = cursor.lostOrdinal;
        const keys = table.lostKeys(ordinal);
        if (!this.#isKnown(ordinal)) throw error;
        this.#expectAccepted(keys, error);
        this.#gap = { gte: this.#gap?.gte ?? keys.gte, lt: keys.lt };
      }
      step = () => cursor.pass(false);
    }
  }

  /** What was not looked at before may be a failure of the moment. */
  #isKnown(lostOrdinal: number | undefined): boolean {
    const { places } = this.#place;
    if (lostOrdinal !== undefined && places.length >= LOST_PLACES_MAX) return true;
    return places.some(({ ordinal }) => ordinal === undefined || ordinal === lostOrdinal);
  }

  #expectAccepted(keys: LostKeys, error: unknown): void {
    if (!isLoss(error)) throw error;
    if (!this.#isAccepted(keys)) throw new LossNotAccepted(keys, error);
  }

  /**
   * Hides what is older than the gap.
   * @param next the entry of the table behind it; it may go on with a key of which newer versions
   * are lost
   */
  *#fill(next: Cursor | undefined): Generator<void> {
    const { gte, lt } = this.#gap!;
    this.#gap = undefined;
    const older = this.#older;
    const own = next === undefined ? undefined : versionOf(next);
    let isOwnDue = own !== undefined && compareKeys(own.key, lt) < 0;
    older.seek(gte, 0, gte.length, SEQNO_MAX);
    while (older.valid) {
      const below = versionOf(older);
      if (compareKeys(below.key, lt) >= 0) break;
      const order = isOwnDue ? compareKeys(own!.key, below.key) : 1;
      if (order <= 0) {
        this.#hide(own!);
        isOwnDue = false;
      }
      if (order !== 0) this.#hide(below);
      do {
        if (this.#isStepOver(older.keyLen + older.valLen)) yield;
        older.next();
      } while (isKey(older, below.key));
    }
    if (isOwnDue) this.#hide(own!);
    this.#expectNoneBelow(gte, lt);
  }

  /** What is lost below might be mended, and hold an older version that nothing hides. */
  #expectNoneBelow(gte: Uint8Array, lt: Uint8Array): void {
    for (const part of this.#lostBelow.met) {
      const isIn = compareKeys(part.gte, lt) < 0 && compareKeys(gte, part.lt) < 0;
      if (isIn) throw new LossNotAccepted(part, part.error);
    }
  }

  /** Writes a tombstone over the newest version of a key that is older than what is lost. */
  #hide({ key, seqno, kind }: Version): void {
    const { level, slot } = this.#place;
    const { smallestSeqno, largestSeqno } = slot.meta;
    if (kind !== KIND_PUT) return;
    // In L0 tables stand by their newest seqno: all of this one are newer than older tables.
    const hidingSeqno = level === 0 ? Math.max(seqno + 1, smallestSeqno) : seqno + 1;
    if (hidingSeqno > largestSeqno) return;
    const last = this.#last;
    const isSame = last !== undefined && compareKeys(last.key, key) === 0;
    if (isSame && last.seqno <= hidingSeqno) return;
    const hash = hash32(key, 0, key.length);
    if (!this.#mayHaveHad(hash) || this.#isAbove(key, hash, hidingSeqno)) return;
    this.#beginEntry(key, 0, key.length, hidingSeqno);
    this.#writer!.add(key, 0, key.length, hidingSeqno, KIND_DELETE, NO_VALUE, 0, 0);
    if (this.#guard !== undefined) {
      const checksum = entryChecksum(KIND_DELETE, key, 0, key.length, NO_VALUE, 0, 0);
      this.#writer!.addChecksum(checksum);
    }
    this.hiddenCount++;
  }

  /** False only when no version of the key was in the table. */
  #mayHaveHad(hash: number): boolean {
    try {
      return this.#table?.mayContain(hash) ?? true;
    } catch (error) {
      if (!isLoss(error)) throw error;
      return true;
    }
  }

  /**
   * Whether a version that is not newer than this one stands above the table. What is lost there is
   * given up next, if it is in the range.
   */
  #isAbove(key: Uint8Array, hash: number, seqno: number): boolean {
    const { view, level, slot } = this.#place;
    const found = this.#found;
    for (const memtable of view.memtables) {
      if (memtable.get(key, 0, key.length, hash, seqno, found)) return true;
    }
    const l0 = view.levels[0]!;
    const above = level === 0 ? [l0.slice(0, l0.indexOf(slot))] : view.levels.slice(0, level);
    return above.flat().some((one) => {
      const { smallestKey, largestKey } = one;
      if (compareKeys(key, smallestKey) < 0 || compareKeys(key, largestKey) > 0) return false;
      try {
        return this.#core.tables.open(one).get(key, 0, key.length, hash, seqno, found);
      } catch (error) {
        this.#expectAccepted(keyAlone(key), error);
        return false;
      }
    });
  }

  /** Makes room for an entry in a table: tables end between keys. */
  #beginEntry(buf: Uint8Array, off: number, len: number, seqno: number): void {
    const { family, level } = this.#place;
    const last = this.#last;
    const isNewKey = last === undefined || !equalBytes(last.key, 0, last.key.length, buf, off, len);
    const writer = this.#writer;
    const { targetTableBytes } = family.settings;
    const isFull = writer !== undefined && (writer.isFull || writer.sizeBytes >= targetTableBytes);
    if (isNewKey && isFull && level > 0) this.#finishTable();
    if (this.#writer === undefined) this.#beginTable();
    this.#last = { key: isNewKey ? buf.slice(off, off + len) : last!.key, seqno };
  }

  #beginTable(): void {
    const core = this.#core;
    const numbers = core.newFileNumbers(1);
    this.#sink = new DirectorySink(core.jobContext(), this.#options, numbers, this.#out);
    const { file, writer } = this.#sink.create(this.#guard);
    this.#file = file;
    this.#writer = writer;
  }

  #finishTable(): void {
    if (this.#writer === undefined) return;
    this.outputs.push(this.#sink!.finish(this.#file!, this.#writer));
    this.#file = undefined;
    this.#writer = undefined;
  }

  #isStepOver(bytes: number): boolean {
    this.#stepBytes += bytes;
    if (this.#stepBytes < STEP_BYTES) return false;
    this.#stepBytes = 0;
    return true;
  }
}

/** A version of a key. */
interface Version extends Written {
  readonly kind: number;
}

function versionOf({ keyBuf, keyOff, keyLen, seqno, kind }: Cursor): Version {
  return { key: keyBuf.slice(keyOff, keyOff + keyLen), seqno, kind };
}

function isKey(cursor: Cursor, key: Uint8Array): boolean {
  const { valid, keyBuf, keyOff, keyLen } = cursor;
  return valid && compareBytes(keyBuf, keyOff, keyLen, key, 0, key.length) === 0;
}

/**
 * Reads all blocks of a table, with a pause after each MiB or so: what is lost is noted, as of any
 * read.
 */
export function* readThrough(core: DbCore, slot: TableSlot): Generator<void> {
  const table = quietly(() => core.tables.open(slot));
  if (table === undefined) return;
  slot.pins++;
  const { index } = table.blocks;
  const cursor = table.cursor({ fillCache: false, readAheadBytes: READ_AHEAD_BYTES });
  try {
    let bytes = 0;
    for (let ordinal = 0; ordinal < index.blockCount; ordinal++) {
      quietly(() => (ordinal === 0 ? cursor.first() : cursor.pass(false)));
      bytes += index.blockBytes(ordinal);
      if (bytes < STEP_BYTES) continue;
      bytes = 0;
      yield;
    }
  } finally {
    cursor.close();
    slot.pins--;
  }
}

/**
 * All that is older than a table, as far as it can be read.
 * @param lost receives the rest
 */
function olderEntries(
  core: DbCore,
  { view, level, slot }: LostTablePlace,
  lost: LostParts,
): Cursor {
  const [l0, ...deeper] = view.levels;
  const inL0 = level === 0 ? l0!.slice(l0!.indexOf(slot) + 1).map((one) => [one]) : [];
  const below = deeper.slice(Math.max(0, level)).filter((slots) => slots.length > 0);
  const options = { fillCache: false, readAheadBytes: READ_AHEAD_BYTES };
  return new SkippingView(mergeCursors(runCursors(core, [...inL0, ...below], options, lost)), lost);
}

function keyAlone(key: Uint8Array): LostKeys {
  return { gte: key, lt: successorOf(key) };
}
