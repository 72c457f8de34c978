/**
 * Zstandard for the engine without a runtime: `varve/zstd`. It is apart from `varve/core` because
 * its code is larger than all of the engine.
 * @module
 */
export type { Compression, Compressor } from './compress/port.ts';
export { portableCompression } from './compress/portable.ts';
