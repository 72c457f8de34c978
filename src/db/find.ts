/**
 * Looking at a directory before a database is opened, or read again.
 * @module
 */
import { refuseForeign } from '../manifest/foreign.ts';
import type { Location } from './core.ts';
import type { DbSettings } from './options.ts';
import { type Found, findDatabase, missingDatabase, usesZstd } from './recover.ts';

/** Looks at the database, and makes ready what its tables need. */
export async function find(location: Location, settings: DbSettings): Promise<Found> {
  const found = findDatabase(location, settings);
  if (usesZstd(found)) await location.pipeline.loadZstd();
  return found;
}

/** Before anything is changed, if only by taking the lock: this may be the place of others. */
export function lookFirst({ fs, directory }: Location, settings: DbSettings): void {
  const mayCreate = settings.createIfMissing && !settings.readOnly;
  const isPresent = refuseForeign(fs, directory, !mayCreate || settings.allowForeignFiles);
  if (!isPresent && !mayCreate) throw missingDatabase(directory);
}
