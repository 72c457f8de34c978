/**
 * Databases over the OPFS of the browser that this runs in.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import {
  type Db,
  type DbOptions,
  type Environment,
  mountOpfs,
  nobleCrypto,
  type OpfsFs,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
} from '../../src/core.ts';

/** What a database in `fs` runs on. */
export function environmentOn(fs: OpfsFs): Environment {
  return {
    fs,
    clock: systemClock,
    random: systemRandom,
    hostLoop: systemHostLoop,
    compression: portableCompression,
    crypto: nobleCrypto,
  };
}

/** A mounted directory of OPFS with a database in it. */
export class OpfsWorld {
  readonly fs: OpfsFs;
  readonly db: Db;

  private constructor(fs: OpfsFs, db: Db) {
    this.fs = fs;
    this.db = db;
  }

  static async open(
    directory: string,
    options: DbOptions,
    handlesMax?: number,
  ): Promise<OpfsWorld> {
    const fs = await mountOpfs({ directory, ...(handlesMax && { handlesMax }) });
    try {
      return await OpfsWorld.openOn(fs, options);
    } catch (error) {
      await fs.close();
      throw error;
    }
  }

  /** @param fs closed with the database; the caller's if that cannot be opened */
  static async openOn(fs: OpfsFs, options: DbOptions): Promise<OpfsWorld> {
    return new OpfsWorld(fs, await openDatabase('db', options, environmentOn(fs)));
  }

  async close(): Promise<void> {
    await this.db.close();
    await this.fs.close();
  }
}

/** Removes what earlier runs have left in the OPFS of this origin. */
export async function clearOpfs(): Promise<void> {
  const root = (await navigator.storage.getDirectory()) as unknown as {
    keys(): AsyncIterable<string>;
    removeEntry(name: string, options: { recursive: boolean }): Promise<void>;
  };
  const names: string[] = [];
  for await (const name of root.keys()) names.push(name);
  for (const name of names) await root.removeEntry(name, { recursive: true });
}
