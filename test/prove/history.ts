/**
 * What a database may show after a power loss: the state after some write of the history, no older
 * than what was acknowledged as durable, with the column families that were durably there.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import { bytesOf, keyOf, type ModelEntry, ModelFamily } from './model.ts';

type Families = Map<string, ModelFamily>;

/** A put, or a delete where there is no value. */
export type Written = readonly [family: string, key: string, value: Uint8Array | undefined];

/** Makes the model of a new column family. */
export type MakeFamily = (name: string) => ModelFamily;

const makePlain: MakeFamily = (name) => new ModelFamily(name);

/** What a recovered database turned out to be. */
export interface Recovered {
  /** A write as of which the state is this one: the last of them, if there are several. */
  readonly seqno: number;
  /** A history that begins there: what is missing now must never come back. */
  readonly history: History;
}

/** See the module head. */
export class History {
  /** As they are, or will be when the change that is under way has happened. */
  families: Families;
  /** As they were before the change that is under way, if one is. */
  private before: Families | undefined;
  /** Seqnos at which a batch ends, ascending, with the one at which the history begins. */
  private readonly ends: number[];
  /** Everything up to this seqno was acknowledged as durable. */
  durableSeqno: number;
  private readonly makeFamily: MakeFamily;

  constructor(base = 0, makeFamily: MakeFamily = makePlain) {
    this.makeFamily = makeFamily;
    this.families = new Map([['default', makeFamily('default')]]);
    this.before = undefined;
    this.ends = [base];
    this.durableSeqno = base;
  }

  get lastSeqno(): number {
    return this.ends.at(-1)!;
  }

  /** The family of a number, or else the default one. */
  familyAt(place: number): ModelFamily {
    return this.families.get(`family-${place}`) ?? this.families.get('default')!;
  }

  /** Notes a batch that is about to be written. */
  write(writes: readonly Written[]): void {
    let seqno = this.lastSeqno;
    for (const [family, key, value] of writes) this.families.get(family)!.set(key, value, ++seqno);
    if (writes.length > 0) this.ends.push(seqno);
  }

  /** Notes that everything up to a seqno was acknowledged as durable. */
  acknowledge(seqno: number): void {
    this.durableSeqno = Math.max(this.durableSeqno, seqno);
  }

  /** Notes that a family is about to be made; `settleFamilies` says that it is. */
  addFamily(name: string): void {
    this.before = new Map(this.families);
    this.families.set(name, this.makeFamily(name));
  }

  /** Notes that a family is about to be dropped; `settleFamilies` says that it is. */
  removeFamily(name: string): void {
    this.before = new Map(this.families);
    this.families.delete(name);
  }

  settleFamilies(): void {
    this.before = undefined;
  }

  /**
   * Finds the state that a recovered database shows.
   * @param opened names of families that opening it made where they were not there
   * @param oldest it is no older than this
   * @throws Error when it is none that may be
   */
  recognise(db: Db, opened: readonly string[] = [], oldest: number = this.durableSeqno): Recovered {
    const found = contentOf(db);
    const misfits: string[] = [];
    for (const known of [this.families, ...(this.before === undefined ? [] : [this.before])]) {
      const families = this.completed(known, opened);
      const misfit = differentNames(found, families);
      if (misfit !== undefined) {
        misfits.push(misfit);
        continue;
      }
      for (const end of this.ends.toReversed()) {
        if (end < oldest || end > db.seqno) continue;
        const difference = differenceAt(found, families, end, true);
        if (difference === undefined) return this.recovered(db, found, families, end);
        misfits.push(`as of ${end}: ${difference}`);
      }
    }
    const range = `${oldest} to ${Math.min(this.lastSeqno, db.seqno)}`;
    throw new Error(`no state of seqno ${range} is shown: ${misfits.slice(0, 8).join('; ')}`);
  }

  /**
   * Goes on in another process, in which nothing became more durable than it was.
   * @param seqno as of which that process found the state
   * @param opened see {@link recognise}
   */
  continueAt(db: Db, seqno: number, opened: readonly string[]): void {
    this.undo(seqno);
    if (db.seqno > seqno) this.ends.push(db.seqno);
    this.families = this.completed(this.families, opened);
  }

  /** Compares a database with the state as of `seqno`, before a change that is under way. */
  expectAll(db: Db, seqno: number = this.lastSeqno): void {
    const found = contentOf(db);
    const families = this.before ?? this.families;
    const misfit = differentNames(found, families) ?? differenceAt(found, families, seqno);
    if (misfit !== undefined) throw new Error(`as of ${seqno}: ${misfit}`);
  }

  /** Forgets a change that did not happen: writes after `seqno`, or one of families. */
  undo(seqno: number): void {
    while (this.lastSeqno > seqno) this.ends.pop();
    this.families = this.before ?? this.families;
    this.before = undefined;
    for (const family of this.families.values()) family.truncate(seqno);
  }

  /** Every key that was ever written must be found, or be missing, one by one too. */
  expectLookups(db: Db): void {
    for (const [name, family] of this.families) {
      for (const [key] of family.entries(this.lastSeqno)) {
        const found = db.get(bytesOf(key), { columnFamily: name });
        const misfit = family.misfitOf(key, found, this.lastSeqno);
        if (misfit !== undefined) throw new Error(`get in ${name}: ${misfit}`);
      }
    }
  }

  private completed(families: Families, opened: readonly string[]): Families {
    const missing = opened.filter((name) => !families.has(name));
    return new Map([...families, ...missing.map((name) => [name, this.makeFamily(name)] as const)]);
  }

  private recovered(db: Db, found: Content, families: Families, seqno: number): Recovered {
    const history = new History(db.seqno, this.makeFamily);
    for (const [name, family] of families) {
      history.families.set(name, family.renewed(found.get(name)!, seqno, db.seqno));
    }
    return { seqno, history };
  }
}

type Content = Map<string, ModelEntry[]>;

function contentOf(db: Db): Content {
  return new Map(
    db.listColumnFamilies().map((name) => {
      const entries = [...db.entries({ columnFamily: name })];
      return [name, entries.map(([key, value]) => [keyOf(key), value] as const)];
    }),
  );
}

function differentNames(found: Content, families: Families): string | undefined {
  const [is, should] = [found, families].map((map) => [...map.keys()].sort().join());
  return is === should ? undefined : `families ${is} instead of ${should}`;
}

function differenceAt(
  found: Content,
  families: Families,
  seqno: number,
  isRecovered = false,
): string | undefined {
  for (const [name, family] of families) {
    const misfit = family.misfit(found.get(name)!, seqno, isRecovered);
    if (misfit !== undefined) return `${name}: ${misfit}`;
  }
  return undefined;
}
