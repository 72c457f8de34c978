/**
 * The clock and the randomness of the runtime, from globals that Node, Deno, Bun and browsers
 * share.
 * @module
 */
import type { Clock, HostLoop, Random } from './port.ts';

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** The runtime's cryptographic random source. */
export const systemRandom: Random = {
  fill(bytes) {
    for (let off = 0; off < bytes.length; off += QUOTA_BYTES) {
      crypto.getRandomValues(bytes.subarray(off, off + QUOTA_BYTES) as Uint8Array<ArrayBuffer>);
    }
  },
};

/** `getRandomValues` refuses larger requests. */
const QUOTA_BYTES = 65_536;

/** As a message to itself: browsers stretch timers to 4 ms. */
function postTurn(resolve: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(undefined);
}

/** Lets input and output of the host happen between two steps. */
export const systemHostLoop: HostLoop = {
  turn: () =>
    new Promise((resolve) => {
      if (typeof setImmediate === 'function') setImmediate(resolve);
      else postTurn(resolve);
    }),
  delay: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  later(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    // A number in browsers.
    if (typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
};
