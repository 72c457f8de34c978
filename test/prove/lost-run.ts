/**
 * A run of {@link runLost}: random work on a database whose tables are damaged meanwhile, held
 * against a model of all versions of all keys.
 * @module
 */
import assert from 'node:assert/strict';
import type { Db } from '../../src/db/database.ts';
import type { EntriesOptions } from '../../src/db/entries.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { Snapshot } from '../../src/db/snapshot.ts';
import { isVarveError, type VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type HeldWorld, openHeld } from '../db/held-workers.ts';
import { PATH, tableNames } from '../db/helpers.ts';
import { bytesOf, setBytes } from '../pipeline/world.ts';

const KEY_COUNT = 400;
const SMALL: DbOptions = {
  writeBufferBytes: 65_536,
  targetTableBytes: 65_536,
  baseLevelBytes: 65_536,
  levelRatio: 2,
  l0TriggerCount: 3,
  blockSizeBytes: 1024,
  blockCacheBytes: 0,
  compression: 'none',
};

/** What happened. */
export interface LostTotals {
  damages: number;
  /** Reads that failed for damage. */
  losses: number;
  /** Values that were read and held against the model. */
  values: number;
  compactions: number;
  /** Lost ranges that were given up. */
  accepted: number;
}

/** Instead of what a read gives, if it fails for damage. */
const LOST = Symbol('lost');

interface Version {
  readonly seqno: number;
  readonly value: string | undefined;
}

interface View {
  readonly seqno: number;
  readonly snapshot: Snapshot | undefined;
}

/** @returns what happened */
export async function runLost(
  seed: number,
  steps: number,
  options: DbOptions,
): Promise<LostTotals> {
  const run = new Run(seed, { ...SMALL, ...options });
  await run.open();
  for (let i = 0; i < steps; i++) {
    await run.step();
    await run.check();
  }
  return run.end();
}

class Run {
  readonly #random: SeededRandom;
  readonly #options: DbOptions;
  readonly #fs: MemoryFs;
  readonly #versions: Map<string, Version[]>;
  /** Names of damaged tables, with their bytes as they were. */
  readonly #damaged: Map<string, Uint8Array>;
  /** Keys of losses that were given up: what was written up to there may be absent. */
  readonly #givenUp: Map<string, number>;
  readonly #totals: LostTotals;
  #world: HeldWorld | undefined;
  #snapshots: View[];

  constructor(seed: number, options: DbOptions) {
    this.#random = new SeededRandom(seed);
    this.#fs = new MemoryFs();
    this.#versions = new Map();
    this.#damaged = new Map();
    this.#givenUp = new Map();
    this.#totals = { damages: 0, losses: 0, values: 0, compactions: 0, accepted: 0 };
    this.#world = undefined;
    this.#snapshots = [];
    this.#options = {
      ...options,
      onEvent: (event) => {
        if (event.type === 'compaction') this.#totals.compactions++;
      },
    };
  }

  async open(): Promise<void> {
    this.#world = await openHeld(this.#options, [], this.#fs);
  }

  async step(): Promise<void> {
    const kind = this.#random.below(22);
    if (kind < 8) this.#write();
    else if (kind < 12) await this.#db.flush();
    else if (kind === 12) this.#snapshot();
    else if (kind < 16) this.#damage();
    else if (kind === 16) this.#bringBack();
    else if (kind === 17) await this.#compact();
    else if (kind === 18) this.#world!.clock.advance(this.#random.below(60_000));
    else if (kind < 20) await this.#reopen();
    else await this.#accept();
    assert.equal(this.#db.stats().backgroundError, undefined);
    this.#forgetGone();
  }

  async check(): Promise<void> {
    const views = [...this.#snapshots, { seqno: this.#db.seqno, snapshot: undefined }];
    const view = views[this.#random.below(views.length)]!;
    for (let i = 0; i < 20; i++) this.#checkGet(keyAt(this.#random.below(KEY_COUNT)), view);
    if (this.#random.below(3) > 0) return;
    const shown = this.#checkSkip(view, false);
    assert.deepEqual(this.#checkSkip(view, true).reverse(), shown, 'both ways show the same');
    this.#checkWalk(view, shown);
    this.#checkThrow(view);
  }

  async end(): Promise<LostTotals> {
    for (const name of [...this.#damaged.keys()]) this.#restore(name);
    await this.#db.compact();
    assert.deepEqual(this.#db.stats().damage, [], 'all is sound again');
    this.#snapshots = [];
    for (let i = 0; i < KEY_COUNT; i++) {
      this.#checkGet(keyAt(i), { seqno: this.#db.seqno, snapshot: undefined });
    }
    assert.deepEqual((await this.#db.verify()).uncorrectable, []);
    await this.#db.close();
    return this.#totals;
  }

  get #db(): Db {
    return this.#world!.db;
  }

  #write(): void {
    const base = this.#random.below(KEY_COUNT);
    const count = 1 + this.#random.below(200);
    const stride = 1 + this.#random.below(5);
    for (let i = 0; i < count; i++) {
      const key = keyAt((base + i * stride) % KEY_COUNT);
      const isDelete = this.#random.below(5) === 0;
      const value = isDelete ? undefined : `${key}@${this.#db.seqno + 1}`.padEnd(500, '.');
      const seqno = value === undefined ? this.#db.delete(key) : this.#db.put(key, value);
      const versions = this.#versions.get(key) ?? [];
      versions.unshift({ seqno, value });
      this.#versions.set(key, versions);
    }
  }

  #snapshot(): void {
    if (this.#snapshots.length > 2) this.#snapshots.shift()!.snapshot!.release();
    this.#snapshots.push({ seqno: this.#db.seqno, snapshot: this.#db.snapshot() });
  }

  /** Damages a table of the database: a place in it, its end, or all of it. */
  #damage(): void {
    const [family] = this.#db.stats().columnFamilies;
    const numbers = family!.levels.flatMap(({ tables }) => tables.map((one) => one.fileNumber));
    if (numbers.length === 0 || this.#damaged.size > 5) return;
    const number = numbers[this.#random.below(numbers.length)]!;
    const name = `${String(number).padStart(6, '0')}.sst`;
    if (this.#damaged.has(name)) return;
    const bytes = bytesOf(this.#fs, name);
    this.#damaged.set(name, bytes);
    this.#totals.damages++;
    const kind = this.#random.below(8);
    const path = `${PATH}/${name}`;
    const file = this.#fs.fileAt(path)!;
    if (kind === 0) this.#fs.remove(path);
    else if (kind === 1) setBytes(this.#fs, name, bytes.slice(0, this.#random.below(bytes.length)));
    else if (kind > 1) {
      const length = Math.min(bytes.length, 1 + this.#random.below(kind === 2 ? 2000 : 700));
      const at = this.#random.below(bytes.length - length + 1);
      const harmed = bytes.slice(at, at + length).map((byte) => byte ^ 0x5a);
      file.write(harmed, 0, harmed.length, at);
    }
  }

  #bringBack(): void {
    const names = [...this.#damaged.keys()];
    if (names.length > 0) this.#restore(names[this.#random.below(names.length)]!);
  }

  #restore(name: string): void {
    const bytes = this.#damaged.get(name)!;
    const file = this.#fs.fileAt(`${PATH}/${name}`);
    if (file === undefined && !this.#isLive(name)) return;
    // In place: whoever has it open is to see it.
    if (file === undefined) setBytes(this.#fs, name, bytes);
    else file.write(bytes, 0, bytes.length, 0);
    this.#damaged.delete(name);
  }

  #isLive(name: string): boolean {
    const levels = this.#db.stats().columnFamilies[0]!.levels;
    return levels.some(({ tables }) =>
      tables.some((one) => one.fileNumber === Number.parseInt(name, 10)),
    );
  }

  /** Tables that are no longer part of the database. */
  #forgetGone(): void {
    const levels = this.#db.stats().columnFamilies[0]!.levels;
    const live = new Set(levels.flatMap(({ tables }) => tables.map((one) => one.fileNumber)));
    const isHeld = this.#snapshots.length > 0;
    for (const name of this.#damaged.keys()) {
      const isGone = !live.has(Number.parseInt(name, 10)) && !tableNames(this.#fs).includes(name);
      if (isGone && !isHeld) this.#damaged.delete(name);
    }
  }

  async #compact(): Promise<void> {
    try {
      await this.#db.compact();
    } catch (error) {
      this.#expectLoss(error);
    }
  }

  /** What could be read stays as it is; what could not is right, absent, or still lost. */
  async #accept(): Promise<void> {
    const views = [...this.#snapshots, { seqno: this.#db.seqno, snapshot: undefined }];
    const keys = [...this.#versions.keys()];
    const before = views.map((view) => keys.map((key) => this.#read(key, view)));
    const base = this.#random.below(KEY_COUNT);
    const range = { gte: keyAt(base), lt: keyAt(base + this.#random.below(KEY_COUNT)) };
    const all = this.#random.below(3) > 0;
    const { accepted, left } = await this.#db.acceptLoss(all ? {} : range);
    if (all) assert.deepEqual(left, [], 'all damage can be given up');
    this.#totals.accepted += accepted.length;
    for (const key of keys) {
      const isIn = accepted.some(({ gte, lt }) => textOf(gte)! <= key && key < textOf(lt)!);
      if (isIn) this.#givenUp.set(key, this.#db.seqno);
    }
    for (const [i, view] of views.entries()) {
      for (const [j, key] of keys.entries()) {
        const was = before[i]![j];
        const is = this.#read(key, view);
        if (was !== LOST) assert.equal(is, was, `${key} at ${view.seqno} is as before`);
        else if (all) assert.notEqual(is, LOST, `${key} at ${view.seqno} can be read`);
        this.#checkGet(key, view);
      }
    }
  }

  #read(key: string, { snapshot }: View): string | undefined | typeof LOST {
    try {
      return textOf(this.#db.get(key, snapshot === undefined ? {} : { snapshot }));
    } catch (error) {
      this.#expectLoss(error);
      return LOST;
    }
  }

  async #reopen(): Promise<void> {
    for (const { snapshot } of this.#snapshots) snapshot!.release();
    this.#snapshots = [];
    await this.#db.close();
    await this.open();
  }

  /** What the model says of a key. */
  #valueOf(key: string, { seqno }: View): string | undefined {
    return this.#versions.get(key)?.find((version) => version.seqno <= seqno)?.value;
  }

  /** True if the version that a view should show may be absent. */
  #mayBeAbsent(key: string, view: View): boolean {
    const version = this.#versions.get(key)?.find(({ seqno }) => seqno <= view.seqno);
    return version !== undefined && version.seqno <= (this.#givenUp.get(key) ?? -1);
  }

  #expectValue(key: string, value: string | undefined, view: View): void {
    if (value === undefined && this.#mayBeAbsent(key, view)) return;
    assert.equal(value, this.#valueOf(key, view), key);
  }

  #checkGet(key: string, view: View): void {
    try {
      const { snapshot } = view;
      const bytes = this.#db.get(key, snapshot === undefined ? {} : { snapshot });
      this.#expectValue(key, textOf(bytes), view);
      this.#totals.values++;
    } catch (error) {
      const { gte, lt } = this.#expectLoss(error).lostKeys!;
      assert.ok(textOf(gte)! <= key && key < textOf(lt)!, `${key} is in what is said to be lost`);
    }
  }

  /** @returns keys that are shown */
  #checkSkip(view: View, reverse: boolean): string[] {
    const iterator = this.#db.entries({ ...rangeOf(view), reverse, onDamage: 'skip' });
    const shown: string[] = [];
    for (const [keyBytes, value] of iterator) {
      const key = textOf(keyBytes)!;
      assert.equal(textOf(value), this.#valueOf(key, view), key);
      shown.push(key);
      this.#totals.values++;
    }
    assert.deepEqual(shown.toSorted(), reverse ? shown.toReversed() : shown);
    const { lostRanges } = iterator;
    for (const { file } of lostRanges) assert.ok(this.#damaged.has(file.split('/').at(-1)!), file);
    const all = new Set(shown);
    for (const key of this.#versions.keys()) {
      if (all.has(key) || this.#valueOf(key, view) === undefined) continue;
      if (this.#mayBeAbsent(key, view)) continue;
      const isTold = lostRanges.some(({ gte, lt }) => textOf(gte)! <= key && key < textOf(lt)!);
      assert.ok(isTold, `${key} is missing and was not said to be lost`);
      this.#totals.losses++;
    }
    return shown;
  }

  /** A cursor that goes to and fro meets what a scan meets. */
  #checkWalk(view: View, shown: readonly string[]): void {
    const cursor = this.#db.cursor({ ...rangeOf(view), onDamage: 'skip' });
    let at = -1;
    for (let i = 0; i < 20; i++) {
      const key = keyAt(this.#random.below(KEY_COUNT));
      const kind = this.#random.below(8);
      if (kind === 0) {
        cursor.seek(key);
        at = shown.findIndex((one) => one >= key);
      } else if (kind === 1) {
        cursor.seekForPrev(key);
        at = shown.findLastIndex((one) => one <= key);
      } else if (at < 0) {
        continue;
      } else if (kind < 5) {
        cursor.next();
        at = at + 1 < shown.length ? at + 1 : -1;
      } else {
        cursor.prev();
        at--;
      }
      assert.equal(cursor.valid ? textOf(cursor.key()) : undefined, shown[at]);
      if (cursor.valid) assert.equal(textOf(cursor.value()), this.#valueOf(shown[at]!, view));
    }
    cursor.close();
  }

  /** A scan that is not to skip ends at what is lost, if not before. */
  #checkThrow(view: View): void {
    const seen: string[] = [];
    let end: string | undefined;
    try {
      for (const [keyBytes, value] of this.#db.entries(rangeOf(view))) {
        const key = textOf(keyBytes)!;
        assert.equal(textOf(value), this.#valueOf(key, view), key);
        seen.push(key);
      }
    } catch (error) {
      end = textOf(this.#expectLoss(error).lostKeys!.gte)!;
    }
    const last = seen.at(-1) ?? '';
    const keys = [...this.#versions.keys()].filter((key) => end === undefined || key <= last);
    const all = new Set(seen);
    const there = keys.filter((key) => {
      if (this.#valueOf(key, view) === undefined) return false;
      return all.has(key) || !this.#mayBeAbsent(key, view);
    });
    assert.deepEqual(seen, there.toSorted());
  }

  /** The error must be about a file that is damaged. */
  #expectLoss(error: unknown): VarveError {
    if (!isVarveError(error, 'CORRUPTION')) throw error;
    const name = error.file!.split('/').at(-1)!;
    assert.ok(this.#damaged.has(name), `${error.message}, which is sound`);
    this.#totals.losses++;
    return error;
  }
}

function keyAt(i: number): string {
  return `key ${String(i).padStart(4, '0')}`;
}

function rangeOf({ snapshot }: View): EntriesOptions {
  return snapshot === undefined ? {} : { snapshot };
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
