/**
 * The sound batches of one log, whatever stands between them: for those who cannot rely on what a
 * manifest says of logs.
 * @module
 */
import type { RecordLogReader } from '../block/record-log-reader.ts';
import { type LogHead, type LogPlace, openLog } from './log-head.ts';
import { decodeClosing, WAL_RECORD_PREFIX_BYTES, WalRecordPrefix } from './wal-record.ts';

/** A batch; its buffer is lent until the scan goes on. */
export interface SoundBatch {
  readonly firstSeqno: number;
  readonly lastSeqno: number;
  /** Operations: `buf[off, off + len)`. */
  readonly count: number;
  readonly buf: Uint8Array;
  readonly off: number;
  readonly len: number;
}

/** A place at which a log is damaged, or ends. */
export interface LogFlaw {
  readonly offset: number;
  readonly reason: string;
  /** Something sound stands behind it, or it does not look like the end that a crash leaves. */
  readonly isDamage: boolean;
}

/**
 * Goes through a log with a sound header.
 * @param onFlaw told of each place at which something is wrong
 * @throws VarveError `UNSUPPORTED` for records of a later version, or of the `Fs`
 */
export function* scanLog(
  place: Pick<LogPlace, 'fs' | 'pipeline'>,
  head: LogHead,
  onFlaw: (flaw: LogFlaw) => void,
): Generator<SoundBatch> {
  const reader = openLog(place, head);
  try {
    for (;;) {
      const step = reader.next();
      if (step === 'end' || (step === 'flaw' && reader.isBlankFrom(reader.position))) return;
      if (step === 'flaw' && !skipFlaw(reader, onFlaw)) return;
      const batch = batchOf(reader, onFlaw);
      if (batch !== undefined) yield batch;
    }
  } finally {
    reader.close();
  }
}

/** To the next sound record; false if there is none. */
function skipFlaw(reader: RecordLogReader, onFlaw: (flaw: LogFlaw) => void): boolean {
  const { position: offset, flaw: reason, isForged } = reader;
  const hasMore = reader.seekSound(offset + 1) === 'record';
  const isDamage = hasMore || isForged || !reader.looksTorn(offset);
  onFlaw({ offset, reason, isDamage });
  return hasMore;
}

/** Undefined for a record that is no batch. */
function batchOf(reader: RecordLogReader, onFlaw: (flaw: LogFlaw) => void): SoundBatch | undefined {
  const { buf, contentOff, contentLen, path, position } = reader;
  if (contentLen === 0 && reader.isEncrypted) return undefined;
  if (decodeClosing(buf, contentOff, contentLen, path, position) !== undefined) return undefined;
  const prefix = new WalRecordPrefix();
  if (!prefix.read(buf, contentOff, contentLen)) {
    onFlaw({ offset: position, reason: 'record is not a write batch', isDamage: true });
    return undefined;
  }
  const { firstSeqno, lastSeqno, count } = prefix;
  const off = contentOff + WAL_RECORD_PREFIX_BYTES;
  return { firstSeqno, lastSeqno, count, buf, off, len: contentLen - WAL_RECORD_PREFIX_BYTES };
}
