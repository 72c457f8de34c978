/**
 * Which writes of which page were done, so that one which was not answered is done once.
 *
 * A write of a page that shares carries a put to the column family `varve.tabs` in its batch. So
 * both are there after a crash, or neither:
 *
 *     key     the name of the page, 16 bytes of ASCII
 *     value   varint  number of the newest call of this page whose write was done
 *             varint  calls up to this one, which was refused, are forgotten; 0: none is
 *             varint  how many calls are known that were refused
 *             varint  the number of each, ascending
 *
 * A page makes its writes in the order of their numbers. One up to the newest that is not among the
 * refused ones was done. A refused write changes nothing, and it is remembered until the page says
 * that it has heard of it. The entry of a page goes with a write of another, after the page is gone
 * for good; so the family has as many entries as there are pages, and some of those that were.
 * @module
 */
import { ByteWriter } from '../bytes/byte-writer.ts';
import { VarintReader } from '../bytes/varint.ts';
import type { ColumnFamily } from '../db/column-family.ts';
import type { Db } from '../db/database.ts';
import type { WriteBatch } from '../db/write-batch.ts';
import { VarveError } from '../errors.ts';

/** The column family of the marks; pages do not see it. */
export const MARKS_FAMILY = 'varve.tabs';
/** So many refused writes of a page are remembered. */
const REFUSED_MAX = 64;

/** What is known of one page. */
interface Mark {
  done: number;
  forgotten: number;
  refused: number[];
}

/** What came of a write that a page asks for. */
export type Fate = 'new' | 'done' | 'refused' | 'unknown';

/** See the module head; for one database. */
export class ClientMarks {
  readonly #db: Db;
  readonly #marks: Map<string, Mark>;
  /** Clients whose entries go with the next write. */
  readonly #departed: Set<string>;
  /** Undefined before the first write of all. */
  #family: ColumnFamily | undefined;

  /** Reads what earlier workers have left. */
  constructor(db: Db) {
    this.#db = db;
    this.#marks = new Map();
    this.#departed = new Set();
    this.#family = undefined;
    if (!db.listColumnFamilies().includes(MARKS_FAMILY)) return;
    const columnFamily = db.columnFamily(MARKS_FAMILY);
    this.#family = columnFamily;
    const decoder = new TextDecoder();
    for (const [key, value] of db.entries({ columnFamily })) {
      this.#marks.set(decoder.decode(key), decode(value));
    }
  }

  /** Pages of which something is known. */
  clients(): string[] {
    return [...this.#marks.keys()];
  }

  /** What came of call `id` of a page. */
  fate(client: string, id: number): Fate {
    const mark = this.#marks.get(client);
    if (mark === undefined) return 'new';
    if (mark.refused.includes(id)) return 'refused';
    if (id <= mark.forgotten) return 'unknown';
    return id <= mark.done ? 'done' : 'new';
  }

  /** Adds to a batch what makes call `id`, and those before it, count as done. */
  add(batch: WriteBatch, client: string, id: number): void {
    this.#family ??= this.#db.createColumnFamily(MARKS_FAMILY);
    const { forgotten = 0, refused = [] } = this.#marks.get(client) ?? {};
    batch.put(client, encode({ done: id, forgotten, refused }), this.#family);
    for (const departed of this.#departed) batch.delete(departed, this.#family);
  }

  /** The batch of {@link add} was written. */
  noteDone(client: string, id: number): void {
    this.#markOf(client).done = id;
    for (const departed of this.#departed) this.#marks.delete(departed);
    this.#departed.clear();
  }

  /** A write was refused; the next one of this page carries that. */
  noteRefused(client: string, id: number): void {
    const mark = this.#markOf(client);
    mark.refused.push(id);
    if (mark.refused.length > REFUSED_MAX) mark.forgotten = mark.refused.shift()!;
  }

  /** The page has heard what came of all calls before `pendingFrom`. */
  settle(client: string, pendingFrom: number): void {
    const mark = this.#marks.get(client);
    if (mark === undefined || mark.refused.length === 0) return;
    mark.refused = mark.refused.filter((id) => id >= pendingFrom);
  }

  /** The page is gone, and does not come back. */
  forget(client: string): void {
    if (this.#marks.has(client)) this.#departed.add(client);
  }

  #markOf(client: string): Mark {
    let mark = this.#marks.get(client);
    if (mark === undefined) {
      mark = { done: 0, forgotten: 0, refused: [] };
      this.#marks.set(client, mark);
    }
    return mark;
  }
}

/** What a page hears that names the family of the marks. */
export function noFamily(name: string): VarveError {
  return new VarveError('INVALID', `there is no column family '${name}' for pages`);
}

function encode({ done, forgotten, refused }: Mark): Uint8Array {
  const out = new ByteWriter(32);
  out.varint(done);
  out.varint(forgotten);
  out.varint(refused.length);
  for (const id of refused) out.varint(id);
  return out.buf.slice(0, out.length);
}

function decode(value: Uint8Array): Mark {
  const reader = new VarintReader(value, 0, value.length);
  const done = reader.next();
  const forgotten = reader.next();
  const count = reader.next();
  const refused: number[] = [];
  for (let i = 0; i < count && !reader.failed; i++) refused.push(reader.next());
  if (reader.failed || reader.off !== reader.end) {
    throw new VarveError('CORRUPTION', `an entry of ${MARKS_FAMILY} is not one of ours`);
  }
  return { done, forgotten, refused };
}
