/**
 * A tree of tables without files: which versions of which keys stand where, and what a plan does to
 * them. A merge keeps every version, so every mistake in their order stays visible.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareKeys } from '../../src/bytes/compare.ts';
import {
  type CompactionPlan,
  type LeveledOptions,
  type Levels,
  overlapping,
  type PlanPart,
  partsOf,
  planTables,
} from '../../src/compaction/pick.ts';
import { LEVEL_COUNT } from '../../src/manifest/family-version.ts';
import { Version } from '../../src/manifest/version.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { PLAIN_META } from '../block/pipelines.ts';

/** Bytes that an entry adds to a table. */
export const ENTRY_BYTES = 100;
const KEY_COUNT = 60;
const FAMILY = 0;

interface Entry {
  readonly key: number;
  readonly seqno: number;
  /** It counts as a tombstone until a compaction at the bottom rids the tree of it. */
  readonly isTombstone: boolean;
}

/** How a compaction writes. */
export interface Writing {
  /** An output ends at the first key after so many entries; in L0 there is one output. */
  readonly entriesMax: number;
  /** As if snapshots needed all tombstones and seqnos. */
  readonly keepsTombstones?: boolean;
}

/** Keys whose neighbours are often each other's prefix; their order is that of the numbers. */
export function keyOf(number: number): Uint8Array {
  return number % 2 === 0 ? Uint8Array.of(number / 2) : Uint8Array.of((number - 1) / 2, 0);
}

export class Tree {
  #version: Version;
  readonly #contents: Map<number, readonly Entry[]>;
  #nextNumber: number;
  #lastSeqno: number;
  #droppedCount: number;
  /** Wall time at which tables are written. */
  nowMs: number;

  constructor() {
    const createdFamilies = [{ id: FAMILY, name: 'default' }];
    this.#version = Version.empty().apply({ ...emptyEdit(), createdFamilies }, 'manifest', 0);
    this.#contents = new Map();
    this.#nextNumber = 1;
    this.#lastSeqno = 0;
    this.#droppedCount = 0;
    this.nowMs = 0;
  }

  get levels(): Levels {
    return this.#version.families.get(FAMILY)!.levels;
  }

  get lastSeqno(): number {
    return this.#lastSeqno;
  }

  /**
   * Adds a table with one new version of each key: newer than everything that is there.
   * @param tombstoneCount so many of the keys, from the first on, are deleted
   */
  add(level: number, keys: readonly number[], tombstoneCount = 0): TableMeta {
    const sorted = [...new Set(keys)].sort((a, b) => a - b);
    const versions = sorted.map((key, i) => {
      return { key, seqno: ++this.#lastSeqno, isTombstone: i < tombstoneCount };
    });
    const meta = this.#table(versions);
    this.#edit(level, [meta], []);
    return meta;
  }

  /**
   * Carries a plan out; the version refuses tables that are not there and levels that overlap.
   * @param entriesMax an output ends at the first key after so many entries
   */
  apply(plan: CompactionPlan, entriesMax: number, keepsTombstones = false): void {
    this.begin(plan, { entriesMax, keepsTombstones })();
  }

  /**
   * Begins to carry a plan out, with what is known of the tree now.
   * @returns what ends it, when the tree may have changed
   */
  begin(plan: CompactionPlan, { entriesMax, keepsTombstones = false }: Writing): () => void {
    const inputs = planTables(plan);
    if (plan.kind === 'drop') return () => this.#drop(plan);
    if (plan.kind === 'move') return () => this.#edit(plan.outputLevel, inputs, plan.inputs);
    const parts = partsOf(plan).map((part) => {
      const { outputLevel } = part;
      const isAgeless =
        outputLevel > 0 && !keepsTombstones && this.#isBottommost(plan, outputLevel);
      return { ...part, isAgeless };
    });
    return () => {
      const added = parts.flatMap((part) => {
        const { outputLevel, isAgeless } = part;
        const outputs = this.#merge(part, outputLevel > 0 ? entriesMax : Number.POSITIVE_INFINITY);
        if (isAgeless) this.#checkForgotten(outputs.flat(), new Set(inputs));
        return outputs.map((entries) => {
          if (!isAgeless) return { level: outputLevel, meta: this.#table(entries) };
          const meta = this.#table(entries.map((entry) => ({ ...entry, isTombstone: false })));
          return { level: outputLevel, meta: { ...meta, smallestSeqno: 0, largestSeqno: 0 } };
        });
      });
      this.#install(added, plan.inputs);
    };
  }

  /** Checks that reading level by level meets the versions of every key newest first. */
  check(): void {
    const seen = new Map<number, number>();
    let count = 0;
    for (const tables of this.levels) {
      for (const table of tables) {
        for (const { key, seqno } of this.#contents.get(table.fileNumber)!) {
          const newer = seen.get(key) ?? Number.POSITIVE_INFINITY;
          assert.ok(seqno < newer, `key ${key}: version ${seqno} is found behind ${newer}`);
          seen.set(key, seqno);
          count++;
        }
      }
    }
    assert.equal(count, this.#lastSeqno - this.#droppedCount, 'no version was lost');
  }

  /** Levels that the entries still may fall, all together: what every way down must lower. */
  height(): number {
    return this.levels
      .flatMap((tables, level) =>
        tables.map(({ entryCount }) => entryCount * (LEVEL_COUNT - 1 - level)),
      )
      .reduce((sum, part) => sum + part, 0);
  }

  /** Sorted runs: each table of L0, and each deeper level that holds any. */
  runCount(): number {
    const deeper = this.levels.slice(1).filter((tables) => tables.length > 0);
    return this.levels[0]!.length + deeper.length;
  }

  tombstoneCount(): number {
    return this.levels.flat().reduce((sum, table) => sum + table.tombstoneCount, 0);
  }

  /** Drops tables, which must leave no older version of any of their keys behind. */
  #drop(plan: CompactionPlan): void {
    const tables = new Set(planTables(plan));
    const entries = [...tables].flatMap((table) => this.#contents.get(table.fileNumber)!);
    this.#checkForgotten(
      entries.map((entry) => ({ ...entry, isTombstone: true })),
      tables,
    );
    this.#droppedCount += entries.length;
    this.#edit(0, [], plan.inputs);
  }

  #edit(level: number, added: readonly TableMeta[], removed: CompactionPlan['inputs']): void {
    const tables = added.map((meta) => ({ level, meta }));
    this.#install(tables, removed);
  }

  #install(
    added: readonly { level: number; meta: TableMeta }[],
    removed: CompactionPlan['inputs'],
  ): void {
    const addedTables = added.map((table) => ({ familyId: FAMILY, ...table }));
    const removedTables = removed.flatMap((input) =>
      input.tables.map(({ fileNumber }) => ({ familyId: FAMILY, level: input.level, fileNumber })),
    );
    const edit = { ...emptyEdit(), addedTables, removedTables };
    this.#version = this.#version.apply(edit, 'manifest', 0);
  }

  /** Checks that no other table holds what a tombstone that goes away has hidden. */
  #checkForgotten(entries: readonly Entry[], inputs: ReadonlySet<TableMeta>): void {
    const gone = new Map<number, number>();
    for (const { key, seqno, isTombstone } of entries) {
      if (isTombstone) gone.set(key, Math.max(seqno, gone.get(key) ?? 0));
    }
    for (const table of this.levels.flat()) {
      if (inputs.has(table)) continue;
      for (const { key, seqno } of this.#contents.get(table.fileNumber)!) {
        assert.ok(seqno > (gone.get(key) ?? 0), `version ${seqno} of key ${key} comes back`);
      }
    }
  }

  /** Nothing below the output meets the plan's keys: so its seqnos are given up. */
  #isBottommost(plan: CompactionPlan, outputLevel: number): boolean {
    const [from, to] = rangeOf(plan);
    return this.levels
      .slice(outputLevel + 1)
      .every((tables) => overlapping(tables, from, to).length === 0);
  }

  #merge({ inputs, from, to }: PlanPart, entriesMax: number): Entry[][] {
    const isHere = ({ key }: Entry): boolean =>
      (from === undefined || compareKeys(keyOf(key), from) >= 0) &&
      (to === undefined || compareKeys(keyOf(key), to) < 0);
    const all = inputs
      .flatMap(({ tables }) => tables)
      .flatMap((table) => this.#contents.get(table.fileNumber)!)
      .filter(isHere);
    all.sort((a, b) => a.key - b.key || b.seqno - a.seqno);
    const outputs: Entry[][] = [];
    for (const entry of all) {
      const last = outputs.at(-1);
      const isFull = last !== undefined && last.length >= entriesMax;
      if (last === undefined || (isFull && last.at(-1)!.key !== entry.key)) outputs.push([entry]);
      else last.push(entry);
    }
    return outputs;
  }

  #table(entries: readonly Entry[]): TableMeta {
    const fileNumber = this.#nextNumber++;
    this.#contents.set(fileNumber, entries);
    const seqnos = entries.map(({ seqno }) => seqno);
    return {
      fileNumber,
      sizeBytes: entries.length * ENTRY_BYTES,
      smallestKey: keyOf(entries[0]!.key),
      largestKey: keyOf(entries.at(-1)!.key),
      smallestSeqno: Math.min(...seqnos),
      largestSeqno: Math.max(...seqnos),
      entryCount: entries.length,
      tombstoneCount: entries.filter(({ isTombstone }) => isTombstone).length,
      rawBytes: entries.length * ENTRY_BYTES,
      checksumLow: 0,
      checksumHigh: 0,
      createdAtMs: this.nowMs,
      ...PLAIN_META,
    };
  }
}

const keys = fc.uniqueArray(fc.nat(KEY_COUNT - 1), { minLength: 1, maxLength: 12 });
/** Tables over few neighbouring keys, so that some do not overlap. */
const narrowKeys = fc
  .tuple(fc.nat(KEY_COUNT - 6), fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }))
  .map(([base, offsets]) => offsets.map((offset) => base + offset));
const l0Tables = fc.array(fc.tuple(fc.oneof(keys, narrowKeys), fc.nat(2)), { maxLength: 7 });
/** Per level from L1: its keys, and how many of them make a table. */
const deepLevel = fc.tuple(
  fc.uniqueArray(fc.nat(KEY_COUNT - 1), { maxLength: 25 }),
  fc.integer({ min: 1, max: 6 }),
  fc.nat(2),
);

/** Any tree: deeper levels are older. */
export const trees: fc.Arbitrary<() => Tree> = fc
  .tuple(fc.array(deepLevel, { minLength: 0, maxLength: LEVEL_COUNT - 1 }), l0Tables)
  .map(([deep, l0]) => () => {
    const tree = new Tree();
    for (let level = deep.length; level > 0; level--) {
      const [levelKeys, perTable, tombstones] = deep[level - 1]!;
      const sorted = [...levelKeys].sort((a, b) => a - b);
      for (let at = 0; at < sorted.length; at += perTable) {
        tree.add(level, sorted.slice(at, at + perTable), tombstones);
      }
    }
    for (const [tableKeys, tombstones] of l0) tree.add(0, tableKeys, tombstones);
    return tree;
  });

export const leveledOptions: fc.Arbitrary<LeveledOptions> = fc.record({
  l0TriggerCount: fc.integer({ min: 1, max: 5 }),
  baseLevelBytes: fc.integer({ min: ENTRY_BYTES, max: 12 * ENTRY_BYTES }),
  levelRatio: fc.integer({ min: 2, max: 4 }),
  targetTableBytes: fc.integer({ min: ENTRY_BYTES / 20, max: 40 * ENTRY_BYTES }),
});

/** A bound of a key range, or none. */
export const bounds: fc.Arbitrary<Uint8Array | undefined> = fc.option(
  fc.nat(KEY_COUNT).map(keyOf),
  { nil: undefined },
);

/** Smallest and largest key of all tables of a plan. */
export function rangeOf(plan: CompactionPlan): [from: Uint8Array, to: Uint8Array] {
  const tables = planTables(plan);
  const smallest = tables.map((table) => table.smallestKey).sort(compareKeys)[0]!;
  const largest = tables
    .map((table) => table.largestKey)
    .sort(compareKeys)
    .at(-1)!;
  return [smallest, largest];
}
