/**
 * Reading what was written to the logs since they were read, for somebody who follows a writer.
 * @module
 */
import { BLOCK_WAL_RECORD } from '../block/block-format.ts';
import { FILE_CLASS_WAL } from '../block/file-header.ts';
import { RecordLogReader } from '../block/record-log-reader.ts';
import { joinPath } from '../fs/port.ts';
import { walName } from '../manifest/file-names.ts';
import { isSameLog } from '../manifest/manifest-state.ts';
import type { LogIdentity } from '../manifest/version-edit.ts';
import type { LogDirectory } from './replay-options.ts';
import { decodeClosing, WAL_RECORD_PREFIX_BYTES, WalRecordPrefix } from './wal-record.ts';
import type { LogEnd, RecordVisitor } from './wal-replay.ts';

/** Records are read for so long before somebody else has a turn. */
const PART_BYTES = 0x10_0000;

/** What a tail has come to. */
interface Step {
  readonly end: LogEnd;
  /** The log that follows the one that has come to its end. */
  readonly next: LogIdentity | undefined;
  /** There may be more to read in the same log. */
  readonly isPart: boolean;
}

/**
 * Reads on from where the logs ended, in parts of 1 MiB, or a record.
 * @param visit called with each record, as by a replay
 * @returns where they end now; undefined where that takes a look at all of them: something else
 * than a record follows, be it that one is being written, or damage
 * @throws VarveError of the `Fs`, and what `visit` throws
 */
export function* readTail(
  place: LogDirectory,
  from: LogEnd,
  visit: RecordVisitor,
): Generator<LogEnd, LogEnd | undefined, void> {
  let end = from;
  let expected: LogIdentity | undefined;
  for (;;) {
    const step = readPart(place, end, expected, visit);
    if (step === undefined) return undefined;
    end = step.end;
    if (step.next !== undefined) {
      expected = step.next;
      end = { fileNumber: step.next.fileNumber, position: 0, lastSeqno: end.lastSeqno };
    } else if (!step.isPart) return end;
    yield end;
  }
}

/** @param expected who the log must be that is read from its beginning */
function readPart(
  { fs, directory, pipeline }: LogDirectory,
  from: LogEnd,
  expected: LogIdentity | undefined,
  visit: RecordVisitor,
): Step | undefined {
  const { fileNumber } = from;
  const path = joinPath(directory, walName(fileNumber));
  if (!fs.exists(path)) return undefined;
  const type = BLOCK_WAL_RECORD;
  const reader = RecordLogReader.open(fs, path, FILE_CLASS_WAL, fileNumber, type, pipeline);
  try {
    if (reader.headerState !== 'sound') return undefined;
    if (expected?.fileNumber === fileNumber && !isSameLog(expected, reader.header!)) {
      return undefined;
    }
    if (from.position > 0) reader.nextPosition = from.position;
    return new TailPart(reader, from, visit).read();
  } finally {
    reader.close();
  }
}

class TailPart {
  readonly #reader: RecordLogReader;
  readonly #from: LogEnd;
  readonly #visit: RecordVisitor;
  readonly #prefix: WalRecordPrefix;
  #lastSeqno: number;

  constructor(reader: RecordLogReader, from: LogEnd, visit: RecordVisitor) {
    this.#reader = reader;
    this.#from = from;
    this.#visit = visit;
    this.#prefix = new WalRecordPrefix();
    this.#lastSeqno = from.lastSeqno;
  }

  read(): Step | undefined {
    const reader = this.#reader;
    const partEnd = reader.nextPosition + PART_BYTES;
    for (;;) {
      const step = reader.next();
      if (step === 'end') return this.#step(reader.position, undefined, false);
      if (step === 'flaw') {
        const isBlank = reader.isBlankFrom(reader.position);
        return isBlank ? this.#step(reader.position, undefined, false) : undefined;
      }
      const { buf, contentOff, contentLen, position } = reader;
      if (contentLen === 0 && reader.isEncrypted) continue;
      const next = decodeClosing(buf, contentOff, contentLen, reader.path, position);
      if (next !== undefined) {
        const fits = next.fileNumber > this.#from.fileNumber;
        return fits ? this.#step(reader.nextPosition, next, false) : undefined;
      }
      if (!this.#take()) return undefined;
      if (reader.nextPosition >= partEnd) return this.#step(reader.nextPosition, undefined, true);
    }
  }

  #step(position: number, next: LogIdentity | undefined, isPart: boolean): Step {
    const { fileNumber } = this.#from;
    return { end: { fileNumber, position, lastSeqno: this.#lastSeqno }, next, isPart };
  }

  /** False for a record that does not follow. */
  #take(): boolean {
    const { buf, contentOff, contentLen } = this.#reader;
    const prefix = this.#prefix;
    if (!prefix.read(buf, contentOff, contentLen)) return false;
    if (prefix.firstSeqno !== this.#lastSeqno + 1) return false;
    const off = contentOff + WAL_RECORD_PREFIX_BYTES;
    const len = contentLen - WAL_RECORD_PREFIX_BYTES;
    this.#visit(this.#from.fileNumber, prefix.firstSeqno, prefix.count, buf, off, len);
    this.#lastSeqno = prefix.lastSeqno;
    return true;
  }
}
