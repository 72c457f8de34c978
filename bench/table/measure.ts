/**
 * Medians of interleaved runs, so that a slow minute of the machine hits every candidate.
 * @module
 */

/** Work to be timed; returns how many operations it did. */
export type Run = () => number;

/**
 * Runs every candidate once per round, in turn.
 * @returns the median of each in operations per second
 */
export function measure(candidates: Record<string, Run>, rounds: number): Map<string, number> {
  const rates = new Map<string, number[]>();
  for (const name of Object.keys(candidates)) rates.set(name, []);
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(candidates)) {
      const start = performance.now();
      const operations = run();
      rates.get(name)!.push((operations / (performance.now() - start)) * 1000);
    }
  }
  return new Map([...rates].map(([name, all]) => [name, median(all)]));
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** 1234567 as "1.235 M". */
export function millions(rate: number): string {
  return `${(rate / 1e6).toFixed(3)} M`;
}
