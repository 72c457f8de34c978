/**
 * Varve: an LSM-tree storage engine, as pages, web workers and workerd get it. Start with
 * {@link open}.
 * @module
 */
export { portableCompression } from './compress/portable.ts';
export * from './core.ts';
export { type OpenOptions, open, repair, salvage } from './web.ts';
