/**
 * The work of a flush or a compaction: one cursor in, tables out, in steps of bounded size.
 *
 * For every user key the versions come newest first. Live snapshots cut the seqnos into strata: a
 * version is kept only if it is the newest of its key in its stratum, for no reader can tell it
 * from absent otherwise. A tombstone in the oldest stratum goes too when nothing deeper holds its
 * key.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import type { FileHandle } from '../fs/port.ts';
import type { EntryStream, MergeInput } from '../key/cursor.ts';
import type { EntryGuard } from '../key/entry-checksum.ts';
import { KIND_DELETE, KIND_PUT, KIND_UNKNOWN_MIN } from '../key/kind.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { TableStream } from '../sstable/table-stream.ts';
import type { TableWriter } from '../sstable/table-writer.ts';
import { BlockCopier } from './block-copier.ts';
import type { KeyRangeSweep } from './key-range-sweep.ts';
import { MergeQueue } from './merge-queue.ts';
import { OutputBounds } from './output-bounds.ts';

/** Makes and takes back output files. */
export interface TableSink {
  /** False when the table that was created last must take all that is to come. */
  readonly canCreate: boolean;
  /**
   * A writer on a new, empty table file with a number of its own.
   * @param guard given, the table stores the checksums of its entries
   */
  create(guard?: EntryGuard): { file: FileHandle; writer: TableWriter };
  /** Seals a finished table: its bytes are on stable storage and the handle closed on return. */
  finish(file: FileHandle, writer: TableWriter): TableMeta;
  /** Makes the names of all finished tables durable. */
  syncNames(): void;
  /** Removes files that will not become part of the database. */
  discard(file: FileHandle | undefined, finished: readonly TableMeta[]): void;
}

/** What a run needs to know. */
export interface MergeRunOptions {
  /**
   * At least one, each in internal order, no two with the same (user key, seqno); taken, and closed
   * when the run ends.
   */
  readonly inputs: readonly MergeInput[];
  /** Seqnos of the snapshots that were live when the run began, ascending. */
  readonly snapshots: readonly number[];
  readonly sink: TableSink;
  readonly targetTableBytes: number;
  /** Whether the names of the tables are to be durable when the run is complete. */
  readonly syncsNames?: boolean | undefined;
  /** The levels below the output; undefined keeps every tombstone (a flush). */
  readonly deeper: KeyRangeSweep | undefined;
  /** Tables of the level below the output, which say where outputs end. */
  readonly grandparents: KeyRangeSweep | undefined;
  /** Nothing deeper meets the key range: seqnos that no snapshot needs become 0. */
  readonly isBottommost: boolean;
  /** Given, entries are checked as they are read, and written with their checksums. */
  readonly guard?: EntryGuard | undefined;
}

/** Instead of a seqno: the entry is not kept. */
const DROPPED = -1;

/** A merge under way. */
export class MergeRun {
  private readonly options: MergeRunOptions;
  private readonly queue: MergeQueue;
  private readonly snapshots: readonly number[];
  private readonly bounds: OutputBounds;
  private writer: TableWriter | undefined;
  private file: FileHandle | undefined;
  /** Undefined with a guard, who has to see every entry. */
  private readonly copier: BlockCopier | undefined;
  /** Bytes that the current key has in common with the key that was written last. */
  private shared: number;
  private lastSeqno: number;
  private lastStratum: number;
  private started: boolean;
  private ended: boolean;
  /** Finished tables in key order; the result once {@link step} returned true. */
  readonly outputs: TableMeta[];
  /** Key and value bytes read so far. */
  bytesRead: number;
  /** Bytes of finished tables. */
  private finishedBytes: number;
  entriesRead: number;
  entriesDropped: number;
  /** Blocks of inputs that were taken over as they are. */
  blocksCopied: number;

  constructor(options: MergeRunOptions) {
    this.options = options;
    this.queue = new MergeQueue(options.inputs);
    this.snapshots = options.snapshots;
    this.bounds = new OutputBounds(options.grandparents, options.targetTableBytes);
    this.writer = undefined;
    this.file = undefined;
    this.copier =
      options.guard === undefined
        ? new BlockCopier(options.snapshots, options.isBottommost)
        : undefined;
    this.shared = 0;
    this.lastSeqno = 0;
    this.lastStratum = -1;
    this.started = false;
    this.ended = false;
    this.outputs = [];
    this.bytesRead = 0;
    this.finishedBytes = 0;
    this.entriesRead = 0;
    this.entriesDropped = 0;
    this.blocksCopied = 0;
  }

  /**
   * Merges about `budgetBytes` of input.
   * @returns true when the run is complete and {@link outputs} final
   * @throws VarveError from reading or writing; the run must then be aborted
   */
  step(budgetBytes: number): boolean {
    const queue = this.queue;
    if (!this.started) {
      this.started = true;
      queue.first();
    }
    this.merge(this.bytesRead + budgetBytes);
    if (queue.valid) return false;
    this.finishTable();
    // Before the end: if this fails, the tables are still to be removed.
    if (this.options.syncsNames === true) this.options.sink.syncNames();
    queue.close();
    this.ended = true;
    return true;
  }

  /** Bytes of all tables so far. */
  get bytesWritten(): number {
    return this.finishedBytes + (this.writer?.sizeBytes ?? 0);
  }

  /** Gives everything up: closes the inputs and removes what was written. */
  abort(): void {
    if (this.ended) return;
    this.ended = true;
    this.queue.close();
    this.options.sink.discard(this.file, this.outputs);
    this.file = undefined;
    this.writer = undefined;
  }

  private merge(stopBytes: number): void {
    const queue = this.queue;
    const { guard } = this.options;
    while (queue.valid && this.bytesRead < stopBytes) {
      const { top } = queue;
      if (top instanceof TableStream && top.isAtBlockStart && this.copyBlock(top)) continue;
      // Before anything is decided: a key that changed could pass for another.
      const checksum = guard === undefined ? 0 : checkInput(guard, top);
      const { keyBuf, keyOff, keyLen, kind, valBuf, valOff, valLen } = top;
      const seqno = this.place(top);
      if (seqno !== DROPPED) {
        const writer = this.writer ?? this.openTable();
        writer.append(keyBuf, keyOff, keyLen, this.shared, seqno, kind, valBuf, valOff, valLen);
        if (guard !== undefined) writer.addChecksum(checksum);
        this.shared = keyLen;
      }
      this.bytesRead += keyLen + valLen;
      this.entriesRead++;
      queue.next();
    }
  }

  /** Takes a whole block of the top over as it is, if possible. */
  private copyBlock(top: TableStream): boolean {
    const queue = this.queue;
    const copier = this.copier;
    if (copier === undefined || queue.isSameKey || queue.isMisplaced) return false;
    const { second } = queue;
    if (!copier.mayFit(top, second)) return false;
    this.noteKey(top);
    // Copied or not, the block's first entry is kept: it is a put of a new key.
    const writer = this.writer ?? this.openTable();
    if (!copier.copy(top, second, writer, this.shared)) return false;
    const { keyBytes, valueBytes, count, lastSeqno } = copier.scan;
    this.bytesRead += keyBytes + valueBytes;
    this.entriesRead += count;
    this.blocksCopied++;
    this.shared = top.keyLen;
    this.lastSeqno = lastSeqno;
    this.lastStratum = this.stratumOf(lastSeqno);
    queue.replaceTop();
    queue.next();
    return true;
  }

  /** The seqno with which the entry is to be written, or `DROPPED`. */
  private place(top: EntryStream): number {
    const queue = this.queue;
    const { kind, seqno } = top;
    if (kind >= KIND_UNKNOWN_MIN) {
      throw new VarveError('UNSUPPORTED', `an entry is of kind ${kind}, which is not known`);
    }
    if (queue.isMisplaced || (queue.isSameKey && !this.mayFollow(seqno))) {
      throw ofInput(top, new VarveError('CORRUPTION', 'the entries of a table are out of order'));
    }
    this.noteKey(top);
    this.lastSeqno = seqno;
    const stratum = this.stratumOf(seqno);
    const isShadowed = stratum === this.lastStratum;
    this.lastStratum = stratum;
    if (isShadowed || (stratum === 0 && kind === KIND_DELETE && this.isGone(top))) {
      this.entriesDropped++;
      return DROPPED;
    }
    const isAgeless = stratum === 0 && kind === KIND_PUT && this.options.isBottommost;
    return isAgeless ? 0 : seqno;
  }

  /**
   * Whether a version may come behind the one before of its key. Only where a repair has put tables
   * together, two inputs may have the same one; the second of them is shadowed by the first.
   */
  private mayFollow(seqno: number): boolean {
    return seqno < this.lastSeqno || (seqno === this.lastSeqno && this.options.inputs.length > 1);
  }

  /** Ends the current table if it is full: never between two versions of a key. */
  private noteKey(top: EntryStream): void {
    const queue = this.queue;
    // Of ascending keys, two share what each of those between them shares with the next.
    if (queue.shared < this.shared) this.shared = queue.shared;
    if (queue.isSameKey) return;
    this.lastStratum = -1;
    const { writer } = this;
    const sizeBytes = writer === undefined ? 0 : this.sizeOf(writer);
    if (!this.bounds.endsBefore(top.keyBuf, top.keyOff, top.keyLen, sizeBytes)) return;
    // A table without an entry was opened for the block of this key.
    if (writer!.entryCount > 0 && this.options.sink.canCreate) this.finishTable();
  }

  private sizeOf(writer: TableWriter): number {
    return writer.isFull ? Number.POSITIVE_INFINITY : writer.sizeBytes;
  }

  /** Number of snapshots that are older than a version. */
  private stratumOf(seqno: number): number {
    let low = 0;
    let high = this.snapshots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.snapshots[middle]! < seqno) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private isGone(top: EntryStream): boolean {
    const deeper = this.options.deeper;
    return deeper !== undefined && !deeper.mayHold(top.keyBuf, top.keyOff, top.keyLen);
  }

  private openTable(): TableWriter {
    const created = this.options.sink.create(this.options.guard);
    this.file = created.file;
    this.writer = created.writer;
    return created.writer;
  }

  private finishTable(): void {
    if (this.writer === undefined) return;
    const meta = this.options.sink.finish(this.file!, this.writer);
    this.outputs.push(meta);
    this.finishedBytes += meta.sizeBytes;
    this.writer = undefined;
    this.file = undefined;
  }
}

function checkInput(guard: EntryGuard, input: EntryStream): number {
  try {
    return guard.checkInput(input);
  } catch (error) {
    throw isVarveError(error) ? ofInput(input, error) : error;
  }
}

/** The error about an entry, with the table that it came from. */
function ofInput(input: EntryStream, { code, message, cause }: VarveError): VarveError {
  const file = input instanceof TableStream ? input.path : undefined;
  return new VarveError(code, message, { file, cause });
}
