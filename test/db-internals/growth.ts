/**
 * How the price of something grows with its size, for tests that must not depend on the speed of a
 * machine or on what else it does: processor time of this process is compared with itself.
 * @module
 */

/** Rounds of which the cheapest counts, for collections of garbage come when they come. */
const ROUNDS_MIN = 4;
/** Rounds before growth that is not linear is believed: a busy machine has cold caches. */
const ROUNDS_MAX = 16;

/**
 * Processor time at `factor` times the size by that at the size: about `factor` where the price is
 * linear, its square where it is quadratic.
 * @param prepare makes what is measured, for a size; what it returns does it once
 */
export async function growth(
  size: number,
  factor: number,
  prepare: (size: number) => (() => void) | Promise<() => void>,
): Promise<number> {
  let small = Number.POSITIVE_INFINITY;
  let large = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (round >= ROUNDS_MIN && large <= 2 * factor * small) break;
    small = Math.min(small, microseconds(await prepare(size)));
    large = Math.min(large, microseconds(await prepare(size * factor)));
  }
  // Below a tick of the clock nothing can be told.
  return large / Math.max(small, 50);
}

function microseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
