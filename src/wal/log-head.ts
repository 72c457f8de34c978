/**
 * What the headers of a WAL's logs say, read before any record: how the logs chain up, and which
 * records are void.
 * @module
 */
import { BLOCK_WAL_RECORD } from '../block/block-format.ts';
import { FILE_CLASS_WAL } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { type LogHeaderState, RecordLogReader } from '../block/record-log-reader.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { walName } from '../manifest/file-names.ts';
import type { LogIdentity } from '../manifest/version-edit.ts';

/** One log of the chain. */
export interface LogHead {
  readonly fileNumber: number;
  readonly path: string;
  /**
   * Of the header; where the log is encrypted also of the record that vouches for it. `forged`:
   * sound, but it is not what the key of the log is bound to.
   */
  readonly state: LogHeaderState | 'missing' | 'forged';
  readonly sizeBytes: number;
  /** False for a log whose creation was cut off, and for an empty one. */
  readonly mayHoldRecords: boolean;
  /** Of the header, if that is sound. */
  readonly identity: LogIdentity | undefined;
  /** The last seqno that the preceding logs hold; 0 unless the header is sound. */
  readonly baseSeqno: number;
  /** Where a clean close left the log; undefined without one. */
  readonly cleanEnd: number | undefined;
  /**
   * Records above this seqno are void: a later log begins there, because they were lost or never
   * acknowledged when it was created. Infinite where logs are named.
   */
  readonly voidAbove: number;
}

/** Where a log is, and what is known of it. */
export interface LogPlace {
  readonly fs: Fs;
  readonly directory: string;
  readonly pipeline: Pipeline;
  /** Log number to size, as a clean close left them. */
  readonly cleanEnds: ReadonlyMap<number, number>;
}

/** Opens a log for reading; the caller closes it. */
export function openLog(
  { fs, pipeline }: Pick<LogPlace, 'fs' | 'pipeline'>,
  { path, fileNumber }: Pick<LogHead, 'path' | 'fileNumber'>,
): RecordLogReader {
  return RecordLogReader.open(fs, path, FILE_CLASS_WAL, fileNumber, BLOCK_WAL_RECORD, pipeline);
}

/**
 * Reads the headers of the given logs, in ascending order.
 * @param isChainedByBase whether what stands above the base of a later log is void
 * @throws VarveError of the `Fs`; `UNSUPPORTED` for another format version
 */
export function readLogHeads(
  place: LogPlace,
  logNumbers: Iterable<number>,
  isChainedByBase: boolean,
): LogHead[] {
  const numbers = [...new Set(logNumbers)].sort((a, b) => a - b);
  const heads: LogHead[] = [];
  let voidAbove = Number.POSITIVE_INFINITY;
  for (const fileNumber of numbers.reverse()) {
    const head = readLogHead(place, fileNumber, voidAbove);
    if (isChainedByBase && head.state === 'sound') voidAbove = Math.min(voidAbove, head.baseSeqno);
    heads.push(head);
  }
  return heads.reverse();
}

/** Reads one header; see {@link readLogHeads}. */
export function readLogHead(
  { fs, directory, pipeline, cleanEnds }: LogPlace,
  fileNumber: number,
  voidAbove: number = Number.POSITIVE_INFINITY,
): LogHead {
  const path = joinPath(directory, walName(fileNumber));
  const found = readHead({ fs, pipeline }, { path, fileNumber });
  return { fileNumber, path, cleanEnd: cleanEnds.get(fileNumber), voidAbove, ...found };
}

function readHead(
  place: Pick<LogPlace, 'fs' | 'pipeline'>,
  log: Pick<LogHead, 'path' | 'fileNumber'>,
): Pick<LogHead, 'state' | 'sizeBytes' | 'mayHoldRecords' | 'identity' | 'baseSeqno'> {
  if (!place.fs.exists(log.path)) {
    const state = 'missing';
    return { state, sizeBytes: 0, mayHoldRecords: false, identity: undefined, baseSeqno: 0 };
  }
  const reader = openLog(place, log);
  try {
    if (reader.isHeaderDamaged) place.pipeline.noteRepair(log.path);
    const { headerState: state, sizeBytes, mayHoldRecords, header } = reader;
    const baseSeqno = header?.baseSeqno ?? 0;
    const head = { state, sizeBytes, mayHoldRecords, identity: header, baseSeqno };
    return reader.isEncrypted ? { ...head, ...vouchedState(reader) } : head;
  } finally {
    reader.close();
  }
}

/** A header counts if some record opens; the first one was durable before the log was used. */
function vouchedState(
  reader: RecordLogReader,
): Pick<LogHead, 'state' | 'mayHoldRecords'> | undefined {
  const from = reader.nextPosition;
  if (reader.next() === 'record') return undefined;
  const { isForged } = reader;
  const search = reader.seekSound(from + 1);
  if (search === 'record') return undefined;
  if (isForged) return { state: 'forged', mayHoldRecords: true };
  const isTorn = search === 'none' && (reader.sizeBytes <= from || reader.looksTorn(from));
  return { state: isTorn ? 'unwritten' : 'damaged', mayHoldRecords: !isTorn };
}
