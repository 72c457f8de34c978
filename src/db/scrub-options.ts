/**
 * How a database looks for damage in its files of its own accord.
 * @module
 */
import type { ScrubHours } from '../integrity/scrub-hours.ts';
import type { ScrubPace } from '../integrity/scrub-pace.ts';

const DAY_MS = 86_400_000;
const CYCLE_MS_DEFAULT = 30 * DAY_MS;
/** A shorter cycle is no patrol: `scrub()` looks at all there is at once. */
const CYCLE_MS_MIN = 60_000;
const CYCLE_MS_MAX = 3650 * DAY_MS;
const BYTES_PER_SECOND_DEFAULT = 0x40_0000;
const BYTES_PER_SECOND_MIN = 0x1_0000;

/** The background scrub; each setting may be left out. */
export interface BackgroundScrubOptions {
  /**
   * Milliseconds in which all files are looked at once: a minute to ten years; 30 days if absent.
   * A cycle is spread evenly over them, goes on after a restart where it was, and is late where
   * `bytesPerSecond` allows no better.
   */
  readonly cycleMs?: number;
  /**
   * Bytes that it reads in a second at most: at least 64 KiB; 4 MiB if absent. That is its pace
   * once it has found damage, or is late; beside other work it keeps to a quarter of its pace.
   */
  readonly bytesPerSecond?: number;
  /** Hours of the day, in UTC, in which it reads; all if absent. */
  readonly hours?: ScrubHours;
  /**
   * Write what parity or copies give back over the damage, whoever has found it; true if absent.
   * With false files are left as they are, and damage is only told.
   */
  readonly heal?: boolean;
}

/** Settings of the scrub, complete and checked. */
export interface ScrubSettings extends ScrubPace {
  /** Whether it runs of its own accord. */
  readonly isOn: boolean;
  readonly heal: boolean;
}

const OPTION_NAMES: ReadonlySet<string> = new Set(['cycleMs', 'bytesPerSecond', 'hours', 'heal']);

/**
 * Completes and checks the option `scrub`.
 * @throws TypeError, RangeError for what is no such setting
 */
export function resolveScrub(options: BackgroundScrubOptions | false | undefined): ScrubSettings {
  if (options === false) return { ...resolveScrub(undefined), isOn: false };
  const given = options ?? {};
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('scrub must be an object or false');
  }
  for (const name of Object.keys(given)) {
    if (!OPTION_NAMES.has(name)) throw new TypeError(`unknown option of scrub: ${name}`);
  }
  const { cycleMs = CYCLE_MS_DEFAULT, bytesPerSecond = BYTES_PER_SECOND_DEFAULT } = given;
  const { hours, heal = true } = given;
  checkInteger(cycleMs, 'scrub.cycleMs', CYCLE_MS_MIN, CYCLE_MS_MAX);
  checkInteger(bytesPerSecond, 'scrub.bytesPerSecond', BYTES_PER_SECOND_MIN);
  if (typeof heal !== 'boolean') throw new TypeError('scrub.heal must be true or false');
  return { isOn: true, cycleMs, bytesPerSecond, hours: resolveHours(hours), heal };
}

function resolveHours(hours: ScrubHours | undefined): ScrubHours | undefined {
  if (hours === undefined) return undefined;
  if (typeof hours !== 'object' || hours === null) {
    throw new TypeError('scrub.hours must be { from, to }');
  }
  for (const name of Object.keys(hours)) {
    if (name !== 'from' && name !== 'to')
      throw new TypeError(`unknown part of scrub.hours: ${name}`);
  }
  const { from, to } = hours;
  checkInteger(from, 'scrub.hours.from', 0, 23);
  checkInteger(to, 'scrub.hours.to', 0, 24);
  if (from === to) throw new RangeError('scrub.hours must not begin with the hour that ends them');
  return { from, to };
}

function checkInteger(value: unknown, name: string, min: number, max = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`${name} must be an integer of ${min} to ${max}, not ${value}`);
}
