/**
 * The verification of one table: everything that its bytes and the manifest promise.
 *
 * In full depth the contents are read first, which reads every byte. Only if that met damage, or
 * corrected some, the sealed bytes are looked at too: that tells all of it, and where exactly.
 * @module
 */
import { BlockCache } from '../cache/block-cache.ts';
import { isVarveError, type VarveError } from '../errors.ts';
import type { ReadableFile } from '../fs/port.ts';
import type { JobContext } from '../job/job-context.ts';
import { Table } from '../sstable/table.ts';
import type { TableCheck } from '../sstable/table-check.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { SealedLook } from './file-verification.ts';
import type { Finding } from './finding.ts';
import { contentFinding, type DamageSink, isFoundAt, type VerifyFile } from './verify-file.ts';

/** Faults of contents that are held beside findings of bytes. */
const FAULTS_MAX = 4096;

/** See the module head. */
export class TableVerification {
  readonly #file: VerifyFile;
  readonly #meta: TableMeta;
  readonly #context: JobContext;
  readonly #onDamage: DamageSink;
  readonly #wasCorrected: () => boolean;
  readonly #path: string;
  readonly #faults: VarveError[];
  readonly #findings: Finding[];
  /** Undefined until it is needed, and if it cannot be opened. */
  #table: Table | undefined;
  #isOpened: boolean;
  /** Why it cannot be opened: what the bytes have told is not told again. */
  #openFault: VarveError | undefined;
  #check: TableCheck | undefined;
  #look: SealedLook | undefined;

  /**
   * @param isFull whether contents are read
   * @param wasCorrected whether contents were corrected when they were read
   * @throws VarveError `STALE` if its file is gone, and no part of the database any more
   */
  constructor(
    file: VerifyFile,
    isFull: boolean,
    context: JobContext,
    onDamage: DamageSink,
    wasCorrected: () => boolean,
  ) {
    const { tables } = context;
    this.#file = file;
    this.#meta = file.table!;
    this.#context = context;
    this.#onDamage = onDamage;
    this.#wasCorrected = wasCorrected;
    this.#path = tables.pathOf(tables.slot(this.#meta));
    this.#faults = [];
    this.#findings = [];
    this.#table = undefined;
    this.#isOpened = false;
    this.#openFault = undefined;
    this.#check = undefined;
    this.#look = undefined;
    if (isFull) this.#check = this.#open()?.check((fault) => this.#note(fault));
    else this.#look = this.#lookAtBytes();
    if (isFull && this.#check === undefined) this.#look = this.#lookAtBytes();
  }

  get position(): number {
    return Math.max(this.#check?.position ?? 0, this.#look?.position ?? 0);
  }

  get bytesRead(): number {
    return (this.#check?.position ?? 0) + (this.#look?.position ?? 0);
  }

  step(budgetBytes: number): boolean {
    if (this.#look === undefined) {
      if (this.#stepContents(budgetBytes)) return true;
      if (this.#faults.length === 0 && !this.#wasCorrected()) return false;
      this.#look = this.#lookAtBytes();
      return true;
    }
    if (this.#look.step(budgetBytes)) return true;
    this.#tellFaults();
    return false;
  }

  close(): void {
    this.#look?.close();
    this.#table?.close();
    this.#table = undefined;
  }

  #lookAtBytes(): SealedLook {
    const { tables } = this.#context;
    const open = (): ReadableFile | undefined => {
      try {
        return tables.openFile(tables.slot(this.#meta));
      } catch (error) {
        if (!isVarveError(error, 'CORRUPTION')) throw error;
        const cause = 'file is missing';
        const missing = { ...contentFinding(this.#path, this.#file, 0, cause), part: 'file' };
        this.#tell(missing as Finding);
        return undefined;
      }
    };
    return new SealedLook(this.#path, this.#file, open, (finding) => this.#tell(finding));
  }

  #open(): Table | undefined {
    if (this.#isOpened) return this.#table;
    this.#isOpened = true;
    const { tables, pipeline } = this.#context;
    try {
      const file = tables.openFile(tables.slot(this.#meta));
      this.#table = Table.open(file, this.#meta, new BlockCache(0), pipeline);
    } catch (error) {
      this.#openFault = asFault(error);
    }
    return this.#table;
  }

  /** False when all was looked at, or it cannot be gone on with. */
  #stepContents(budgetBytes: number): boolean {
    try {
      return this.#check!.step(budgetBytes);
    } catch (error) {
      this.#note(asFault(error));
      return false;
    }
  }

  #note(fault: VarveError): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault);
  }

  /** What the bytes have told already is not told again. */
  #tellFaults(): void {
    for (const { offset = 0, message } of this.#faults) {
      if (isFoundAt(this.#findings, offset)) continue;
      this.#tell(contentFinding(this.#path, this.#file, offset, message));
    }
    const fault = this.#openFault;
    if (fault === undefined || this.#findings.some(({ state }) => state === 'lost')) return;
    this.#tell(contentFinding(this.#path, this.#file, fault.offset ?? 0, fault.message));
  }

  #tell(finding: Finding): void {
    if (this.#findings.length < FAULTS_MAX) this.#findings.push(finding);
    const isPlace =
      finding.part === 'block' || finding.part === 'parity' || finding.part === 'content';
    const { smallestKey, largestKey } =
      (isPlace ? this.#open()?.keysAround(finding.offset) : undefined) ?? this.#meta;
    const { columnFamily } = this.#file;
    this.#onDamage({ ...finding, columnFamily, smallestKey, largestKey });
  }
}

/** @throws what is none of the table */
function asFault(error: unknown): VarveError {
  if (!isVarveError(error) || error.code === 'STALE' || error.code === 'DETACHED') throw error;
  return error;
}
