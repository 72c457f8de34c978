/**
 * All that happens in a simulation, as one hash, and the last of it in words.
 * @module
 */
import { createHash, type Hash } from 'node:crypto';

const TAIL_STEPS = 12;
const STEP_CHARACTERS_MAX = 300;

/** See the module head. */
export class Trace {
  private readonly hash: Hash;
  private readonly lastSteps: string[];

  constructor() {
    this.hash = createHash('sha256');
    this.lastSteps = [];
  }

  /** Something that happens. */
  note(text: string): void {
    this.hash.update(`${text}\n`);
  }

  /** A step of the schedule, or something as important. */
  step(text: string): void {
    this.note(text);
    this.lastSteps.push(text.slice(0, STEP_CHARACTERS_MAX));
    if (this.lastSteps.length > TAIL_STEPS) this.lastSteps.shift();
  }

  /** Bytes that are written. */
  bytes(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  /** The last steps, one a line. */
  get tail(): string {
    return this.lastSteps.join('\n');
  }

  /** Of all so far. */
  digest(): string {
    return this.hash.copy().digest('hex').slice(0, 32);
  }
}
