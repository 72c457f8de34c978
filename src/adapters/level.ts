/**
 * Varve behind the interface of Level: `varve/level`. Stands in where a library takes `level` or
 * `classic-level`. Needs the package abstract-level, version 3.
 * @module
 */
export * from './level/api.ts';
export { VarveLevel, VarveLevel as Level } from './level/node-level.ts';
