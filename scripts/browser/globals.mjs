/**
 * Globals of Node that packages of tests use, for bundles for browsers.
 * @module
 */
export { Buffer } from 'buffer';

export const process = {
  browser: true,
  env: {},
  nextTick: (callback, ...args) => queueMicrotask(() => callback(...args)),
};
