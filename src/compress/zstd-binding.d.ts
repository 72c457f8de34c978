/**
 * Zstandard in WebAssembly; scripts/zstd-binding.mjs makes the module from the package zstd-codec.
 * @module
 */

/** Starts it in the object that is given, which it fills in; see zstd-module.ts. */
declare const run: (module: object) => void;
export default run;
