/**
 * The pace of a scrub, on a clock that a test moves.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ScrubHours, timeWithin, untilHours } from '../../src/integrity/scrub-hours.ts';
import {
  paceOf,
  type ScrubPace,
  ScrubPacer,
  SLICE_BYTES_MAX,
  SLICE_BYTES_MIN,
} from '../../src/integrity/scrub-pace.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

const MIB = 1_048_576;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BEGIN = 1_700_000_000_000;

/** One slice that was done. */
interface Slice {
  readonly atMs: number;
  readonly bytes: number;
}

interface World {
  readonly pace: ScrubPace;
  readonly bytesTotal: number;
  readonly isBusy: (atMs: number) => boolean;
  readonly isUrgent: (atMs: number) => boolean;
  /** Nothing is done, and nothing remembered but what was read, in these times. */
  readonly isOff?: (atMs: number) => boolean;
  /** After so long it is given up. */
  readonly untilMs: number;
}

/** Runs one cycle on a simulated clock. */
function cycle({ pace, bytesTotal, isBusy, isUrgent, isOff, untilMs }: World): Slice[] {
  const clock = new SimulatedClock(BEGIN);
  let pacer = new ScrubPacer(pace, clock, 0);
  const slices: Slice[] = [];
  let bytesLeft = bytesTotal;
  for (let looks = 0; bytesLeft > 0 && clock.now() - BEGIN < untilMs; looks++) {
    assert.ok(looks < 1_000_000, 'it looks without an end');
    const atMs = clock.now() - BEGIN;
    if (isOff?.(atMs) === true) {
      clock.advance(MINUTE);
      pacer = new ScrubPacer(pace, clock, MINUTE);
      continue;
    }
    const waitMs = pacer.waitMs(isBusy(atMs));
    if (waitMs > 0) {
      clock.advance(waitMs);
      continue;
    }
    const state = { begunAtMs: BEGIN, bytesLeft, isUrgent: isUrgent(atMs) };
    const bytes = Math.min(bytesLeft, pacer.nextSliceBytes(state));
    bytesLeft -= bytes;
    slices.push({ atMs, bytes });
    pacer.noteSlice(bytes, state);
  }
  return slices;
}

const never = () => false;
const always = () => true;

const worlds = fc.record({
  cycleMs: fc.integer({ min: 10 * MINUTE, max: 60 * DAY }),
  bytesPerSecond: fc.integer({ min: 65_536, max: 64 * MIB }),
  bytesTotal: fc.integer({ min: 1, max: 600 * MIB }),
});

function bytesUntil(slices: readonly Slice[], atMs: number): number {
  return slices.reduce((sum, slice) => (slice.atMs <= atMs ? sum + slice.bytes : sum), 0);
}

test('a cycle that fits is over in its time, spread evenly, and never faster than it may', () => {
  fc.assert(
    fc.property(worlds, ({ cycleMs, bytesPerSecond, bytesTotal }) => {
      const pace = { cycleMs, bytesPerSecond, hours: undefined };
      const slices = cycle({
        ...{ pace, bytesTotal, isBusy: never, isUrgent: never },
        untilMs: cycleMs * 100,
      });
      assert.equal(bytesUntil(slices, Infinity), bytesTotal);
      const endMs = slices.at(-1)!.atMs;
      const leastMs = (bytesTotal * 1000) / bytesPerSecond;
      assert.ok(endMs <= Math.max(cycleMs, leastMs) * 1.01, `${endMs} of ${cycleMs}`);
      for (const [i, { atMs }] of slices.entries()) {
        if (i === 0) continue;
        const sinceMs = atMs - slices[i - 1]!.atMs;
        assert.ok(slices[i - 1]!.bytes <= (bytesPerSecond * sinceMs) / 1000 + 1, 'too fast');
        assert.ok(sinceMs <= HOUR * 1.001, 'too slow');
        // Even: not ahead of its time by more than a slice, but for the least pace.
        const even = (bytesTotal * atMs) / cycleMs;
        const least = (SLICE_BYTES_MIN * atMs) / HOUR;
        const isFull = leastMs >= cycleMs;
        const before = bytesUntil(slices.slice(0, i), atMs);
        assert.ok(isFull || before <= Math.max(even, least) * 1.01 + SLICE_BYTES_MAX);
      }
    }),
    { numRuns: 60 },
  );
});

test('beside others that never rest it goes on, at about a quarter of its pace', () => {
  const pace = { cycleMs: 10 * MINUTE, bytesPerSecond: 4 * MIB, hours: undefined };
  const bytesTotal = 2400 * MIB;
  const world = { pace, bytesTotal, isUrgent: never, untilMs: 10 * DAY };
  const alone = cycle({ ...world, isBusy: never }).at(-1)!.atMs;
  const beside = cycle({ ...world, isBusy: always }).at(-1)!.atMs;
  assert.ok(beside > alone * 3.5, `${beside} against ${alone}`);
  assert.ok(beside < alone * 8, `${beside} against ${alone}`);
});

test('it begins in the first quiet moment', () => {
  const pace = { cycleMs: DAY, bytesPerSecond: 4 * MIB, hours: undefined };
  const clock = new SimulatedClock(BEGIN);
  const pacer = new ScrubPacer(pace, clock, 10 * MINUTE);
  assert.equal(pacer.waitMs(false), 10 * MINUTE);
  clock.advance(10 * MINUTE);
  assert.ok(pacer.waitMs(true) > 0);
  clock.advance(1000);
  assert.ok(pacer.waitMs(true) > 0);
  assert.equal(pacer.waitMs(false), 0);
  clock.advance(30 * MINUTE);
  assert.equal(pacer.waitMs(true), 0);
});

test('once damage was found it goes as fast as it may', () => {
  const pace = { cycleMs: 30 * DAY, bytesPerSecond: 2 * MIB, hours: undefined };
  const slices = cycle({
    ...{ pace, bytesTotal: 200 * MIB, isBusy: never },
    isUrgent: (atMs) => atMs >= DAY,
    untilMs: 30 * DAY,
  });
  assert.ok(bytesUntil(slices, DAY) < 50 * MIB);
  assert.ok(slices.at(-1)!.atMs < DAY + HOUR + 5 * MINUTE);
});

test('what it is late it makes up for over the time that is left', () => {
  const pace = { cycleMs: 10 * DAY, bytesPerSecond: 4 * MIB, hours: undefined };
  const bytesTotal = 4000 * MIB;
  const slices = cycle({
    ...{ pace, bytesTotal, isBusy: never, isUrgent: never, untilMs: 20 * DAY },
    isOff: (atMs) => atMs > DAY && atMs < 6 * DAY,
  });
  const endMs = slices.at(-1)!.atMs;
  assert.ok(endMs <= 10 * DAY + HOUR, `${endMs / DAY} days`);
  // Half a day after it is back it has made up for half a day, and not for all.
  const back = bytesUntil(slices, 6.5 * DAY) - bytesUntil(slices, 6 * DAY);
  assert.ok(back < (bytesTotal * 0.9) / 4, `${back}`);
});

test('processes that last for two minutes bring a cycle on', () => {
  const pace = { cycleMs: DAY, bytesPerSecond: 4 * MIB, hours: undefined };
  const slices = cycle({
    ...{ pace, bytesTotal: 100 * MIB, isBusy: never, isUrgent: never, untilMs: 3 * DAY },
    isOff: (atMs) => Math.floor(atMs / MINUTE) % 4 === 0,
  });
  assert.ok(slices.at(-1)!.atMs < DAY * 1.02);
});

const hours = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 24 }))
  .filter(([from, to]) => from !== to && !(from === 0 && to === 0))
  .map(([from, to]): ScrubHours => ({ from, to }));

function isWithin({ from, to }: ScrubHours, ms: number): boolean {
  const hour = Math.floor(ms / HOUR) % 24;
  return from < to ? hour >= from && hour < to : hour >= from || hour < to;
}

test('outside its hours nothing begins, and the cycle fits into those that there are', () => {
  fc.assert(
    fc.property(hours, fc.integer({ min: 1, max: 400 * MIB }), (window, bytesTotal) => {
      const pace = { cycleMs: 10 * DAY, bytesPerSecond: 4 * MIB, hours: window };
      const slices = cycle({
        ...{ pace, bytesTotal, isBusy: never, isUrgent: never, untilMs: 30 * DAY },
      });
      assert.equal(bytesUntil(slices, Infinity), bytesTotal);
      for (const { atMs } of slices) assert.ok(isWithin(window, BEGIN + atMs));
      assert.ok(slices.at(-1)!.atMs <= 11 * DAY);
    }),
    { numRuns: 60 },
  );
});

test('hours are counted as an hour by hour walk counts them', () => {
  fc.assert(
    fc.property(
      hours,
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 0, max: 400 }),
      (window, begin, length) => {
        const beginMs = BEGIN - (BEGIN % HOUR) + begin * HOUR;
        let expected = 0;
        for (let i = 0; i < length; i++) if (isWithin(window, beginMs + i * HOUR)) expected += HOUR;
        assert.equal(timeWithin(window, beginMs, beginMs + length * HOUR), expected);
        const wait = untilHours(window, beginMs);
        assert.ok(isWithin(window, beginMs + wait));
        assert.equal(wait === 0, isWithin(window, beginMs));
        if (wait > 0) assert.ok(!isWithin(window, beginMs + wait - 1));
      },
    ),
  );
});

test('clocks that jump give a pace between the least and the most', () => {
  const random = new SeededRandom(7);
  const pace = { cycleMs: DAY, bytesPerSecond: 4 * MIB, hours: { from: 3, to: 5 } };
  for (let i = 0; i < 2000; i++) {
    const state = {
      begunAtMs: random.below(2 ** 31) * 1000,
      bytesLeft: random.below(2 ** 31),
      isUrgent: false,
    };
    const found = paceOf(pace, state, random.below(2 ** 31) * 1000);
    assert.ok(found >= 1 && found <= 4 * MIB && Number.isFinite(found));
  }
});
