/**
 * Varve: an LSM-tree storage engine. Start with {@link open}.
 * @module
 */
export * from './core.ts';
export { NodeFs } from './fs/node.ts';
export { open } from './node.ts';
