/**
 * Reads the WAL back after a crash or a clean close, and decides what a flaw in it means.
 *
 * A process that dies leaves a torn record at the end of a log, and a power cut may lose any of the
 * bytes that were not synced: both are the normal end of the log, and everything behind them was
 * never acknowledged as durable. Damage to acknowledged records must not pass for that. So at the
 * first flaw the replay looks for evidence (log-flaw.ts) that what stands there was on stable
 * storage, and reports CORRUPTION when there is some.
 *
 * Only a log that is named counts, and only the very file that is meant: the manifest names those
 * with which families begin, and the last record of a log the one that follows. A log is named when
 * it is on stable storage, so no crash takes one away; and nothing in it is durable before the
 * record that names it. Where an older version wrote the logs, they are chained by the base seqno
 * in their headers: records above a later log's base are void. In either case a base above what the
 * logs before it gave says that records are missing.
 * @module
 */

import { fileHeaderBytes } from '../block/file-header.ts';
import { isSameProtection } from '../block/file-protection.ts';
import type { Pipeline } from '../block/pipeline.ts';
import type { RecordLogReader } from '../block/record-log-reader.ts';
import { corruption } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { isSameLog } from '../manifest/manifest-state.ts';
import type { LogIdentity } from '../manifest/version-edit.ts';
import { type DroppedRange, evidenceOfDamage, type Flaw, flawAt } from './log-flaw.ts';
import { type LogHead, openLog, readLogHead, readLogHeads } from './log-head.ts';
import { decodeClosing, WAL_RECORD_PREFIX_BYTES, WalRecordPrefix } from './wal-record.ts';

/**
 * What to do at a flaw, after RocksDB's modes of recovery:
 *
 * - `absolute` any flaw is an error, even a torn tail
 * - `tolerate-tail` a flaw ends the logs, unless there is evidence that durable data is damaged
 * - `point-in-time` the first flaw ends the logs, whatever the evidence
 * - `skip` flawed records are passed over and every sound record counts; atomic batches stay whole,
 *   but later ones may be there without earlier ones
 */
export type WalRecoveryMode = 'absolute' | 'tolerate-tail' | 'point-in-time' | 'skip';

/** Which logs to replay, and how. */
export interface ReplayOptions {
  readonly fs: Fs;
  readonly directory: string;
  readonly pipeline: Pipeline;
  /** Those that are there; see also `names`. */
  readonly logNumbers: readonly number[];
  /**
   * The logs that the manifest names; no other counts, but those that these name in turn. Undefined
   * for logs of an older version, which all count.
   */
  readonly names?: ReadonlyMap<number, LogIdentity> | undefined;
  readonly mode: WalRecoveryMode;
  /** Log number to size at the last clean close, as the manifest recorded it. */
  readonly cleanEnds: ReadonlyMap<number, number>;
  /**
   * The logs together must begin at this seqno or before it, as what is older is in tables; or with
   * `firstLogNumber`.
   */
  readonly firstSeqno?: number;
  /**
   * The manifest refers to this log, so its header was on stable storage, and to none before it, so
   * nothing that is older than the log is needed.
   */
  readonly firstLogNumber?: number;
}

/**
 * Receives each record: its operations are `buf[off, off + len)`, lent for the call, and have the
 * seqnos `firstSeqno` to `firstSeqno + count - 1`. What it throws ends the replay.
 */
export type RecordVisitor = (
  logNumber: number,
  firstSeqno: number,
  count: number,
  buf: Uint8Array,
  off: number,
  len: number,
) => void;

/** What a replay gave. */
export interface ReplayResult {
  /**
   * Of the last record that counts: the base of the next log, if these logs are kept. Without any
   * record the base of the newest log.
   */
  readonly lastSeqno: number;
  readonly logsRead: number;
  readonly recordsRead: number;
  /** Content bytes of these records. */
  readonly bytesRead: number;
  readonly dropped: readonly DroppedRange[];
  /** Paths of logs with sound records of which nothing was replayed. */
  readonly leftOut: readonly string[];
  /** Where what is written from now on will stand; undefined where that cannot be told. */
  readonly end: LogEnd | undefined;
}

/** A place behind the last record of the last log. */
export interface LogEnd {
  readonly fileNumber: number;
  /** In bytes. */
  readonly position: number;
  /** Of that record, or of the last one of the logs before. */
  readonly lastSeqno: number;
}

/**
 * Replays logs in ascending order of their numbers.
 * @throws VarveError `CORRUPTION` with file and offset of the flaw, as `mode` says; `UNSUPPORTED`
 * for records of a later version; any error of the `Fs`
 */
export function replayLogs(options: ReplayOptions, visit: RecordVisitor): ReplayResult {
  const parts = replayInParts(options, visit);
  for (;;) {
    const step = parts.next();
    if (step.done === true) return step.value;
  }
}

/** How far a replay has got: bytes of logs, with what stands around records. */
export interface ReplayProgress {
  readonly bytesRead: number;
  readonly bytesTotal: number;
}

/**
 * The same in parts of 1 MiB, or a record, between which the caller may do something else. Who
 * gives up in between closes the generator.
 */
export function replayInParts(
  options: ReplayOptions,
  visit: RecordVisitor,
): Generator<ReplayProgress, ReplayResult, void> {
  return new Replay(options, visit).run();
}

/**
 * The same for callers that wait between the parts.
 * @param between called after each part but the last
 */
export async function replayWithTurns(
  options: ReplayOptions,
  visit: RecordVisitor,
  between: (progress: ReplayProgress) => Promise<void>,
): Promise<ReplayResult> {
  const parts = replayInParts(options, visit);
  try {
    for (;;) {
      const part = parts.next();
      if (part.done === true) return part.value;
      await between(part.value);
    }
  } finally {
    // Closes the log that it stands in.
    parts.return(undefined as never);
  }
}

/** Records are read for so long before somebody else has a turn. */
const PART_BYTES = 0x10_0000;

class Replay {
  readonly #options: ReplayOptions;
  readonly #mode: WalRecoveryMode;
  readonly #visit: RecordVisitor;
  /** Grows as logs name their successors. */
  readonly #heads: LogHead[];
  /** The same; undefined where every log counts. */
  readonly #names: Map<number, LogIdentity> | undefined;
  /** The log that the last record of the one before it names, if it was closed so. */
  #successor: number | undefined;
  /** The log that ended with such a record. */
  #closed: number | undefined;
  readonly #prefix: WalRecordPrefix;
  readonly #dropped: DroppedRange[];
  readonly #leftOut: string[];
  /** The last seqno so far; undefined before the first log that counts. */
  #lastSeqno: number | undefined;
  #logsRead: number;
  #recordsRead: number;
  #bytesRead: number;
  /** Of the logs that are done. */
  #doneBytes: number;
  /** Of the last log that was read to where its records end. */
  #end: LogEnd | undefined;

  constructor(options: ReplayOptions, visit: RecordVisitor) {
    const { logNumbers, cleanEnds, names } = options;
    this.#options = options;
    this.#mode = options.mode;
    this.#visit = visit;
    const numbers = [...logNumbers, ...cleanEnds.keys(), ...(names?.keys() ?? [])];
    this.#heads = readLogHeads(options, numbers, names === undefined);
    this.#names = names === undefined ? undefined : new Map(names);
    this.#successor = undefined;
    this.#closed = undefined;
    this.#prefix = new WalRecordPrefix();
    this.#dropped = [];
    this.#leftOut = [];
    this.#lastSeqno = undefined;
    this.#logsRead = 0;
    this.#recordsRead = 0;
    this.#bytesRead = 0;
    this.#doneBytes = 0;
    this.#end = undefined;
  }

  *run(): Generator<ReplayProgress, ReplayResult, void> {
    for (let i = 0; i < this.#heads.length; i++) {
      const head = this.#heads[i]!;
      const flaw = this.#counts(head) ? yield* this.#replayLog(head) : this.#judgeUnnamed(head);
      this.#doneBytes += head.sizeBytes;
      if (flaw === undefined) continue;
      this.#drop(flaw);
      if (this.#mode === 'skip') continue;
      this.#throwIfDamage(i, flaw);
      for (const later of this.#heads.slice(i + 1)) {
        if (!later.mayHoldRecords || isVoid(later)) continue;
        this.#drop({ file: later.path, offset: 0, reason: 'log stands behind the flaw' });
        if (later.state === 'sound' && this.#holdsRecords(later)) this.#leftOut.push(later.path);
      }
      break;
    }
    return {
      lastSeqno: this.#soundUpTo,
      logsRead: this.#logsRead,
      recordsRead: this.#recordsRead,
      bytesRead: this.#bytesRead,
      dropped: this.#dropped,
      leftOut: this.#leftOut,
      end: this.#dropped.length === 0 ? this.#end : undefined,
    };
  }

  #progress(position: number): ReplayProgress {
    let bytesTotal = 0;
    for (const { sizeBytes } of this.#heads) bytesTotal += sizeBytes;
    return { bytesRead: this.#doneBytes + position, bytesTotal };
  }

  get #soundUpTo(): number {
    return this.#lastSeqno ?? (this.#options.firstSeqno ?? 1) - 1;
  }

  /** Whether a log is part of the chain. To `skip` one will do that those of the chain resemble. */
  #counts({ fileNumber, identity }: LogHead): boolean {
    const names = this.#names;
    if (names === undefined || names.has(fileNumber)) return true;
    if (this.#mode !== 'skip' || identity === undefined) return false;
    const { protection } = identity;
    return [...names.values()].some((name) => isSameProtection(name.protection, protection));
  }

  /**
   * Nobody names a log whose creation was cut off, or that was used when power was lost before the
   * record that names it was on stable storage: nothing in it was acknowledged as durable.
   */
  #judgeUnnamed(head: LogHead): Flaw | undefined {
    if (head.state !== 'sound') return this.#judgeHeader(head);
    if (!this.#holdsRecords(head)) return undefined;
    this.#leftOut.push(head.path);
    return flawAt(head, 0, 'no sound record and no manifest names this log', false, false);
  }

  #holdsRecords(head: LogHead): boolean {
    const reader = openLog(this.#options, head);
    try {
      let search = reader.seekSound(0);
      if (search === 'record' && reader.contentLen === 0) {
        search = reader.seekSound(reader.nextPosition);
      }
      return search !== 'none';
    } finally {
      reader.close();
    }
  }

  /** Replays one log; returns the flaw that ends it, if one does. */
  *#replayLog(head: LogHead): Generator<ReplayProgress, Flaw | undefined, void> {
    if (head.state !== 'sound') return this.#judgeHeader(head);
    const name = this.#names?.get(head.fileNumber);
    const misfit = name === undefined ? undefined : whyNotNamed(head, head.identity!, name);
    if (misfit !== undefined) return flawAt(head, 0, misfit, true, false);
    if (isVoid(head)) {
      if (head.cleanEnd === undefined) return undefined;
      return flawAt(head, 0, 'log is void, but was closed cleanly', true, false);
    }
    if (this.#isGapBefore(head)) {
      const isCertain = head.fileNumber === this.#successor;
      const gap = flawAt(head, 0, 'records before this log are missing', isCertain, false);
      if (this.#mode !== 'skip') return gap;
      this.#drop(gap);
    }
    if (name !== undefined && head.baseSeqno < (this.#lastSeqno ?? 0)) {
      return flawAt(head, 0, 'log begins before the end of the one before it', true, false);
    }
    this.#lastSeqno = head.baseSeqno;
    this.#logsRead++;
    this.#end = undefined;
    const reader = openLog(this.#options, head);
    try {
      return yield* this.#replayRecords(head, reader);
    } finally {
      reader.close();
    }
  }

  /** A log whose creation was cut off has no sound header and no records: it counts as empty. */
  #judgeHeader(head: LogHead): Flaw | undefined {
    if (head.state === 'missing') {
      // Where names are not durable, power loss may have taken it; what was synced in it is told.
      const { fs, names, firstLogNumber } = this.#options;
      const isCertain =
        fs.capabilities.directorySync ||
        (names?.has(head.fileNumber) ?? head.fileNumber === firstLogNumber);
      return flawAt(head, 0, 'log is missing', isCertain || head.cleanEnd !== undefined, false);
    }
    if (head.state === 'foreign') {
      return flawAt(head, 0, 'file header belongs to another file', true, true);
    }
    if (head.state === 'forged') return flawAt(head, 0, 'log is not authentic', true, true);
    const isNamed = this.#names?.has(head.fileNumber) ?? false;
    const isFirst = head.fileNumber === this.#options.firstLogNumber;
    const isCertain = head.mayHoldRecords || isFirst || isNamed;
    const flaw = flawAt(head, 0, `file header is ${head.state}`, isCertain, true);
    if (isCertain || head.cleanEnd !== undefined || this.#mode === 'absolute') return flaw;
    if (head.sizeBytes > 0) this.#drop(flaw);
    return undefined;
  }

  #isGapBefore(head: LogHead): boolean {
    if (this.#lastSeqno !== undefined) return head.baseSeqno > this.#lastSeqno;
    const { firstSeqno, firstLogNumber } = this.#options;
    // What no log is needed for, and is in no table, belonged to families that were dropped.
    if (head.fileNumber === firstLogNumber) return false;
    return firstSeqno !== undefined && head.baseSeqno >= firstSeqno;
  }

  *#replayRecords(
    head: LogHead,
    reader: RecordLogReader,
  ): Generator<ReplayProgress, Flaw | undefined, void> {
    if (head.cleanEnd !== undefined) reader.limit(head.cleanEnd);
    let partEnd = PART_BYTES;
    for (;;) {
      if (reader.position >= partEnd) {
        partEnd = reader.position + PART_BYTES;
        yield this.#progress(reader.position);
      }
      // What follows the last seqno that counts is void, or was left by a failed append.
      const isRestVoid = this.#lastSeqno === head.voidAbove && head.cleanEnd === undefined;
      if (isRestVoid && this.#mode !== 'absolute') return undefined;
      const step = reader.next();
      if (step === 'end' || (step === 'flaw' && reader.isBlankFrom(reader.position))) break;
      if (step === 'flaw') {
        const flaw = flawAt(head, reader.position, reader.flaw, reader.isForged, true);
        if (this.#mode !== 'skip') return flaw;
        this.#drop(flaw);
        if (reader.seekSound(reader.position + 1) !== 'record') return undefined;
      }
      if (reader.contentLen === 0 && reader.isEncrypted) continue;
      const misfit = this.#take(head, reader);
      if (misfit === undefined) continue;
      const flaw = flawAt(head, reader.position, misfit, true, false);
      if (this.#mode !== 'skip') return flaw;
      this.#drop(flaw);
    }
    const { fileNumber } = head;
    this.#end = { fileNumber, position: reader.position, lastSeqno: this.#soundUpTo };
    // What the file has lost of its last parity section is not missed.
    if (head.cleanEnd === undefined || head.cleanEnd <= reader.position) return undefined;
    return flawAt(head, head.sizeBytes, 'log is shorter than it was', true, false);
  }

  /** Visits the record on which the reader stands; returns what does not fit about it. */
  #take(head: LogHead, reader: RecordLogReader): string | undefined {
    const { buf, contentOff, contentLen } = reader;
    if (head.fileNumber === this.#closed) return 'record stands behind the end of the log';
    const next = decodeClosing(buf, contentOff, contentLen, head.path, reader.position);
    if (next !== undefined) return this.#close(head, next);
    const prefix = this.#prefix;
    if (!prefix.read(buf, contentOff, contentLen)) return 'record is not a write batch';
    if (prefix.firstSeqno > head.voidAbove) return undefined;
    if (prefix.lastSeqno > head.voidAbove) return 'record reaches beyond the base of the next log';
    const expected = this.#soundUpTo + 1;
    const follows =
      this.#mode === 'skip' ? prefix.firstSeqno >= expected : prefix.firstSeqno === expected;
    if (!follows) return `record has seqno ${prefix.firstSeqno} where ${expected} follows`;
    const off = contentOff + WAL_RECORD_PREFIX_BYTES;
    const len = contentLen - WAL_RECORD_PREFIX_BYTES;
    this.#visit(head.fileNumber, prefix.firstSeqno, prefix.count, buf, off, len);
    this.#lastSeqno = prefix.lastSeqno;
    this.#recordsRead++;
    this.#bytesRead += contentLen;
    return undefined;
  }

  /** Takes note of the log that follows; returns what does not fit about it. */
  #close(head: LogHead, next: LogIdentity): string | undefined {
    const names = this.#names;
    if (names === undefined) return 'record is not a write batch';
    const { fileNumber } = next;
    const known = names.get(fileNumber);
    const fits = fileNumber > head.fileNumber && (known === undefined || isSameLog(known, next));
    if (!fits) return 'record names a log that cannot follow';
    names.set(fileNumber, next);
    this.#closed = head.fileNumber;
    this.#successor = fileNumber;
    const heads = this.#heads;
    const at = heads.findIndex((one) => one.fileNumber >= fileNumber);
    if (heads[at]?.fileNumber === fileNumber) return undefined;
    heads.splice(at < 0 ? heads.length : at, 0, readLogHead(this.#options, fileNumber));
    return undefined;
  }

  #throwIfDamage(index: number, flaw: Flaw): void {
    if (this.#mode === 'point-in-time') return;
    const evidence =
      this.#mode === 'absolute'
        ? 'no flaw is allowed'
        : evidenceOfDamage(this.#options, this.#heads, index, flaw, this.#soundUpTo, this.#names);
    if (evidence === undefined) return;
    throw corruption(`${flaw.reason}, and ${evidence}`, flaw.file, flaw.offset);
  }

  #drop(range: DroppedRange): void {
    this.#dropped.push({ file: range.file, offset: range.offset, reason: range.reason });
  }
}

/** What is wrong with the header of a log that is named; it was on stable storage before that. */
function whyNotNamed(head: LogHead, own: LogIdentity, name: LogIdentity): string | undefined {
  if (!isSameLog(own, name)) return 'log is another one than was meant';
  const headerBytes = fileHeaderBytes(own.protection);
  // A copy of the header is all that counts of a log that was closed with nothing in it.
  const isShort = head.sizeBytes < headerBytes && head.cleanEnd !== headerBytes;
  return isShort ? 'file header is cut short' : undefined;
}

function isVoid(head: LogHead): boolean {
  return head.state === 'sound' && head.baseSeqno > head.voidAbove;
}
