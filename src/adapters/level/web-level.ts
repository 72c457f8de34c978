/**
 * Level where there are no directories: in browsers and their like.
 * @module
 */
import { open, repair, VarveError } from '../../index-web.ts';
import { destroyLevel, LevelDatabase, type LevelRuntime, repairLevel } from './level-database.ts';
import type * as types from './types.ts';

const RUNTIME: LevelRuntime = {
  makeFs: () => {
    const text = 'there are no directories here: pass an fs, of mountOpfs or a MemoryFs';
    throw new VarveError('UNSUPPORTED', text);
  },
  open,
  repair,
};

/**
 * A database of Level on Varve. One instance at a time may have a location open; keys are at most
 * 64 KiB, values at most 256 MiB, beyond which writes reject with a RangeError.
 */
export class VarveLevel<KDefault = string, VDefault = string> extends LevelDatabase<
  KDefault,
  VDefault
> {
  /**
   * @param location the directory, in the terms of `options.fs`, which must be there
   * @throws LevelError without it
   */
  constructor(location: string, options?: types.DatabaseOptions<KDefault, VDefault>) {
    super(RUNTIME, location, options);
  }

  /**
   * Removes the database at a location, which must not be open. Other files there stay, and so do
   * the directory and the lock file.
   */
  static destroy(location: string, options: types.DestroyOptions = {}): Promise<void> {
    return destroyLevel(RUNTIME, location, options);
  }

  /**
   * Puts together again what is left of a database that does not open. It must not be open. Nothing
   * is deleted: files that are no part of it get the ending `.lost`. Resolves also when something
   * is lost for good; `repair` of `varve` tells what, and repairs without doing it.
   */
  static repair(location: string, options: types.RepairOptions = {}): Promise<void> {
    return repairLevel(RUNTIME, location, options);
  }
}
