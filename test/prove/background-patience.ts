/**
 * Ends work that never would: it looks at the clock again and again, or waits for something that
 * does not come.
 * @module
 */
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

/** Work looks at the clock some thousand times at most. */
const LOOKS_MAX = 200_000;
/** As nothing real is waited for but the loading of code, a timer does not even begin otherwise. */
const WAIT_MS_MAX = 30_000;

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

  /** Waits for work. @throws Error when it has no end */
  async patiently<T>(work: Promise<T>): Promise<T> {
    this.looks = 0;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('it waits for ever')), WAIT_MS_MAX);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
