/**
 * Databases over the OPFS of the browser that this runs in.
 * @module
 */
import { portableCompression } from '../../src/compress/portable.ts';
import {
  type Db,
  type DbOptions,
  mountOpfs,
  nobleCrypto,
  type OpfsFs,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
} from '../../src/core.ts';

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
      const db = await openDatabase('db', options, {
        fs,
        clock: systemClock,
        random: systemRandom,
        hostLoop: systemHostLoop,
        compression: portableCompression,
        crypto: nobleCrypto,
      });
      return new OpfsWorld(fs, db);
    } catch (error) {
      await fs.close();
      throw error;
    }
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
