/**
 * What a database may show after a power loss: the state after some write of the history, no older
 * than what was acknowledged as durable, with the column families that were durably there.
 * @module
 */
import type { Db } from '../../src/db/database.ts';
import { bytesOf, keyOf, type ModelEntry, ModelFamily, sameBytes } from './model.ts';

type Families = Map<string, ModelFamily>;

/** What a recovered database turned out to be. */
export interface Recovered {
  /** A write as of which the state is this one: the first of them, if there are several. */
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
  /** Everything up to this seqno is durable. */
  private durable: number;

  constructor(base = 0) {
    this.families = new Map([['default', new ModelFamily('default')]]);
    this.before = undefined;
    this.ends = [base];
    this.durable = base;
  }

  get lastSeqno(): number {
    return this.ends.at(-1)!;
  }

  /** Notes a batch that is about to be written. */
  write(writes: readonly [family: string, key: string, value: Uint8Array | undefined][]): void {
    let seqno = this.lastSeqno;
    for (const [family, key, value] of writes) this.families.get(family)!.set(key, value, ++seqno);
    if (writes.length > 0) this.ends.push(seqno);
  }

  /** Notes that everything up to a seqno was acknowledged as durable. */
  acknowledge(seqno: number): void {
    this.durable = Math.max(this.durable, seqno);
  }

  /** Notes that a family is about to be made or dropped; `settleFamilies` says that it is. */
  changeFamilies(name: string, family: ModelFamily | undefined): void {
    this.before = new Map(this.families);
    if (family === undefined) this.families.delete(name);
    else this.families.set(name, family);
  }

  settleFamilies(): void {
    this.before = undefined;
  }

  /**
   * Finds the state that a recovered database shows.
   * @throws Error when it is none that may be
   */
  recognise(db: Db): Recovered {
    const found = contentOf(db);
    const misfits: string[] = [];
    for (const families of this.before === undefined
      ? [this.families]
      : [this.families, this.before]) {
      const misfit = differentNames(found, families);
      if (misfit !== undefined) {
        misfits.push(misfit);
        continue;
      }
      for (const end of this.ends) {
        if (end < this.durable) continue;
        const difference = differenceAt(found, families, end);
        if (difference === undefined) return recovered(db, found, end);
        misfits.push(`as of ${end}: ${difference}`);
      }
    }
    const range = `${this.durable} (durable) to ${this.lastSeqno}`;
    throw new Error(`no state of seqno ${range} is shown: ${misfits.slice(0, 8).join('; ')}`);
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
      for (const [key, value] of family.entries(this.lastSeqno)) {
        if (sameBytes(db.get(bytesOf(key), { columnFamily: name }), value)) continue;
        throw new Error(`get of ${JSON.stringify(key)} in ${name} differs from the scan`);
      }
    }
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

function recovered(db: Db, found: Content, seqno: number): Recovered {
  if (db.seqno < seqno) throw new Error(`seqno ${db.seqno} although ${seqno} is there`);
  const history = new History(db.seqno);
  for (const [name, entries] of found) {
    const family = new ModelFamily(name);
    for (const [key, value] of entries) family.set(key, value, db.seqno);
    history.families.set(name, family);
  }
  return { seqno, history };
}

function differentNames(found: Content, families: Families): string | undefined {
  const [is, should] = [found, families].map((map) => [...map.keys()].sort().join());
  return is === should ? undefined : `families ${is} instead of ${should}`;
}

function differenceAt(found: Content, families: Families, seqno: number): string | undefined {
  for (const [name, family] of families) {
    const wanted = family.entries(seqno);
    const entries = found.get(name)!;
    const at = wanted.findIndex(
      ([key, value], i) => entries[i]?.[0] !== key || !sameBytes(entries[i]?.[1], value),
    );
    if (at >= 0) {
      const key = JSON.stringify(wanted[at]![0].slice(0, 40));
      return `${name} differs at entry ${at}, key ${key}`;
    }
    if (entries.length !== wanted.length) {
      return `${name} has ${entries.length} entries instead of ${wanted.length}`;
    }
  }
  return undefined;
}
