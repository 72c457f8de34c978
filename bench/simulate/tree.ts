/**
 * A tree of simulated tables: the engine's own version over tables that have no files.
 * @module
 */

import {
  type CompactionPlan,
  type Levels,
  overlapping,
  planTables,
} from '../../src/compaction/pick.ts';
import { Version } from '../../src/manifest/version.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { KeyRangeSweep } from '../../src/merge/key-range-sweep.ts';
import { OutputBounds } from '../../src/merge/output-bounds.ts';
import type { TableMeta } from '../../src/sstable/table-meta.ts';
import { Contents, type KeySpace } from './contents.ts';

const FAMILY = 0;
const KEY_BYTES = 5;

/** See the module head. */
export class SimulatedTree {
  readonly #space: KeySpace;
  readonly #targetTableBytes: number;
  readonly #contents: Map<number, Contents>;
  /** Keys with a value by cell and group, as a reader sees them. */
  readonly #live: Float32Array;
  #version: Version;
  #nextNumber: number;
  #lastSeqno: number;
  liveBytes: number;

  constructor(space: KeySpace, targetTableBytes: number) {
    const createdFamilies = [{ id: FAMILY, name: 'default' }];
    this.#version = Version.empty().apply({ ...emptyEdit(), createdFamilies }, 'simulation', 0);
    this.#space = space;
    this.#targetTableBytes = targetTableBytes;
    this.#contents = new Map();
    this.#live = new Float32Array(space.cellCount * space.groupKeys.length);
    this.#nextNumber = 1;
    this.#lastSeqno = 0;
    this.liveBytes = 0;
  }

  get levels(): Levels {
    return this.#version.families.get(FAMILY)!.levels;
  }

  /** Adds a table to L0; takes the contents. Returns its size in bytes. */
  flush(contents: Contents, nowMs: number): number {
    this.#noteLive(contents);
    this.#lastSeqno += 1_000_000;
    const seqnos: [number, number] = [this.#lastSeqno - 999_999, this.#lastSeqno];
    const meta = this.#table(contents, seqnos, nowMs);
    this.#install([meta], 0, []);
    return meta.sizeBytes;
  }

  /** The tables that a merge writes; they are part of the tree once they are installed. */
  merge(plan: CompactionPlan, nowMs: number): TableMeta[] {
    const inputs = planTables(plan);
    const groups = this.#space.groupKeys.length;
    const parts = inputs.map((table) => this.#contents.get(table.fileNumber)!);
    const first = Math.min(...parts.map((part) => part.firstCell));
    const end = Math.max(...parts.map((part) => part.endCell));
    const all = new Contents(first, end, groups);
    for (const part of parts.reverse()) part.mergeOver(all, this.#space);
    const seqnos: [number, number] = [
      Math.min(...inputs.map((table) => table.smallestSeqno)),
      Math.max(...inputs.map((table) => table.largestSeqno)),
    ];
    if (plan.outputLevel === 0) return [this.#table(all, seqnos, nowMs)];
    const deeper = this.levels
      .slice(plan.outputLevel + 1)
      .map((tables) => overlapping(tables, keyOf(first, 0), keyOf(end, 0)));
    this.#dropTombstones(all, new KeyRangeSweep(deeper));
    const grandparents = new KeyRangeSweep(deeper.slice(0, 1));
    const isBottom = deeper.every((tables) => tables.length === 0);
    const cuts = this.#cut(all, grandparents);
    return cuts.map((part) => this.#table(part, isBottom ? [0, 0] : seqnos, nowMs));
  }

  /** Puts outputs in the place of a plan's inputs. */
  install(plan: CompactionPlan, outputs: readonly TableMeta[]): void {
    this.#install(outputs, plan.outputLevel, plan.inputs);
    const kept = new Set(outputs);
    for (const table of planTables(plan)) {
      if (!kept.has(table)) this.#contents.delete(table.fileNumber);
    }
  }

  #install(added: readonly TableMeta[], level: number, removed: CompactionPlan['inputs']): void {
    const addedTables = added.map((meta) => ({ familyId: FAMILY, level, meta }));
    const removedTables = removed.flatMap((input) =>
      input.tables.map(({ fileNumber }) => ({ familyId: FAMILY, level: input.level, fileNumber })),
    );
    const edit = { ...emptyEdit(), addedTables, removedTables };
    this.#version = this.#version.apply(edit, 'simulation', 0);
  }

  /** A tombstone goes where nothing deeper can hold its key. */
  #dropTombstones(all: Contents, deeper: KeyRangeSweep): void {
    const groups = this.#space.groupKeys.length;
    for (let cell = all.firstCell; cell < all.endCell; cell++) {
      const key = keyOf(cell, 1);
      if (deeper.mayHold(key, 0, KEY_BYTES)) continue;
      const from = (cell - all.firstCell) * groups;
      all.deletes.fill(0, from, from + groups);
    }
  }

  #cut(all: Contents, grandparents: KeyRangeSweep): Contents[] {
    const groups = this.#space.groupKeys.length;
    const parts: Contents[] = [];
    const bounds = new OutputBounds(grandparents, this.#targetTableBytes);
    let first = -1;
    let last = -1;
    let bytes = 0;
    for (let cell = all.firstCell; cell < all.endCell; cell++) {
      const { puts, deletes } = all.countsAt(cell, groups);
      if (puts === 0 && deletes === 0) continue;
      if (bounds.endsBefore(keyOf(cell, 0), 0, KEY_BYTES, first < 0 ? 0 : bytes)) {
        parts.push(all.slice(first, last + 1, groups));
        first = -1;
      }
      if (first < 0) {
        first = cell;
        bytes = 0;
      }
      last = cell;
      bytes += puts * this.#space.entryBytes + deletes * this.#space.tombstoneBytes;
    }
    if (first >= 0) parts.push(all.slice(first, last + 1, groups));
    return parts;
  }

  #table(contents: Contents, seqnos: [number, number], createdAtMs: number): TableMeta {
    const { entryBytes, tombstoneBytes } = this.#space;
    const puts = sum(contents.puts);
    const deletes = sum(contents.deletes);
    const fileNumber = this.#nextNumber++;
    this.#contents.set(fileNumber, contents);
    const bytes = Math.ceil(puts * entryBytes + deletes * tombstoneBytes);
    return {
      fileNumber,
      sizeBytes: bytes,
      smallestKey: keyOf(contents.firstCell, 0),
      largestKey: keyOf(contents.endCell - 1, 255),
      smallestSeqno: seqnos[0],
      largestSeqno: seqnos[1],
      entryCount: Math.ceil(puts + deletes),
      tombstoneCount: Math.floor(deletes),
      rawBytes: bytes,
      checksumLow: 0,
      checksumHigh: 0,
      createdAtMs,
      codecId: 0,
      protection: { suiteId: 0, epoch: 0, ecc: undefined },
      salt: undefined,
    };
  }

  #noteLive(contents: Contents): void {
    const { groupKeys, entryBytes } = this.#space;
    const groups = groupKeys.length;
    let change = 0;
    let at = contents.firstCell * groups;
    for (let i = 0; i < contents.puts.length; i++, at++) {
      const puts = contents.puts[i]!;
      const written = puts + contents.deletes[i]!;
      if (written === 0) continue;
      const before = this.#live[at]!;
      const after = puts + before * Math.max(0, 1 - written / groupKeys[i % groups]!);
      this.#live[at] = after;
      change += after - before;
    }
    this.liveBytes += change * entryBytes;
  }
}

/** A key at the start (0) or end (255) of a cell. */
function keyOf(cell: number, place: number): Uint8Array {
  return Uint8Array.of(cell >>> 24, cell >>> 16, cell >>> 8, cell, place);
}

function sum(numbers: Float32Array): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
