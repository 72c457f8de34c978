/**
 * What the logs in a directory hold, where no manifest says which of them count.
 *
 * Logs that follow each other without a gap up to the last write are all replayed: whatever tables
 * have of it already, the newest version of each key is among them. Before a gap that is not so:
 * what was written there may have been replaced by what is missing.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import { isVarveError } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import type { LogIdentity } from '../manifest/version-edit.ts';
import type { DroppedRange } from '../wal/log-flaw.ts';
import { type LogHead, type LogPlace, readLogHead } from '../wal/log-head.ts';
import { type SoundBatch, scanLog } from '../wal/log-scan.ts';

/** See the module head. */
export interface FoundLogs {
  /** The log from which on all are replayed; 0 without any. */
  readonly firstLogNumber: number;
  /** Of those that are replayed. */
  readonly identities: readonly LogIdentity[];
  /** Families of which they have operations. */
  readonly familyIds: ReadonlySet<number>;
  readonly recordCount: number;
  /** The newest write in them; 0 without one. */
  readonly lastSeqno: number;
  /** The oldest write in them, less 1; 0 without one. */
  readonly baseSeqno: number;
  /** Writes up to this one stand before a gap; 0 without a gap. */
  readonly staleThrough: number;
  /** The log that begins behind the gap; 0 if that is within a log, or there is none. */
  readonly logBehindGap: number;
  /** What is wrong with them; not the end that a crash leaves. */
  readonly damage: readonly DroppedRange[];
}

/** Notes the families of a batch's operations; false when it does not hold what it should. */
export type BatchLook = (batch: SoundBatch, familyIds: Set<number>) => boolean;

/**
 * Reads all logs with these numbers.
 * @throws VarveError `KEY`, `UNSUPPORTED`, or of the `Fs`
 */
export function surveyLogs(
  fs: Fs,
  directory: string,
  pipeline: Pipeline,
  logNumbers: readonly number[],
  look: BatchLook,
): FoundLogs {
  const place = { fs, directory, pipeline, cleanEnds: new Map<number, number>() };
  const damage: DroppedRange[] = [];
  let scan = new LogScan();
  for (const fileNumber of logNumbers) {
    const head = soundHead(place, fileNumber, damage);
    if (head === undefined) continue;
    // What a log holds beyond the base of the next one was taken back, and is in tables as far as
    // it counts: writing went on only after that.
    if (head.baseSeqno < scan.lastSeqno) scan = new LogScan();
    const batches = scanLog(place, head, ({ offset, reason, isDamage }) => {
      if (isDamage) damage.push({ file: head.path, offset, reason });
    });
    scan.take(head, look, batches);
  }
  return { ...scan.found(), damage };
}

/** Undefined for a log of which nothing counts. */
function soundHead(
  place: LogPlace,
  fileNumber: number,
  damage: DroppedRange[],
): LogHead | undefined {
  try {
    const head = readLogHead(place, fileNumber);
    if (head.state === 'sound') return head;
    const reason = `file header is ${head.state}`;
    if (head.mayHoldRecords) damage.push({ file: head.path, offset: 0, reason });
  } catch (error) {
    if (!isVarveError(error, 'CORRUPTION')) throw error;
    const file = error.file ?? place.directory;
    damage.push({ file, offset: error.offset ?? 0, reason: error.message });
  }
  return undefined;
}

class LogScan {
  firstLogNumber: number;
  lastSeqno: number;
  baseSeqno: number;
  staleThrough: number;
  logBehindGap: number;
  recordCount: number;
  readonly identities: LogIdentity[];
  readonly familyIds: Set<number>;

  constructor() {
    this.firstLogNumber = 0;
    this.lastSeqno = 0;
    this.baseSeqno = 0;
    this.staleThrough = 0;
    this.logBehindGap = 0;
    this.recordCount = 0;
    this.identities = [];
    this.familyIds = new Set();
  }

  take(head: LogHead, look: BatchLook, batches: Iterable<SoundBatch>): void {
    if (this.firstLogNumber === 0) {
      this.firstLogNumber = head.fileNumber;
      this.baseSeqno = head.baseSeqno;
      this.lastSeqno = head.baseSeqno;
    }
    const { fileNumber, salt, protection } = head.identity!;
    this.identities.push({ fileNumber, salt, protection });
    if (this.#noteGap(head.baseSeqno)) this.logBehindGap = fileNumber;
    for (const batch of batches) {
      this.#noteGap(batch.firstSeqno - 1);
      if (!look(batch, this.familyIds)) continue;
      this.recordCount++;
      this.lastSeqno = Math.max(this.lastSeqno, batch.lastSeqno);
    }
  }

  found(): Omit<FoundLogs, 'damage'> {
    const { firstLogNumber, identities, familyIds } = this;
    const { recordCount, lastSeqno, baseSeqno, staleThrough, logBehindGap } = this;
    return {
      ...{ firstLogNumber, identities, familyIds },
      ...{ recordCount, lastSeqno, baseSeqno, staleThrough, logBehindGap },
    };
  }

  /** True if writes up to `before` are missing. */
  #noteGap(before: number): boolean {
    if (before <= this.lastSeqno) return false;
    this.staleThrough = this.lastSeqno;
    this.logBehindGap = 0;
    this.lastSeqno = before;
    return true;
  }
}
