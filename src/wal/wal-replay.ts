/**
 * Reads the WAL back after a crash or a clean close, and decides what a flaw in it means.
 *
 * A process that dies leaves a torn record at the end of a log, and a power cut may lose any of the
 * bytes that were not synced: both are the normal end of the log, and everything behind them was
 * never acknowledged as durable. Damage to acknowledged records must not pass for that. So at the
 * first flaw the replay looks for evidence (`#evidence`) that what stands there was on stable
 * storage, and reports CORRUPTION when there is some.
 *
 * Logs are chained by the base seqno in their headers: records above a later log's base are void,
 * and a base above what the logs before it gave says that records are missing.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import type { RecordLogReader } from '../block/record-log-reader.ts';
import { corruption } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { type LogHead, openLog, readLogHeads } from './log-head.ts';
import { WAL_RECORD_PREFIX_BYTES, WalRecordPrefix } from './wal-record.ts';

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
  readonly logNumbers: readonly number[];
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

/** Something that was not replayed, and why. */
export interface DroppedRange {
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
}

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
}

/**
 * Replays logs in ascending order of their numbers.
 * @throws VarveError `CORRUPTION` with file and offset of the flaw, as `mode` says; `UNSUPPORTED`
 * for records of a later version; any error of the `Fs`
 */
export function replayLogs(options: ReplayOptions, visit: RecordVisitor): ReplayResult {
  return new Replay(options, visit).run();
}

/** The first flaw of a log. */
interface Flaw extends DroppedRange {
  /** No torn write leaves this: it is damage without further evidence. */
  readonly isCertain: boolean;
  /** True when the bytes at the offset are bad; false when they are sound but do not fit. */
  readonly isBadBlock: boolean;
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #mode: WalRecoveryMode;
  readonly #visit: RecordVisitor;
  readonly #heads: readonly LogHead[];
  readonly #prefix: WalRecordPrefix;
  readonly #dropped: DroppedRange[];
  /** The last seqno so far; undefined before the first log that counts. */
  #lastSeqno: number | undefined;
  #logsRead: number;
  #recordsRead: number;
  #bytesRead: number;

  constructor(options: ReplayOptions, visit: RecordVisitor) {
    const { fs, directory, logNumbers, cleanEnds, pipeline } = options;
    this.#options = options;
    this.#mode = options.mode;
    this.#visit = visit;
    this.#heads = readLogHeads(fs, directory, logNumbers, cleanEnds, pipeline);
    this.#prefix = new WalRecordPrefix();
    this.#dropped = [];
    this.#lastSeqno = undefined;
    this.#logsRead = 0;
    this.#recordsRead = 0;
    this.#bytesRead = 0;
  }

  run(): ReplayResult {
    for (let i = 0; i < this.#heads.length; i++) {
      const flaw = this.#replayLog(this.#heads[i]!);
      if (flaw === undefined) continue;
      this.#drop(flaw);
      if (this.#mode === 'skip') continue;
      this.#throwIfDamage(i, flaw);
      for (const later of this.#heads.slice(i + 1)) {
        if (!later.mayHoldRecords || isVoid(later)) continue;
        this.#drop({ file: later.path, offset: 0, reason: 'log stands behind the flaw' });
      }
      break;
    }
    return {
      lastSeqno: this.#soundUpTo,
      logsRead: this.#logsRead,
      recordsRead: this.#recordsRead,
      bytesRead: this.#bytesRead,
      dropped: this.#dropped,
    };
  }

  get #soundUpTo(): number {
    return this.#lastSeqno ?? (this.#options.firstSeqno ?? 1) - 1;
  }

  /** Replays one log; returns the flaw that ends it, if one does. */
  #replayLog(head: LogHead): Flaw | undefined {
    if (head.state !== 'sound') return this.#judgeHeader(head);
    if (isVoid(head)) {
      if (head.cleanEnd === undefined) return undefined;
      return flawAt(head, 0, 'log is void, but was closed cleanly', true, false);
    }
    if (this.#isGapBefore(head)) {
      const gap = flawAt(head, 0, 'records before this log are missing', false, false);
      if (this.#mode !== 'skip') return gap;
      this.#drop(gap);
    }
    this.#lastSeqno = head.baseSeqno;
    this.#logsRead++;
    const reader = this.#open(head);
    try {
      return this.#replayRecords(head, reader);
    } finally {
      reader.close();
    }
  }

  /** A log whose creation was cut off has no sound header and no records: it counts as empty. */
  #judgeHeader(head: LogHead): Flaw | undefined {
    if (head.state === 'missing') return flawAt(head, 0, 'log is missing', true, false);
    if (head.state === 'foreign') {
      return flawAt(head, 0, 'file header belongs to another file', true, true);
    }
    if (head.state === 'forged') return flawAt(head, 0, 'log is not authentic', true, true);
    const isCertain = head.mayHoldRecords || head.fileNumber === this.#options.firstLogNumber;
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

  #replayRecords(head: LogHead, reader: RecordLogReader): Flaw | undefined {
    if (head.cleanEnd !== undefined) reader.limit(head.cleanEnd);
    for (;;) {
      // What follows the last seqno that counts is void, or was left by a failed append.
      const isRestVoid = this.#lastSeqno === head.voidAbove && head.cleanEnd === undefined;
      if (isRestVoid && this.#mode !== 'absolute') return undefined;
      const step = reader.next();
      if (step === 'end') break;
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
    // What the file has lost of its last parity section is not missed.
    if (head.cleanEnd === undefined || head.cleanEnd <= reader.position) return undefined;
    return flawAt(head, head.sizeBytes, 'log is shorter than it was', true, false);
  }

  /** Visits the record on which the reader stands; returns what does not fit about it. */
  #take(head: LogHead, reader: RecordLogReader): string | undefined {
    const { buf, contentOff, contentLen } = reader;
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

  #throwIfDamage(index: number, flaw: Flaw): void {
    if (this.#mode === 'point-in-time') return;
    const evidence = this.#mode === 'absolute' ? 'no flaw is allowed' : this.#evidence(index, flaw);
    if (evidence === undefined) return;
    throw corruption(`${flaw.reason}, and ${evidence}`, flaw.file, flaw.offset);
  }

  /** Why the flaw must be damage to durable data; undefined when it may be a normal end. */
  #evidence(index: number, flaw: Flaw): string | undefined {
    if (flaw.isCertain) return 'no crash leaves that';
    const head = this.#heads[index]!;
    if (head.cleanEnd !== undefined) return 'the log was closed cleanly';
    const inLog = this.#evidenceInLog(head, flaw);
    if (inLog !== undefined) return inLog;
    for (const later of this.#heads.slice(index + 1)) {
      if (later.cleanEnd !== undefined) return 'a later log was closed cleanly';
      const inLater = this.#evidenceInLog(later, undefined);
      if (inLater !== undefined) return inLater;
    }
    return undefined;
  }

  /**
   * Looks through the sound records of a log, those behind `flaw` if it is in this log: the first
   * that says that more is durable than was found, or that shows the flawed range to be written.
   */
  #evidenceInLog(head: LogHead, flaw: Flaw | undefined): string | undefined {
    if (head.state !== 'sound') return undefined;
    const reader = this.#open(head);
    const prefix = new WalRecordPrefix();
    try {
      let bad = flaw?.isBadBlock ? flaw.offset : -1;
      let from = bad + 1;
      for (;;) {
        const search = reader.seekSound(from);
        if (search === 'unclear') return 'what follows cannot be judged';
        if (search === 'none') return undefined;
        const found = reader.position;
        from = reader.nextPosition;
        const isBatch = prefix.read(reader.buf, reader.contentOff, reader.contentLen);
        if (isBatch && prefix.durableSeqno > this.#soundUpTo) {
          return `the record at ${found} of ${head.path} shows that it was on stable storage`;
        }
        if (bad >= 0 && !reader.looksUnwritten(bad, found)) {
          return `a sound record follows at ${found}`;
        }
        bad = -1;
      }
    } finally {
      reader.close();
    }
  }

  #open(head: LogHead): RecordLogReader {
    const { fs, pipeline } = this.#options;
    return openLog(fs, head.path, head.fileNumber, pipeline);
  }

  #drop(range: DroppedRange): void {
    this.#dropped.push({ file: range.file, offset: range.offset, reason: range.reason });
  }
}

function isVoid(head: LogHead): boolean {
  return head.state === 'sound' && head.baseSeqno > head.voidAbove;
}

function flawAt(
  head: LogHead,
  offset: number,
  reason: string,
  isCertain: boolean,
  isBadBlock: boolean,
): Flaw {
  return { file: head.path, offset, reason, isCertain, isBadBlock };
}
