/**
 * Finds work that would never end: it looks at the clock again and again, or waits for something
 * that does not come.
 * @module
 */
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

/** Work looks at the clock some thousand times at most. */
const LOOKS_MAX = 200_000;

/** A clock that is asked so often only by those who get nowhere. */
export class ImpatientClock extends SimulatedClock {
  private looks: number;

  constructor(startMs: number) {
    super(startMs);
    this.looks = 0;
  }

  override monotonic(): number {
    this.looks++;
    if (this.looks > LOOKS_MAX) throw new Error('it gets nowhere');
    return super.monotonic();
  }

  /**
   * Waits for work. When nothing is left to do in the process and it has not come to its end, says
   * `where` that is, and the process ends.
   * @throws Error when it gets nowhere
   */
  async patiently<T>(work: Promise<T>, where: () => string): Promise<T> {
    this.looks = 0;
    const onNothingLeft = () => process.stderr.write(`${where()}: it waits for ever\n`);
    process.once('beforeExit', onNothingLeft);
    try {
      return await work;
    } finally {
      process.off('beforeExit', onNothingLeft);
    }
  }
}
