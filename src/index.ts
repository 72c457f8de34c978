/**
 * Varve: an LSM-tree storage engine. Start with {@link open}.
 * @module
 */
export { portableCompression } from './compress/portable.ts';
export * from './core.ts';
export { NodeFs } from './fs/node.ts';
export { type OpenOptions, open, repair, salvage } from './node.ts';
