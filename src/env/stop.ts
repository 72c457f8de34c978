/**
 * How long work finds out that it is to end.
 * @module
 */
import type { StopSignal } from './port.ts';

/** @throws the reason of the signal, once it is aborted */
export function throwIfStopped(signal: StopSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason ?? new Error('the work was aborted');
}
