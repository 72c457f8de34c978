/**
 * Carries out operations that read an open database, and compares what they find with the history:
 * as of now, as of a snapshot, or as of the moment at which a cursor was opened.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import type { DbCursor } from '../../src/db/db-cursor.ts';
import type { RangeOptions } from '../../src/db/range.ts';
import type { Snapshot } from '../../src/db/snapshot.ts';
import { expectCode, expectSame } from './expect.ts';
import type { History } from './history.ts';
import {
  bytesOf,
  describe,
  keyOf,
  ModelCursor,
  type ModelEntry,
  type ModelFamily,
  type ModelRange,
  sameBytes,
} from './model.ts';
import type { CursorMove, Operation } from './operations.ts';

interface HeldSnapshot {
  readonly snapshot: Snapshot;
  readonly seqno: number;
}

interface HeldCursor {
  readonly cursor: DbCursor;
  readonly model: ModelCursor;
}

/** See the module head. */
export class Reader {
  readonly db: Db;
  readonly history: History;
  comparisons: number;
  private readonly snapshots: Map<number, HeldSnapshot>;
  private readonly cursors: Map<number, HeldCursor>;

  constructor(db: Db, history: History) {
    this.db = db;
    this.history = history;
    this.comparisons = 0;
    this.snapshots = new Map();
    this.cursors = new Map();
  }

  /**
   * Carries out an operation if it is one that reads.
   * @returns false if it is another one
   * @throws Error when database and history differ
   */
  perform(operation: Operation): boolean {
    switch (operation.do) {
      case 'get':
        this.get(operation);
        return true;
      case 'scan':
        this.scan(operation);
        return true;
      case 'open-cursor':
        this.openCursor(operation);
        return true;
      case 'move-cursor':
        this.moveCursor(operation.place, operation.moves);
        return true;
      case 'close-cursor':
        this.closeCursor(operation.place);
        return true;
      case 'take-snapshot':
        this.releaseSnapshot(operation.place);
        this.snapshots.set(operation.place, this.heldSnapshot());
        return true;
      case 'release-snapshot':
        this.releaseSnapshot(operation.place);
        return true;
      case 'size':
        this.checkSize(operation.family, operation.range);
        return true;
      default:
        return false;
    }
  }

  /** Compares all families in both directions, and the keys one by one. */
  checkAll(): void {
    const { db, history } = this;
    const names = [...history.families.keys()].sort().join();
    expectSame(db.listColumnFamilies().sort().join(), names, 'families');
    for (const [columnFamily, family] of history.families) {
      const found = entriesOf(db.entries({ columnFamily }));
      this.expect(family.misfit(found, history.lastSeqno), `scan of ${columnFamily}`);
      const back = entriesOf(db.entries({ columnFamily, reverse: true }));
      this.expect(
        family.misfit(back.toReversed(), history.lastSeqno),
        `reverse of ${columnFamily}`,
      );
      this.comparisons += 2 * found.length;
      for (const [key] of family.entries(history.lastSeqno)) this.checkKey(family, key);
    }
  }

  /** Compares what is under a key now. */
  checkKey(family: ModelFamily, key: string): void {
    this.compareValue(
      family,
      key,
      this.db.get(bytesOf(key), { columnFamily: family.name }),
      this.history.lastSeqno,
    );
  }

  /** Of a closed database, which released them all. */
  expectCursorsClosed(): void {
    for (const { cursor } of this.cursors.values()) expectCode(() => cursor.first(), 'CLOSED');
  }

  private get({ keys, how, family: place, snapshot: held }: Operation & { do: 'get' }): void {
    const family = this.history.familyAt(place);
    const { snapshot, seqno } = this.moment(held);
    const options = { ...snapshot, columnFamily: family.name };
    if (how === 'many') {
      const values = this.db.getMany(keys.map(bytesOf), options);
      expectSame(values.length, keys.length, 'number of values');
      for (const [i, key] of keys.entries()) this.compareValue(family, key, values[i], seqno);
      return;
    }
    const key = keys[0]!;
    const value = this.db.get(bytesOf(key), { ...options, borrow: how === 'borrow' });
    this.compareValue(family, key, value, seqno);
    if (how === 'has') expectSame(this.db.has(bytesOf(key), options), value !== undefined, 'has');
  }

  private scan(operation: Operation & { do: 'scan' }): void {
    const { range, reverse, part, borrow } = operation;
    const family = this.history.familyAt(operation.family);
    const { snapshot, seqno } = this.moment(operation.snapshot);
    const bounds = { ...boundsOf(range), ...snapshot, columnFamily: family.name };
    let wanted = this.contentOf(family, seqno, range, bounds);
    if (reverse) wanted = wanted.toReversed();
    const limit = operation.limit ?? wanted.length + 1;
    wanted = wanted.slice(0, limit);
    const options = { ...bounds, limit, reverse, borrow };
    if (part === 'entries') this.compareEntries(this.db.entries(options), wanted);
    else if (part === 'keys') this.compareParts(this.db.keys(options), wanted.map(keyPart));
    else this.compareParts(this.db.values(options), wanted.map(valuePart));
  }

  private openCursor(operation: Operation & { do: 'open-cursor' }): void {
    const { place, range } = operation;
    this.closeCursor(place);
    const family = this.history.familyAt(operation.family);
    const { snapshot, seqno } = this.moment(operation.snapshot);
    const bounds = { ...boundsOf(range), ...snapshot, columnFamily: family.name };
    const content = this.contentOf(family, seqno, range, bounds);
    const cursor = this.db.cursor(bounds);
    expectSame(cursor.valid, false, 'a new cursor is valid');
    this.cursors.set(place, { cursor, model: new ModelCursor(content) });
  }

  /** The entries of a range that a read finds at this moment. */
  private contentOf(
    family: ModelFamily,
    seqno: number,
    range: ModelRange,
    bounds: RangeOptions,
  ): readonly ModelEntry[] {
    const wanted = family.entries(seqno, range);
    if (!family.isForgetful) return wanted;
    const found = new Map(entriesOf(this.db.entries(bounds)));
    for (const [key] of wanted) this.compareValue(family, key, found.get(key), seqno);
    return wanted.filter(([key]) => found.has(key));
  }

  private moveCursor(place: number, moves: readonly CursorMove[]): void {
    const held = this.cursors.get(place);
    if (held === undefined) return;
    for (const move of moves) {
      if ('key' in move) {
        held.model[move.to](move.key);
        this.compareCursor(held, held.cursor[move.to](bytesOf(move.key)), move);
        continue;
      }
      for (let i = 0; i < move.times; i++) {
        held.model[move.to]();
        this.compareCursor(held, held.cursor[move.to](), move);
      }
    }
  }

  private closeCursor(place: number): void {
    this.cursors.get(place)?.cursor.close();
    this.cursors.delete(place);
  }

  private heldSnapshot(): HeldSnapshot {
    return { snapshot: this.db.snapshot(), seqno: this.history.lastSeqno };
  }

  private releaseSnapshot(place: number): void {
    this.snapshots.get(place)?.snapshot.release();
    this.snapshots.delete(place);
  }

  private checkSize(place: number, range: ModelRange): void {
    const { name } = this.history.familyAt(place);
    const stats = this.db.stats().columnFamilies.find((family) => family.name === name)!;
    const total = stats.levels.reduce((sum, level) => sum + level.sizeBytes, 0);
    expectSame(this.db.approximateSize({ columnFamily: name }), total, 'size of everything');
    const size = this.db.approximateSize({ ...boundsOf(range), columnFamily: name });
    if (!(size >= 0 && size <= total)) throw new Error(`size ${size} out of a total of ${total}`);
  }

  private moment(place: number): { snapshot: { snapshot?: Snapshot }; seqno: number } {
    const held = this.snapshots.get(place);
    if (held === undefined) return { snapshot: {}, seqno: this.history.lastSeqno };
    return { snapshot: { snapshot: held.snapshot }, seqno: held.seqno };
  }

  private compareValue(
    family: ModelFamily,
    key: string,
    found: Uint8Array | undefined,
    seqno: number,
  ): void {
    this.comparisons++;
    this.expect(family.misfitOf(key, found, seqno), family.name);
  }

  private compareEntries(
    found: Iterable<[key: Uint8Array, value: Uint8Array]>,
    wanted: readonly ModelEntry[],
  ): void {
    let at = 0;
    for (const [key, value] of found) {
      const [wantedKey, wantedValue] = wanted[at] ?? [undefined, undefined];
      expectSame(keyOf(key), wantedKey, `key of entry ${at} of ${wanted.length}`);
      this.comparePart(value, wantedValue, `entry ${at}`);
      at++;
    }
    expectSame(at, wanted.length, 'number of entries');
  }

  private compareParts(found: Iterable<Uint8Array>, wanted: readonly Uint8Array[]): void {
    let at = 0;
    for (const part of found) this.comparePart(part, wanted[at++], `part ${at}`);
    expectSame(at, wanted.length, 'number of parts');
  }

  private compareCursor({ cursor, model }: HeldCursor, moved: boolean, move: CursorMove): void {
    const { entry } = model;
    const what = `cursor after ${JSON.stringify(move).slice(0, 60)}`;
    expectSame(cursor.valid, entry !== undefined, `${what}: valid`);
    expectSame(moved, cursor.valid, `${what}: result`);
    if (entry === undefined) return;
    expectSame(keyOf(cursor.key()), entry[0], `${what}: key`);
    this.comparePart(cursor.value(), entry[1], what);
  }

  private comparePart(found: Uint8Array, wanted: Uint8Array | undefined, what: string): void {
    this.comparisons++;
    if (sameBytes(found, wanted)) return;
    throw new Error(`${what}: ${describe(found)} instead of ${describe(wanted)}`);
  }

  private expect(misfit: string | undefined, where: string): void {
    if (misfit !== undefined) throw new Error(`${where}: ${misfit}`);
  }
}

/** Copies. */
function entriesOf(entries: Iterable<[key: Uint8Array, value: Uint8Array]>): ModelEntry[] {
  return Array.from(entries, ([key, value]) => [keyOf(key), value] as const);
}

function boundsOf(range: ModelRange): RangeOptions {
  return Object.fromEntries(Object.entries(range).map(([bound, key]) => [bound, bytesOf(key)]));
}

function keyPart([key]: ModelEntry): Uint8Array {
  return bytesOf(key);
}

function valuePart([, value]: ModelEntry): Uint8Array {
  return value;
}
