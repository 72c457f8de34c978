/**
 * Finds a level for each table of a family, where none is known for certain.
 *
 * A lookup takes the first version of a key that it meets on its way down. So of two tables with a
 * key in common the one with its newer version has to stand above: in a higher level, or in L0 in
 * front of the other. From L1 on, tables of a level must not overlap. A table goes to the level for
 * which it was made, or where it was seen last, and deeper if these two rules ask for that.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import { VarveError } from '../errors.ts';
import { LEVEL_COUNT } from '../manifest/family-version.ts';
import type { TableMeta } from '../sstable/table-meta.ts';

/** A table, and the highest level at which it may have been. */
export interface UnplacedTable {
  readonly meta: TableMeta;
  readonly level: number;
}

/**
 * Says of two tables whose key ranges meet which one has the newer versions of the keys that both
 * both have: negative for the first one, positive for the second, 0 if they have none in common,
 * undefined if that cannot be told.
 */
export type CompareAge = (a: TableMeta, b: TableMeta) => number | undefined;

/** A table under way to its place. */
interface Draft {
  readonly table: UnplacedTable;
  /** Those whose key range meets that of this one. */
  readonly met: Draft[];
  /** Of these the ones that have newer versions of keys. */
  readonly newer: Set<Draft>;
  level: number;
}

/**
 * The levels of the tables, in their order.
 * @throws VarveError `UNSUPPORTED` when there is no order in which all of them can stand
 */
export function placeTables(tables: readonly UnplacedTable[], compareAge: CompareAge): number[] {
  const drafts = tables.map((table): Draft => {
    return { table, met: [], newer: new Set(), level: -1 };
  });
  for (const [a, b] of overlaps(drafts)) {
    a.met.push(b);
    b.met.push(a);
    const age = ageOf(a, b, compareAge);
    if (age < 0) b.newer.add(a);
    if (age > 0) a.newer.add(b);
  }
  const order = newestFirst(drafts);
  if (!placeDown(order)) placeUp(order);
  return drafts.map(({ level }) => level);
}

/** All pairs of tables with a range of keys in common. */
function* overlaps(drafts: readonly Draft[]): Generator<[Draft, Draft]> {
  const sorted = [...drafts].sort((a, b) =>
    compareKeys(a.table.meta.smallestKey, b.table.meta.smallestKey),
  );
  let open: Draft[] = [];
  for (const draft of sorted) {
    const { smallestKey } = draft.table.meta;
    open = open.filter(({ table }) => compareKeys(table.meta.largestKey, smallestKey) >= 0);
    for (const other of open) yield [other, draft];
    open.push(draft);
  }
}

/** Seqnos decide where they do not overlap: versions of a key have different ones. */
function ageOf(a: Draft, b: Draft, compareAge: CompareAge): number {
  const [x, y] = [a.table.meta, b.table.meta];
  if (x.smallestSeqno > y.largestSeqno) return -1;
  if (y.smallestSeqno > x.largestSeqno) return 1;
  return compareAge(x, y) ?? compareHints(a, b);
}

/** An order in which each table comes behind those that have newer versions of its keys. */
function newestFirst(drafts: readonly Draft[]): Draft[] {
  const byHint = [...drafts].sort(compareHints);
  const order: Draft[] = [];
  const state = new Map<Draft, 'open' | 'done'>();
  for (const first of byHint) {
    const stack = [first];
    while (stack.length > 0) {
      const draft = stack.at(-1)!;
      const isNew = !state.has(draft);
      if (isNew) state.set(draft, 'open');
      const waiting = [...draft.newer].filter((other) => state.get(other) !== 'done');
      if (waiting.some((other) => state.get(other) === 'open')) throw disorder(draft);
      stack.push(...waiting);
      if (waiting.length > 0) continue;
      stack.pop();
      if (state.get(draft) === 'done') continue;
      state.set(draft, 'done');
      order.push(draft);
    }
  }
  return order;
}

function compareHints(a: Draft, b: Draft): number {
  return a.table.level - b.table.level || compareInL0(a, b);
}

/** As L0 is searched (manifest/version.ts). */
function compareInL0(a: Draft, b: Draft): number {
  const [x, y] = [a.table.meta, b.table.meta];
  return y.largestSeqno - x.largestSeqno || y.fileNumber - x.fileNumber;
}

/** Puts each table as high as it may be; false if there are too few levels for that. */
function placeDown(order: readonly Draft[]): boolean {
  for (const draft of order) draft.level = -1;
  for (const draft of order) {
    let { level } = draft.table;
    for (const other of draft.newer) {
      const isInFront = other.level === 0 && compareInL0(other, draft) < 0;
      level = Math.max(level, isInFront ? 0 : other.level + 1);
    }
    while (level > 0 && draft.met.some((other) => other.level === level)) level++;
    if (level >= LEVEL_COUNT) return false;
    draft.level = level;
  }
  return true;
}

/** Puts each table as deep as it may be. */
function placeUp(order: readonly Draft[]): void {
  for (const draft of order) draft.level = -1;
  for (const draft of order.toReversed()) {
    let level = LEVEL_COUNT - 1;
    for (const other of draft.met) {
      if (other.newer.has(draft)) level = Math.min(level, other.level - 1);
    }
    while (level > 0 && draft.met.some((other) => other.level === level)) level--;
    draft.level = Math.max(0, level);
    if (level > 0) continue;
    const isHidden = draft.met.some(
      (other) => other.newer.has(draft) && other.level === 0 && compareInL0(draft, other) > 0,
    );
    if (isHidden) throw disorder(draft);
  }
}

function disorder({ table }: Draft): VarveError {
  const { fileNumber } = table.meta;
  const text = `table ${fileNumber} and others have newer versions of each other's keys`;
  return new VarveError('UNSUPPORTED', text);
}
