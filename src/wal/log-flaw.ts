/**
 * Flaws of logs, and how damage is told from the end that a crash leaves.
 *
 * A flaw is damage where something shows that what stood there was on stable storage: a clean
 * close, a name that is only given to durable logs, a sound record behind it that says so or that
 * could not be there otherwise. Without such evidence it is the normal end of the logs.
 * @module
 */
import type { LogIdentity } from '../manifest/version-edit.ts';
import { type LogHead, type LogPlace, openLog } from './log-head.ts';
import { WalRecordPrefix } from './wal-record.ts';

/** Something that was not replayed, and why. */
export interface DroppedRange {
  /** Path of the log. */
  readonly file: string;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** Why it was left out. */
  readonly reason: string;
}

/** What is wrong at a place of a log. */
export interface Flaw extends DroppedRange {
  /** No torn write leaves this: it is damage without further evidence. */
  readonly isCertain: boolean;
  /** True when the bytes at the offset are bad; false when they are sound but do not fit. */
  readonly isBadBlock: boolean;
}

/** A flaw of a log; see {@link Flaw}. */
export function flawAt(
  head: LogHead,
  offset: number,
  reason: string,
  isCertain: boolean,
  isBadBlock: boolean,
): Flaw {
  return { file: head.path, offset, reason, isCertain, isBadBlock };
}

/**
 * Why a flaw must be damage to durable data; undefined when it may be a normal end.
 * @param heads of all logs, of which the one at `index` has the flaw
 * @param soundUpTo the last seqno that the logs have given
 * @param names logs that are known to have been on stable storage, by number, if logs are named
 * @throws VarveError of the `Fs`
 */
export function evidenceOfDamage(
  place: LogPlace,
  heads: readonly LogHead[],
  index: number,
  flaw: Flaw,
  soundUpTo: number,
  names: ReadonlyMap<number, LogIdentity> | undefined,
): string | undefined {
  if (flaw.isCertain) return 'no crash leaves that';
  const head = heads[index]!;
  if (head.cleanEnd !== undefined) return 'the log was closed cleanly';
  const inLog = evidenceInLog(place, head, flaw, soundUpTo);
  if (inLog !== undefined) return inLog;
  for (const later of heads.slice(index + 1)) {
    if (later.cleanEnd !== undefined) return 'a later log was closed cleanly';
    const isLost = later.state !== 'sound' && names?.has(later.fileNumber);
    if (isLost) return `the manifest names ${later.path}, which is ${later.state}`;
    const inLater = evidenceInLog(place, later, undefined, soundUpTo);
    if (inLater !== undefined) return inLater;
  }
  return undefined;
}

/**
 * Looks through the sound records of a log, those behind `flaw` if it is in this log: the first
 * that says that more is durable than was found, or that shows the flawed range to be written.
 */
function evidenceInLog(
  place: LogPlace,
  head: LogHead,
  flaw: Flaw | undefined,
  soundUpTo: number,
): string | undefined {
  if (head.state !== 'sound') return undefined;
  const reader = openLog(place, head);
  const prefix = new WalRecordPrefix();
  try {
    let bad = flaw?.isBadBlock ? flaw.offset : -1;
    let from = bad + 1;
    for (;;) {
      const search = reader.seekSound(from);
      if (search === 'unclear') return 'what follows cannot be judged';
      if (search === 'none') {
        return bad < 0 || reader.looksTorn(bad) ? undefined : 'it was written as a whole';
      }
      const found = reader.position;
      from = reader.nextPosition;
      const isBatch = prefix.read(reader.buf, reader.contentOff, reader.contentLen);
      if (isBatch && prefix.durableSeqno > soundUpTo) {
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
