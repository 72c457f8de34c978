/**
 * The error of a simulated power cut.
 * @module
 */

/** Thrown by a `CrashFs` whose power is off. Not a `VarveError`: no engine should handle it. */
export class PowerCut extends Error {
  constructor(during: string) {
    super(`the power is off (${during})`);
    this.name = 'PowerCut';
  }
}
