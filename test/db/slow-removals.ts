/**
 * Files in memory that take their time to go, as large ones do on disk.
 */
import { MemoryFs } from '../../src/fs/memory.ts';

export class SlowRemovalFs extends MemoryFs {
  /** Paths whose removal is under way. */
  readonly going: Set<string> = new Set();
  /** Set to let them fail. */
  failure: Error | undefined = undefined;
  #gate: Promise<void> = Promise.resolve();

  /** Lets removals wait until the returned function is called; they take some turns anyway. */
  hold(): () => void {
    let release = (): void => {};
    this.#gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** Resolves when nothing is going. */
  async idle(): Promise<void> {
    while (this.going.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  override async removeAsync(path: string): Promise<void> {
    this.going.add(path);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    await this.#gate;
    this.going.delete(path);
    if (this.failure !== undefined) throw this.failure;
    this.remove(path);
  }
}
