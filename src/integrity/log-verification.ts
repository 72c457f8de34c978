/**
 * The verification of a log of the WAL: its bytes, and that its records open and follow each other.
 * @module
 */

import type { RecordLogReader } from '../block/record-log-reader.ts';
import { isVarveError } from '../errors.ts';
import { joinPath } from '../fs/port.ts';
import type { JobContext } from '../job/job-context.ts';
import { openLog } from '../wal/log-head.ts';
import { decodeClosing, WalRecordPrefix } from '../wal/wal-record.ts';
import { openToCheck } from './file-check.ts';
import { SealedLook } from './file-verification.ts';
import type { Finding } from './finding.ts';
import {
  contentFinding,
  type DamageSink,
  isFoundAt,
  plainDamage,
  type VerifyFile,
} from './verify-file.ts';

/** See the module head. */
export class LogVerification {
  readonly #file: VerifyFile;
  readonly #path: string;
  readonly #context: JobContext;
  readonly #onDamage: DamageSink;
  readonly #look: SealedLook;
  readonly #findings: Finding[];
  readonly #prefix: WalRecordPrefix;
  #reader: RecordLogReader | undefined;
  /** Of the next record; undefined behind a gap. */
  #nextSeqno: number | undefined;
  #isLooked: boolean;

  constructor(file: VerifyFile, context: JobContext, onDamage: DamageSink) {
    const path = joinPath(context.directory, file.name);
    this.#file = file;
    this.#path = path;
    this.#context = context;
    this.#onDamage = onDamage;
    this.#findings = [];
    this.#prefix = new WalRecordPrefix();
    this.#reader = undefined;
    this.#nextSeqno = undefined;
    this.#isLooked = false;
    const onFinding = (finding: Finding): void => {
      this.#findings.push(finding);
      onDamage(plainDamage(finding));
    };
    const open = () => openToCheck(context.fs, path, file.expected, onFinding);
    this.#look = new SealedLook(path, file, open, onFinding);
  }

  get position(): number {
    return this.#look.position;
  }

  get bytesRead(): number {
    return this.#look.position + (this.#reader?.position ?? 0);
  }

  step(budgetBytes: number): boolean {
    if (!this.#isLooked) {
      this.#isLooked = !this.#look.step(budgetBytes);
      return !this.#isLooked || this.#begin();
    }
    try {
      return this.#readRecords(this.#reader!, budgetBytes);
    } catch (error) {
      if (!isVarveError(error) || error.code === 'DETACHED') throw error;
      this.#tell(error.offset ?? this.#reader!.position, error.message);
      return false;
    }
  }

  close(): void {
    this.#look.close();
    this.#reader?.close();
    this.#reader = undefined;
  }

  /** True if there are records to be read. */
  #begin(): boolean {
    const { fileNumber, endBytes } = this.#file.expected;
    // A file that is missing, or whose header is, has been told.
    if (this.#findings.some(({ part, state }) => part === 'file' && state === 'lost')) return false;
    const reader = openLog(this.#context, { path: this.#path, fileNumber });
    this.#reader = reader;
    if (reader.headerState !== 'sound') return false;
    const end = this.#look.tornAt ?? endBytes;
    if (end !== undefined) reader.limit(end);
    this.#nextSeqno = reader.header!.baseSeqno + 1;
    return true;
  }

  #readRecords(reader: RecordLogReader, budgetBytes: number): boolean {
    // Not from the last record on: one that is longer than the budget would end every step.
    const stop = reader.nextPosition + budgetBytes;
    while (reader.nextPosition < stop) {
      const step = reader.next();
      if (step === 'end') return false;
      if (step === 'flaw') {
        if (reader.isBlankFrom(reader.position)) return false;
        this.#tell(reader.position, reader.flaw);
        this.#nextSeqno = undefined;
        if (reader.seekSound(reader.position + 1) !== 'record') return false;
      }
      this.#checkRecord(reader);
    }
    return true;
  }

  #checkRecord({ buf, contentOff, contentLen, position, isEncrypted }: RecordLogReader): void {
    if (contentLen === 0 && isEncrypted) return;
    const path = this.#path;
    if (decodeClosing(buf, contentOff, contentLen, path, position) !== undefined) return;
    const prefix = this.#prefix;
    if (!prefix.read(buf, contentOff, contentLen)) {
      this.#tell(position, 'record holds no write batch');
      return;
    }
    if (this.#nextSeqno !== undefined && prefix.firstSeqno !== this.#nextSeqno) {
      this.#tell(position, `record begins with seqno ${prefix.firstSeqno}, not ${this.#nextSeqno}`);
    }
    this.#nextSeqno = prefix.lastSeqno + 1;
  }

  /** What the bytes have told already is not told again. */
  #tell(offset: number, cause: string): void {
    if (isFoundAt(this.#findings, offset)) return;
    this.#onDamage(plainDamage(contentFinding(this.#path, this.#file, offset, cause)));
  }
}
