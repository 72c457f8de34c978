/**
 * Operations on a database as plain data, made from a seed. They say nothing about the state in
 * which they will run: numbers of families, snapshots and cursors are places that may be empty,
 * and the runner then does something sensible or nothing. So any subsequence is a valid run.
 * @module
 */
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import type { ModelRange } from './model.ts';

/** How many families, snapshots and cursors an operation may name. */
export const FAMILY_PLACES = 4;
export const SNAPSHOT_PLACES = 4;
export const CURSOR_PLACES = 4;

/** A value in short: the bytes follow from both numbers. */
export interface ValueSpec {
  readonly seed: number;
  readonly length: number;
}

export interface WriteSpec {
  readonly family: number;
  readonly key: string;
  /** Absent for a delete. */
  readonly value?: ValueSpec;
}

export type CursorMove =
  | { readonly to: 'first' | 'last' | 'next' | 'prev'; readonly times: number }
  | { readonly to: 'seek' | 'seekForPrev'; readonly key: string };

export type Operation =
  | { readonly do: 'write'; readonly write: WriteSpec; readonly sync: boolean }
  | { readonly do: 'batch'; readonly writes: readonly WriteSpec[]; readonly sync: boolean }
  | {
      readonly do: 'get';
      readonly family: number;
      readonly keys: readonly string[];
      readonly snapshot: number;
      readonly how: 'get' | 'borrow' | 'has' | 'many';
    }
  | {
      readonly do: 'scan';
      readonly family: number;
      readonly range: ModelRange;
      readonly reverse: boolean;
      readonly limit: number | undefined;
      readonly snapshot: number;
      readonly part: 'entries' | 'keys' | 'values';
      readonly borrow: boolean;
    }
  | {
      readonly do: 'open-cursor';
      readonly place: number;
      readonly family: number;
      readonly range: ModelRange;
      readonly snapshot: number;
    }
  | {
      readonly do: 'move-cursor';
      readonly place: number;
      readonly moves: readonly CursorMove[];
    }
  | { readonly do: 'close-cursor'; readonly place: number }
  | { readonly do: 'take-snapshot'; readonly place: number }
  | { readonly do: 'release-snapshot'; readonly place: number }
  | { readonly do: 'create-family'; readonly family: number }
  | { readonly do: 'drop-family'; readonly family: number }
  | { readonly do: 'sync'; readonly wait: boolean }
  | { readonly do: 'flush'; readonly family: number | undefined; readonly wait: boolean }
  | {
      readonly do: 'compact';
      readonly family: number | undefined;
      readonly from: string | undefined;
      readonly to: string | undefined;
      readonly bottommost?: boolean;
      readonly wait: boolean;
    }
  | { readonly do: 'size'; readonly family: number; readonly range: ModelRange }
  | { readonly do: 'verify' }
  | { readonly do: 'reopen'; readonly clean: boolean };

/**
 * Values are windows on this; the number of places is prime so that few windows are alike.
 * Stretches of noise and of words take turns.
 */
const VALUE_POOL: Uint8Array = makeValuePool();

function makeValuePool(): Uint8Array {
  const pool = new Uint8Array(65_521 + 20_480);
  const random = new SeededRandom(1);
  random.fill(pool);
  for (let at = 0; at < pool.length; at += 4096) {
    const words = Array.from({ length: 300 }, () => `"word${random.below(40)}":`).join('');
    pool.set(new TextEncoder().encode(words.slice(0, Math.min(2048, pool.length - at))), at);
  }
  return pool;
}

/** The bytes of a value; a view that must not be changed. */
export function valueFor(spec: ValueSpec): Uint8Array {
  const off = (spec.seed * 7919) % 65_521;
  return VALUE_POOL.subarray(off, off + spec.length);
}

/** The operations of a run; the same for the same seed. */
export function operationsFrom(seed: number, count: number): Operation[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => operationFrom(random));
}

/** One operation; consumes the random source. */
export function operationFrom(random: SeededRandom): Operation {
  const at = random.below(1000);
  const last = MAKERS.findIndex(([below]) => at < below);
  return MAKERS[last]![1](random);
}

/** Cumulated weights out of 1000. */
const MAKERS: readonly (readonly [below: number, make: (random: SeededRandom) => Operation])[] = [
  [300, (random) => ({ do: 'write', write: writeFrom(random, false), sync: random.chance(0.05) })],
  [380, batchFrom],
  [510, getFrom],
  [610, scanFrom],
  [660, openCursorFrom],
  [810, moveCursorFrom],
  [830, (random) => ({ do: 'close-cursor', place: random.below(CURSOR_PLACES) })],
  [865, (random) => ({ do: 'take-snapshot', place: random.below(SNAPSHOT_PLACES) })],
  [895, (random) => ({ do: 'release-snapshot', place: random.below(SNAPSHOT_PLACES) })],
  [908, (random) => ({ do: 'create-family', family: 1 + random.below(FAMILY_PLACES - 1) })],
  [912, (random) => ({ do: 'drop-family', family: 1 + random.below(FAMILY_PLACES - 1) })],
  [928, (random) => ({ do: 'sync', wait: random.chance(0.5) })],
  [950, (random) => ({ do: 'flush', family: maybeFamily(random), wait: random.chance(0.7) })],
  [962, compactFrom],
  [982, (random) => ({ do: 'size', family: familyFrom(random), range: rangeFrom(random) })],
  [986, () => ({ do: 'verify' })],
  [1000, (random) => ({ do: 'reopen', clean: random.chance(0.5) })],
];

function familyFrom(random: SeededRandom): number {
  return random.chance(0.5) ? 0 : random.below(FAMILY_PLACES);
}

function maybeFamily(random: SeededRandom): number | undefined {
  return random.chance(0.5) ? undefined : familyFrom(random);
}

/** A place that may hold a snapshot; -1, most of the time, for none. */
function snapshotFrom(random: SeededRandom): number {
  return random.chance(0.3) ? random.below(SNAPSHOT_PLACES) : -1;
}

function keyFrom(random: SeededRandom): string {
  const kind = random.below(100);
  if (kind < 45) return `k${random.below(60)}`;
  if (kind < 75) return random.below(4000).toString().padStart(8, '0');
  if (kind < 87) return 'a'.repeat(random.below(14));
  if (kind < 97) return binaryKey(random, random.below(5));
  return `${'long'.repeat(random.below(300))}${random.below(3)}`;
}

function binaryKey(random: SeededRandom, length: number): string {
  const alphabet = '\x00\x01\x7f\x80\xfe\xff';
  return Array.from({ length }, () => alphabet[random.below(alphabet.length)]!).join('');
}

function valueFrom(random: SeededRandom, isBulk: boolean): ValueSpec {
  const seed = random.u32();
  const kind = random.below(100);
  if (kind < 6) return { seed, length: 0 };
  if (kind < 50 || isBulk) return { seed, length: random.below(100) };
  if (kind < 92) return { seed, length: random.below(1200) };
  return { seed, length: random.below(20_481) };
}

function writeFrom(random: SeededRandom, isBulk: boolean): WriteSpec {
  const family = familyFrom(random);
  const key = keyFrom(random);
  return random.chance(0.25) ? { family, key } : { family, key, value: valueFrom(random, isBulk) };
}

function batchFrom(random: SeededRandom): Operation {
  const isBulk = random.chance(0.3);
  const length = isBulk ? 20 + random.below(200) : random.below(10);
  const writes = Array.from({ length }, () => writeFrom(random, isBulk));
  return { do: 'batch', writes, sync: random.chance(0.05) };
}

function getFrom(random: SeededRandom): Operation {
  const how = (['get', 'borrow', 'has', 'many'] as const)[random.below(4)]!;
  const keys = Array.from({ length: how === 'many' ? random.below(20) : 1 }, () => keyFrom(random));
  return { do: 'get', family: familyFrom(random), keys, snapshot: snapshotFrom(random), how };
}

function rangeFrom(random: SeededRandom): ModelRange {
  const range: { -readonly [bound in keyof ModelRange]: ModelRange[bound] } = {};
  if (random.chance(0.3)) range.gte = keyFrom(random);
  if (random.chance(0.1)) range.gt = keyFrom(random);
  if (random.chance(0.1)) range.lte = keyFrom(random);
  if (random.chance(0.3)) range.lt = keyFrom(random);
  if (random.chance(0.15)) range.prefix = prefixFrom(random);
  return range;
}

function prefixFrom(random: SeededRandom): string {
  const key = keyFrom(random);
  return key.slice(0, random.below(key.length + 1));
}

function scanFrom(random: SeededRandom): Operation {
  return {
    do: 'scan',
    family: familyFrom(random),
    range: rangeFrom(random),
    reverse: random.chance(0.5),
    limit: random.chance(0.5) ? random.below(30) : undefined,
    snapshot: snapshotFrom(random),
    part: (['entries', 'keys', 'values'] as const)[random.below(3)]!,
    borrow: random.chance(0.3),
  };
}

function openCursorFrom(random: SeededRandom): Operation {
  return {
    do: 'open-cursor',
    place: random.below(CURSOR_PLACES),
    family: familyFrom(random),
    range: random.chance(0.5) ? {} : rangeFrom(random),
    snapshot: snapshotFrom(random),
  };
}

function moveCursorFrom(random: SeededRandom): Operation {
  const moves = Array.from({ length: 1 + random.below(6) }, () => moveFrom(random));
  return { do: 'move-cursor', place: random.below(CURSOR_PLACES), moves };
}

function moveFrom(random: SeededRandom): CursorMove {
  const kind = random.below(10);
  if (kind < 2) return { to: 'seek', key: keyFrom(random) };
  if (kind < 4) return { to: 'seekForPrev', key: keyFrom(random) };
  if (kind < 5) return { to: random.chance(0.5) ? 'first' : 'last', times: 1 };
  const times = random.chance(0.2) ? random.below(60) : 1 + random.below(4);
  return { to: random.chance(0.5) ? 'next' : 'prev', times };
}

function compactFrom(random: SeededRandom): Operation {
  return {
    do: 'compact',
    family: maybeFamily(random),
    from: random.chance(0.4) ? keyFrom(random) : undefined,
    to: random.chance(0.4) ? keyFrom(random) : undefined,
    bottommost: random.chance(0.3),
    wait: random.chance(0.7),
  };
}
