/**
 * The family that a call means.
 * @module
 */
import { VarveError } from '../errors.ts';
import type { ColumnFamily } from './column-family.ts';
import type { DbCore } from './core.ts';
import type { Family } from './family.ts';

/** @throws VarveError `INVALID` for one that is not of this database, or not any more */
export function familyOf(core: DbCore, columnFamily: ColumnFamily | string): Family {
  if (typeof columnFamily === 'string') return familyNamed(core, columnFamily);
  const family = core.families.get(columnFamily.id);
  if (family?.handle !== columnFamily) {
    const text = `column family '${columnFamily.name}' was dropped or is of another database`;
    throw new VarveError('INVALID', text);
  }
  return family;
}

/** @throws VarveError `INVALID` when there is none of that name */
export function familyNamed(core: DbCore, name: string): Family {
  const family = core.familyNamed(name);
  if (family !== undefined) return family;
  throw new VarveError('INVALID', `there is no column family '${name}'`);
}
