/**
 * The work of a flush or a compaction: one cursor in, tables out, in steps of bounded size.
 *
 * For every user key the versions come newest first. Live snapshots cut the seqnos into strata: a
 * version is kept only if it is the newest of its key in its stratum, for no reader can tell it
 * from absent otherwise. A tombstone in the oldest stratum goes too when nothing deeper holds its
 * key.
 * @module
 */
import { copyBytes } from '../bytes/byte-writer.ts';
import { compareBytes } from '../bytes/compare.ts';
import { VarveError } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';
import type { Cursor } from '../key/cursor.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT, KIND_UNKNOWN_MIN } from '../key/kind.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { TableWriter } from '../sstable/table-writer.ts';
import type { KeyRangeSweep } from './key-range-sweep.ts';

/** Makes and takes back output files. */
export interface TableSink {
  /**
   * A writer on a new, empty table file with a number of its own.
   * @param guard given, the table stores the checksums of its entries
   */
  create(guard?: EntryGuard): { file: FileHandle; writer: TableWriter };
  /** Seals a finished table: its bytes are on stable storage and the handle closed on return. */
  finish(file: FileHandle, writer: TableWriter): TableMeta;
  /** Removes files that will not become part of the database. */
  discard(file: FileHandle | undefined, finished: readonly TableMeta[]): void;
}

/** What a run needs to know. */
export interface MergeRunOptions {
  /** All inputs in internal order; taken, and closed when the run ends. */
  readonly input: Cursor;
  /** Seqnos of the snapshots that were live when the run began, ascending. */
  readonly snapshots: readonly number[];
  readonly sink: TableSink;
  readonly targetTableBytes: number;
  /** The levels below the output; undefined keeps every tombstone (a flush). */
  readonly deeper: KeyRangeSweep | undefined;
  /** Tables of the level below the output, to end an output before it overlaps too many. */
  readonly grandparents: KeyRangeSweep | undefined;
  /** Nothing deeper meets the key range: seqnos that no snapshot needs become 0. */
  readonly isBottommost: boolean;
  /** Given, entries are checked as they are read, and written with their checksums. */
  readonly guard?: EntryGuard | undefined;
}

/** An output ends when it overlaps more than this many target sizes of the level below. */
const GRANDPARENT_TABLES_MAX = 10;
/** Instead of a seqno: the entry is not kept. */
const DROPPED = -1;

/** A merge under way. */
export class MergeRun {
  readonly #options: MergeRunOptions;
  readonly #input: Cursor;
  readonly #snapshots: readonly number[];
  #writer: TableWriter | undefined;
  #file: FileHandle | undefined;
  #lastKey: Uint8Array;
  #lastKeyLen: number;
  #lastSeqno: number;
  #lastStratum: number;
  #started: boolean;
  #ended: boolean;
  /** Finished tables in key order; the result once {@link step} returned true. */
  readonly outputs: TableMeta[];
  /** Key and value bytes read so far. */
  bytesRead: number;
  entriesRead: number;
  entriesDropped: number;

  constructor(options: MergeRunOptions) {
    this.#options = options;
    this.#input = options.input;
    this.#snapshots = options.snapshots;
    this.#writer = undefined;
    this.#file = undefined;
    this.#lastKey = new Uint8Array(64);
    this.#lastKeyLen = -1;
    this.#lastSeqno = 0;
    this.#lastStratum = -1;
    this.#started = false;
    this.#ended = false;
    this.outputs = [];
    this.bytesRead = 0;
    this.entriesRead = 0;
    this.entriesDropped = 0;
  }

  /**
   * Merges about `budgetBytes` of input.
   * @returns true when the run is complete and {@link outputs} final
   * @throws VarveError from reading or writing; the run must then be aborted
   */
  step(budgetBytes: number): boolean {
    const input = this.#input;
    if (!this.#started) {
      this.#started = true;
      input.first();
    }
    const stop = this.bytesRead + budgetBytes;
    const { guard } = this.#options;
    if (guard === undefined) this.#merge(stop);
    else this.#mergeChecked(stop, guard);
    if (input.valid) return false;
    this.#finishTable();
    input.close();
    this.#ended = true;
    return true;
  }

  /** Gives everything up: closes the inputs and removes what was written. */
  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#input.close();
    this.#options.sink.discard(this.#file, this.outputs);
    this.#file = undefined;
    this.#writer = undefined;
  }

  #merge(stopBytes: number): void {
    const input = this.#input;
    while (input.valid && this.bytesRead < stopBytes) {
      const { keyBuf, keyOff, keyLen, kind, valBuf, valOff, valLen } = input;
      const seqno = this.#place(input);
      if (seqno !== DROPPED) {
        const writer = this.#openTable();
        writer.add(keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen);
      }
      this.#advance(input);
    }
  }

  /** Checks every entry before it decides anything: a key that changed could pass for another. */
  #mergeChecked(stopBytes: number, guard: EntryGuard): void {
    const input = this.#input;
    while (input.valid && this.bytesRead < stopBytes) {
      const checksum = guard.checkInput(input);
      const { keyBuf, keyOff, keyLen, kind, valBuf, valOff, valLen } = input;
      const seqno = this.#place(input);
      if (seqno !== DROPPED) {
        const writer = this.#openTable();
        writer.add(keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen);
        writer.addChecksum(checksum);
      }
      this.#advance(input);
    }
  }

  #advance(input: Cursor): void {
    this.bytesRead += input.keyLen + input.valLen;
    this.entriesRead++;
    input.next();
  }

  /** The seqno with which the entry is to be written, or `DROPPED`. */
  #place(input: Cursor): number {
    if (input.kind >= KIND_UNKNOWN_MIN) {
      throw new VarveError('UNSUPPORTED', `an entry is of kind ${input.kind}, which is not known`);
    }
    const order = this.#compareWithLast(input);
    if (order < 0 || (order === 0 && input.seqno >= this.#lastSeqno)) {
      throw new VarveError('CORRUPTION', 'the entries of a table are out of order');
    }
    if (order > 0) this.#enterKey(input);
    this.#lastSeqno = input.seqno;
    const stratum = this.#stratumOf(input.seqno);
    const isShadowed = stratum === this.#lastStratum;
    this.#lastStratum = stratum;
    if (isShadowed || (stratum === 0 && input.kind === KIND_DELETE && this.#isGone(input))) {
      this.entriesDropped++;
      return DROPPED;
    }
    const isAgeless = stratum === 0 && input.kind === KIND_PUT && this.#options.isBottommost;
    return isAgeless ? 0 : input.seqno;
  }

  /** Positive for a new user key, 0 for a further version of the last one, negative for neither. */
  #compareWithLast(input: Cursor): number {
    if (this.#lastKeyLen < 0) return 1;
    const { keyBuf, keyOff, keyLen } = input;
    return compareBytes(keyBuf, keyOff, keyLen, this.#lastKey, 0, this.#lastKeyLen);
  }

  /** Remembers the key, and ends the current table if it is full: never between two versions. */
  #enterKey(input: Cursor): void {
    if (input.keyLen > this.#lastKey.length) this.#lastKey = new Uint8Array(input.keyLen * 2);
    copyBytes(input.keyBuf, input.keyOff, input.keyLen, this.#lastKey, 0);
    this.#lastKeyLen = input.keyLen;
    this.#lastStratum = -1;
    const options = this.#options;
    const passed = options.grandparents?.advance(input.keyBuf, input.keyOff, input.keyLen) ?? 0;
    if (this.#writer === undefined) {
      options.grandparents?.resetPassed();
    } else if (
      this.#writer.sizeBytes >= options.targetTableBytes ||
      passed > GRANDPARENT_TABLES_MAX * options.targetTableBytes
    ) {
      this.#finishTable();
      options.grandparents?.resetPassed();
    }
  }

  /** Number of snapshots that are older than a version. */
  #stratumOf(seqno: number): number {
    let low = 0;
    let high = this.#snapshots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#snapshots[middle]! < seqno) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isGone(input: Cursor): boolean {
    const deeper = this.#options.deeper;
    return deeper !== undefined && !deeper.mayHold(input.keyBuf, input.keyOff, input.keyLen);
  }

  #openTable(): TableWriter {
    if (this.#writer === undefined) {
      const created = this.#options.sink.create(this.#options.guard);
      this.#file = created.file;
      this.#writer = created.writer;
    }
    return this.#writer;
  }

  #finishTable(): void {
    if (this.#writer === undefined) return;
    const meta = this.#options.sink.finish(this.#file!, this.#writer);
    this.outputs.push(meta);
    this.#writer = undefined;
    this.#file = undefined;
  }
}
