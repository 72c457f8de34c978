/**
 * What simulated programs write: each flush by the cells of the key space.
 * @module
 */
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import { Contents, type KeySpace } from './contents.ts';

/** A program that writes. */
export interface Workload {
  readonly name: string;
  readonly space: KeySpace;
  /** What the flush with this number holds: newest versions only. */
  readonly flush: (number: number, random: SeededRandom) => Contents;
}

/** How much of what. */
export interface Scale {
  /** Bytes written between two flushes. */
  readonly flushBytes: number;
  readonly flushCount: number;
  /** Bytes that stay, where a workload has such a size. */
  readonly liveBytes: number;
}

const ENTRY_BYTES = 1024;
const TOMBSTONE_BYTES = 32;
const CELLS = 8192;
/** Share of writes that delete, in workloads that overwrite. */
const DELETE_SHARE = 0.05;

/** Groups of keys, by their share of the keys and of the writes. */
interface Popularity {
  readonly keyShare: number;
  readonly writeShare: number;
}

const EVEN: readonly Popularity[] = [{ keyShare: 1, writeShare: 1 }];
/** About a zipfian with theta 0.99 over 10^8 keys, scattered over the key space. */
const SKEWED: readonly Popularity[] = [
  { keyShare: 0.001, writeShare: 0.62 },
  { keyShare: 0.009, writeShare: 0.13 },
  { keyShare: 0.09, writeShare: 0.13 },
  { keyShare: 0.9, writeShare: 0.12 },
];

/** All workloads by name. */
export function workloads(scale: Scale): Workload[] {
  return [
    overwriting('uniform', scale, EVEN),
    overwriting('zipfian', scale, SKEWED),
    sequential(scale),
    churning(scale),
  ];
}

/** Draws keys at random from as many as make the live bytes. */
function overwriting(name: string, scale: Scale, groups: readonly Popularity[]): Workload {
  const keys = scale.liveBytes / ENTRY_BYTES / CELLS;
  const space = {
    cellCount: CELLS,
    groupKeys: groups.map(({ keyShare }) => keys * keyShare),
    entryBytes: ENTRY_BYTES,
    tombstoneBytes: TOMBSTONE_BYTES,
  };
  const draws = scale.flushBytes / ENTRY_BYTES / CELLS;
  const flush = (_: number, random: SeededRandom) => {
    const contents = new Contents(0, CELLS, groups.length);
    let at = 0;
    for (let cell = 0; cell < CELLS; cell++) {
      for (let group = 0; group < groups.length; group++, at++) {
        const mean = draws * groups[group]!.writeShare;
        // Even noise of the same mean, lest all tables end at the same cells.
        const drawn = mean * (0.5 + random.u32() / 2 ** 32);
        const groupKeys = space.groupKeys[group]!;
        const distinct = groupKeys * -Math.expm1(-drawn / groupKeys);
        contents.puts[at] = distinct * (1 - DELETE_SHARE);
        contents.deletes[at] = distinct * DELETE_SHARE;
      }
    }
    return contents;
  };
  return { name, space, flush };
}

const CELLS_PER_FLUSH = 2;

/** Writes new keys in ascending order. */
function sequential(scale: Scale): Workload {
  const space = appendingSpace(scale);
  const flush = (number: number) => {
    const first = number * CELLS_PER_FLUSH;
    const contents = new Contents(first, first + CELLS_PER_FLUSH, 1);
    contents.puts.fill(space.groupKeys[0]!);
    return contents;
  };
  return { name: 'sequential', space, flush };
}

/** Writes new keys in ascending order, and deletes each when so much came after it. */
function churning(scale: Scale): Workload {
  const space = appendingSpace(scale);
  const age = Math.round(scale.liveBytes / scale.flushBytes);
  const flush = (number: number) => {
    const first = Math.max(0, number - age);
    const contents = new Contents(first * CELLS_PER_FLUSH, (number + 1) * CELLS_PER_FLUSH, 1);
    contents.puts.fill(space.groupKeys[0]!, contents.puts.length - CELLS_PER_FLUSH);
    if (number >= age) contents.deletes.fill(space.groupKeys[0]!, 0, CELLS_PER_FLUSH);
    return contents;
  };
  return { name: 'churn', space, flush };
}

function appendingSpace(scale: Scale): KeySpace {
  return {
    cellCount: CELLS_PER_FLUSH * scale.flushCount,
    groupKeys: [scale.flushBytes / ENTRY_BYTES / CELLS_PER_FLUSH],
    entryBytes: ENTRY_BYTES,
    tombstoneBytes: TOMBSTONE_BYTES,
  };
}
