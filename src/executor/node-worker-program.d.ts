/**
 * The program of a worker as text, for bundles, where node-worker.ts has no file of its own;
 * scripts/build.mjs makes it.
 * @module
 */

/** One ES module that imports nothing but `node:` modules: brotli, base64. */
export declare const program: string;
