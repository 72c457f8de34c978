/**
 * How far the scrub of a database has come: what outlives a process.
 * @module
 */

/**
 * The order in which a cycle looks at files: what is needed first comes first. Numbers stand in the
 * file of the state.
 */
export const RANK_CURRENT = 1;
export const RANK_MANIFEST = 2;
export const RANK_LOG = 3;
export const RANK_TABLE = 4;

/** A place in the order of a cycle. What stands before it was looked at. */
export interface ScrubPlace {
  /** A `RANK_*`. */
  readonly rank: number;
  /** Within a rank files follow each other by number; 0 for CURRENT. */
  readonly fileNumber: number;
  /** Bytes of that file that were looked at. */
  readonly offset: number;
}

/** What looking has come to. Counts are of damaged places. */
export interface ScrubCounts {
  /** Bytes that were looked at. */
  readonly bytesChecked: number;
  /** What was wrong, and could be told from parity or copies. */
  readonly correctedCount: number;
  /** What of that was written back, and found right in a second look. */
  readonly healedCount: number;
  /** What was wrong beyond that. */
  readonly lostCount: number;
}

/** A cycle that is under way. */
export interface ScrubCycle extends ScrubCounts {
  /** From 1. */
  readonly number: number;
  /** In ms since the Unix epoch. */
  readonly begunAtMs: number;
  /** Files of this number and above have come since it began, and wait for the next cycle. */
  readonly endFileNumber: number;
  readonly place: ScrubPlace;
  /** It found something that no cycle before has told. */
  readonly isUrgent: boolean;
}

/** A cycle that is over. */
export interface FinishedCycle extends ScrubCounts {
  /** From 1. */
  readonly number: number;
  /** In ms since the Unix epoch. */
  readonly begunAtMs: number;
  /** In ms since the Unix epoch. */
  readonly endedAtMs: number;
}

/** Damage in all cycles, and in all passes that were asked for. */
export type ScrubTotals = Omit<ScrubCounts, 'bytesChecked'>;

/** See the module head. Immutable. */
export interface ScrubState {
  /** Undefined between two cycles. */
  readonly cycle: ScrubCycle | undefined;
  readonly last: FinishedCycle | undefined;
  readonly totals: ScrubTotals;
}

export const NO_COUNTS: ScrubCounts = {
  bytesChecked: 0,
  correctedCount: 0,
  healedCount: 0,
  lostCount: 0,
};
export const NEW_SCRUB: ScrubState = {
  cycle: undefined,
  last: undefined,
  totals: { correctedCount: 0, healedCount: 0, lostCount: 0 },
};

/** True if the first place comes before the other. */
export function isBefore(a: ScrubPlace, b: ScrubPlace): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank;
  if (a.fileNumber !== b.fileNumber) return a.fileNumber < b.fileNumber;
  return a.offset < b.offset;
}

/** A cycle that looks at all files below this number. */
export function beginCycle(state: ScrubState, nowMs: number, endFileNumber: number): ScrubState {
  const number = (state.last?.number ?? 0) + 1;
  const place = { rank: RANK_CURRENT, fileNumber: 0, offset: 0 };
  const cycle = { ...NO_COUNTS, number, begunAtMs: nowMs, endFileNumber, place, isUrgent: false };
  return { ...state, cycle };
}

/** The same state, with the cycle that is under way over. */
export function endCycle(state: ScrubState, nowMs: number): ScrubState {
  const { cycle } = state;
  if (cycle === undefined) return state;
  const { number, begunAtMs, bytesChecked, correctedCount, healedCount, lostCount } = cycle;
  const counts = { bytesChecked, correctedCount, healedCount, lostCount };
  return { ...state, cycle: undefined, last: { number, begunAtMs, endedAtMs: nowMs, ...counts } };
}

/** The cycle after it came to a place, having looked at what `counts` say. */
export function advanceCycle(
  state: ScrubState,
  place: ScrubPlace,
  counts: ScrubCounts,
  isUrgent: boolean,
): ScrubState {
  const { cycle } = state;
  const after = addTotals(state, counts);
  if (cycle === undefined) return after;
  const sum = addCounts(cycle, counts);
  return { ...after, cycle: { ...cycle, ...sum, place, isUrgent: cycle.isUrgent || isUrgent } };
}

/** The state with what was found outside a cycle. */
export function addTotals(state: ScrubState, counts: ScrubTotals): ScrubState {
  const { totals } = state;
  return {
    ...state,
    totals: {
      correctedCount: totals.correctedCount + counts.correctedCount,
      healedCount: totals.healedCount + counts.healedCount,
      lostCount: totals.lostCount + counts.lostCount,
    },
  };
}

/** Fresh. */
export function addCounts(a: ScrubCounts, b: ScrubCounts): ScrubCounts {
  return {
    bytesChecked: a.bytesChecked + b.bytesChecked,
    correctedCount: a.correctedCount + b.correctedCount,
    healedCount: a.healedCount + b.healedCount,
    lostCount: a.lostCount + b.lostCount,
  };
}
