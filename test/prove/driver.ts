/**
 * Carries operations out on an open database and notes in the history what they change and what
 * the database acknowledges.
 * @module
 */
import type { ColumnFamily } from '../../src/db/column-family.ts';
import type { Db } from '../../src/db/database.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import type { History } from './history.ts';
import { bytesOf, ModelFamily } from './model.ts';
import { type Operation, valueFor, type WriteSpec } from './operations.ts';

/** See the module head. */
export class Driver {
  readonly db: Db;
  readonly history: History;
  /** Writes that ask for it are acknowledged as durable; without a log they are not. */
  private readonly hasLog: boolean;
  /** Work that nobody has waited for yet. */
  private background: Promise<void>[];

  constructor(db: Db, history: History, hasLog: boolean) {
    this.db = db;
    this.history = history;
    this.hasLog = hasLog;
    this.background = [];
  }

  /** Waits for all work, whatever becomes of it. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.background);
  }

  /** Closes the database, which acknowledges what it holds; throws what work left over threw. */
  async close(): Promise<void> {
    await this.abandon();
    await this.db.close();
    this.history.acknowledge(this.db.seqno);
    await Promise.all(this.background);
  }

  /** Carries out one operation of those that matter to durability. */
  async perform(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'write':
        return this.write([operation.write], operation.sync);
      case 'batch':
        return this.write(operation.writes, operation.sync);
      case 'create-family':
        return this.createFamily(`family-${operation.family}`);
      case 'drop-family':
        return this.dropFamily(`family-${operation.family}`);
      case 'sync':
        return this.acknowledged(this.db.sync(), this.history.lastSeqno, operation.wait);
      case 'flush':
        return this.flush(operation);
      case 'compact':
        return this.acknowledged(this.db.compact(), this.history.lastSeqno, operation.wait);
      case 'verify':
        return this.history.expectAll(this.db);
      default:
        throw new Error(`${operation.do} says nothing about durability`);
    }
  }

  private write(writes: readonly WriteSpec[], sync: boolean): void {
    const batch = new WriteBatch();
    const noted: [string, string, Uint8Array | undefined][] = [];
    for (const { family: place, key, value } of writes) {
      const family = this.familyAt(place);
      const bytes = value === undefined ? undefined : valueFor(value);
      if (bytes === undefined) batch.delete(bytesOf(key), family);
      else batch.put(bytesOf(key), bytes, family);
      noted.push([family.name, key, bytes]);
    }
    this.history.write(noted);
    const seqno = this.db.write(batch, { sync: sync && this.hasLog });
    if (seqno !== this.history.lastSeqno) throw new Error(`a write has seqno ${seqno}`);
    if (sync && this.hasLog) this.history.acknowledge(seqno);
  }

  private createFamily(name: string): void {
    if (this.history.families.has(name)) return;
    this.history.changeFamilies(name, new ModelFamily(name));
    this.db.createColumnFamily(name);
    this.history.settleFamilies();
  }

  private dropFamily(name: string): void {
    if (!this.history.families.has(name)) return;
    this.history.changeFamilies(name, undefined);
    this.db.dropColumnFamily(name);
    this.history.settleFamilies();
  }

  private flush({ family, wait }: Operation & { do: 'flush' }): Promise<void> {
    const { lastSeqno } = this.history;
    if (family === undefined) return this.acknowledged(this.db.flush(), lastSeqno, wait);
    const columnFamily = this.familyAt(family);
    const seqno = this.history.families.get(columnFamily.name)!.newestSeqno;
    return this.acknowledged(this.db.flush({ columnFamily }), seqno, wait);
  }

  /** Notes that everything up to `seqno` is durable when the promise has resolved. */
  private async acknowledged(done: Promise<void>, seqno: number, wait: boolean): Promise<void> {
    const history = this.history;
    const noted = done.then(() => history.acknowledge(seqno));
    if (wait) return noted;
    noted.catch(() => {});
    this.background.push(noted);
  }

  private familyAt(place: number): ColumnFamily {
    const name = `family-${place}`;
    return this.db.columnFamily(this.history.families.has(name) ? name : 'default');
  }
}
