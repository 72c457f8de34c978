/**
 * The hours of the day in which a scrub may run. Hours are those of UTC: the engine knows a clock,
 * and no time zone.
 * @module
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** From the beginning of one hour to the beginning of another, over midnight where it is less. */
export interface ScrubHours {
  /** The hour, 0 to 23, UTC, with which it begins. */
  readonly from: number;
  /** The hour, 0 to 24, UTC, with which it ends; another than `from`. */
  readonly to: number;
}

/** Milliseconds from `nowMs`, since the Unix epoch, until the hours begin; 0 within them. */
export function untilHours(hours: ScrubHours | undefined, nowMs: number): number {
  if (hours === undefined || sinceBegin(hours, nowMs) < lengthMs(hours)) return 0;
  return DAY_MS - sinceBegin(hours, nowMs);
}

/** How much of the time from `beginMs` to `endMs` is within the hours. */
export function timeWithin(hours: ScrubHours | undefined, beginMs: number, endMs: number): number {
  if (endMs <= beginMs) return 0;
  if (hours === undefined) return endMs - beginMs;
  return within(hours, endMs) - within(hours, beginMs);
}

/** Time within the hours since some beginning of them, up to a constant. */
function within(hours: ScrubHours, atMs: number): number {
  const days = Math.floor((atMs - hours.from * HOUR_MS) / DAY_MS);
  return days * lengthMs(hours) + Math.min(sinceBegin(hours, atMs), lengthMs(hours));
}

function sinceBegin({ from }: ScrubHours, atMs: number): number {
  const ms = (atMs - from * HOUR_MS) % DAY_MS;
  return ms < 0 ? ms + DAY_MS : ms;
}

function lengthMs({ from, to }: ScrubHours): number {
  return ((to - from + 24) % 24 || 24) * HOUR_MS;
}
