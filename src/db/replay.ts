/**
 * Applying what the WAL held to memtables, during recovery.
 * @module
 */
import { hash32 } from '../bytes/hash32.ts';
import { corruption, VarveError } from '../errors.ts';
import { joinPath } from '../fs/port.ts';
import { KIND_DELETE, KIND_UNKNOWN_MIN } from '../key/kind.ts';
import { walName } from '../manifest/file-names.ts';
import type { DbCore } from './core.ts';
import { OperationReader } from './write-batch.ts';

/** See the module head. */
export class OperationReplay {
  readonly #core: DbCore;
  readonly #staleThrough: ReadonlyMap<number, number>;
  readonly #operations: OperationReader;

  /** @param staleThrough as in `Found` of recover.ts */
  constructor(core: DbCore, staleThrough: ReadonlyMap<number, number> = new Map()) {
    this.#core = core;
    this.#staleThrough = staleThrough;
    this.#operations = new OperationReader();
  }

  /**
   * Applies one record's operations, for the families that do not have them in tables yet. Borrows
   * the buffer.
   * @throws VarveError `CORRUPTION` when a sound record does not hold operations, `UNSUPPORTED` for
   * an operation of a later version
   */
  apply(
    logNumber: number,
    firstSeqno: number,
    count: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): void {
    const operations = this.#operations;
    operations.reset(buf, off, off + len);
    for (let i = 0; i < count; i++) {
      const isSound = operations.next();
      if (operations.kind >= KIND_UNKNOWN_MIN) throw this.#unknownKind(logNumber);
      if (!isSound) throw this.#malformed(logNumber);
      if (operations.familyId >= this.#core.version.nextFamilyId) throw this.#malformed(logNumber);
    }
    if (!operations.atEnd) throw this.#malformed(logNumber);
    operations.reset(buf, off, off + len);
    for (let seqno = firstSeqno; seqno < firstSeqno + count; seqno++) {
      operations.next();
      this.#insert(logNumber, seqno);
    }
  }

  #insert(logNumber: number, seqno: number): void {
    const { buf, familyId, keyOff, keyLen, kind, valOff, valLen } = this.#operations;
    const family = this.#core.families.get(familyId);
    // An id that was given out but is not there any more belonged to a family that was dropped.
    if (family === undefined) return;
    const first = this.#core.version.families.get(familyId)!.logNumber;
    if (logNumber < first || seqno <= (this.#staleThrough.get(familyId) ?? 0)) return;
    if (kind !== KIND_DELETE) family.skipped.notePut(buf, keyOff, keyLen);
    const hash = hash32(buf, keyOff, keyLen);
    const { memtable } = family.active;
    // The one that the manifest names: this one may be named by the log before it only.
    if (memtable.isEmpty) family.active.firstLogNumber = first;
    if (family.settings.entryChecksums) {
      const checksum = this.#operations.entryChecksum();
      memtable.putChecked(buf, keyOff, keyLen, hash, seqno, kind, buf, valOff, valLen, checksum);
    } else {
      memtable.put(buf, keyOff, keyLen, hash, seqno, kind, buf, valOff, valLen);
    }
  }

  #unknownKind(logNumber: number): Error {
    const file = joinPath(this.#core.location.directory, walName(logNumber));
    const text = `an operation is of kind ${this.#operations.kind}, which is not known (${file})`;
    return new VarveError('UNSUPPORTED', text, { file });
  }

  #malformed(logNumber: number): Error {
    const path = joinPath(this.#core.location.directory, walName(logNumber));
    return corruption('WAL record does not hold a write batch', path, 0);
  }
}
