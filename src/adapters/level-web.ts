/**
 * `varve/level` for browsers and their like: the same, over an `fs` that the caller brings.
 * @module
 */
export * from './level/api.ts';
export { VarveLevel, VarveLevel as Level } from './level/web-level.ts';
