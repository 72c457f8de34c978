/**
 * Writes of one page, in the order of its calls. Those that came together are one batch of the
 * database, and so one record of the log and one mark (marks.ts), unless one of them is refused.
 * @module
 */
import type { Db } from '../db/database.ts';
import type { Bytes } from '../db/input.ts';
import { WriteBatch } from '../db/write-batch.ts';
import { VarveError } from '../errors.ts';
import { type ClientMarks, MARKS_FAMILY, noFamily } from './marks.ts';
import type { BatchOperation } from './protocol.ts';

/** A batch that holds so much is written before more is added. */
const TOGETHER_BYTES_MAX = 0x10_0000;

/** A write that a page asks for. */
export interface WriteCall {
  readonly id: number;
  readonly operations: readonly BatchOperation[];
}

/** What came of a write: the seqno of its last operation, or why it was refused. */
export interface WriteOutcome {
  readonly seqno: number;
  readonly error: unknown;
}

/** See the module head; for one page. */
export class ClientWrites {
  readonly #db: Db;
  /** Undefined where nobody else could make a call again. */
  readonly #marks: ClientMarks | undefined;
  readonly #client: string;

  constructor(db: Db, marks: ClientMarks | undefined, client: string) {
    this.#db = db;
    this.#marks = marks;
    this.#client = client;
  }

  /** The page has heard what came of all calls before `pendingFrom`. */
  settle(pendingFrom: number): void {
    this.#marks?.settle(this.#client, pendingFrom);
  }

  /** Does the writes of a list, and says of each what came of it. */
  write(calls: readonly WriteCall[]): WriteOutcome[] {
    const outcomes: WriteOutcome[] = [];
    let at = 0;
    while (at < calls.length) {
      const known = this.#outcomeBefore(calls[at]!.id);
      if (known !== undefined) {
        outcomes.push(known);
        at++;
        continue;
      }
      const end = this.#writeTogether(calls, at, outcomes);
      if (end === at) outcomes.push(this.#writeAlone(calls[at++]!));
      else at = end;
    }
    return outcomes;
  }

  /** What an earlier worker has done with the call; undefined if nothing. */
  #outcomeBefore(id: number): WriteOutcome | undefined {
    const fate = this.#marks?.fate(this.#client, id) ?? 'new';
    if (fate === 'new') return undefined;
    // Its own seqno is not known any more; as of this one it is there.
    if (fate === 'done') return { seqno: this.#db.seqno, error: undefined };
    const [code, text] =
      fate === 'refused'
        ? (['IO', 'the worker that has ended refused the write: nothing was written'] as const)
        : (['UNKNOWN', 'nobody knows whether the worker that has ended did the write'] as const);
    return { seqno: 0, error: new VarveError(code, text) };
  }

  /**
   * Writes calls from `first` on as one batch, those that are new and fit.
   * @returns the index behind the last; `first` when one was refused, and nothing was written
   */
  #writeTogether(calls: readonly WriteCall[], first: number, outcomes: WriteOutcome[]): number {
    try {
      const end = endOfGroup(calls, first);
      const seqnos = this.#write(calls.slice(first, end));
      for (const seqno of seqnos) outcomes.push({ seqno, error: undefined });
      return end;
    } catch {
      // Alone, each has its own answer.
      return first;
    }
  }

  #writeAlone(call: WriteCall): WriteOutcome {
    try {
      return { seqno: this.#write([call])[0]!, error: undefined };
    } catch (error) {
      this.#marks?.noteRefused(this.#client, call.id);
      return { seqno: 0, error };
    }
  }

  /**
   * Writes calls as one batch, or nothing. The mark comes first, so that the seqno of the last call
   * is that of the batch.
   * @returns of each call the seqno of its last operation
   */
  #write(calls: readonly WriteCall[]): number[] {
    const marks = calls.some(({ operations }) => operations.length > 0) ? this.#marks : undefined;
    const { id } = calls.at(-1)!;
    const batch = new WriteBatch();
    marks?.add(batch, this.#client, id);
    const counts = calls.map(({ operations }) => {
      addAll(batch, operations);
      return batch.count;
    });
    const first = this.#db.write(batch) - batch.count;
    marks?.noteDone(this.#client, id);
    return counts.map((count) => first + count);
  }
}

/** The index behind the last call of a batch that begins with `first`. */
function endOfGroup(calls: readonly WriteCall[], first: number): number {
  let bytes = 0;
  let end = first;
  while (end < calls.length && bytes < TOGETHER_BYTES_MAX) {
    for (const operation of calls[end++]!.operations) {
      bytes += lengthOf(operation.key);
      if (operation.type === 'put') bytes += lengthOf(operation.value);
    }
  }
  return end;
}

/** About how many bytes it takes. */
function lengthOf(data: Bytes): number {
  return typeof data === 'string' ? data.length : data.byteLength;
}

function addAll(batch: WriteBatch, operations: readonly BatchOperation[]): void {
  for (const operation of operations) {
    const { key, columnFamily } = operation;
    if (columnFamily === MARKS_FAMILY) throw noFamily(columnFamily);
    if (operation.type === 'put') batch.put(key, operation.value, columnFamily);
    else batch.delete(key, columnFamily);
  }
}
