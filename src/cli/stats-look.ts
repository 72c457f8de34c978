/**
 * One look at a database for `varve stats`: what it says of itself, and what is in its directory.
 * @module
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { joinPath } from '../fs/port.ts';
import type { DbStats, ProfileName } from '../index.ts';
import { parseLostName } from '../manifest/file-names.ts';
import type { FamilyOptions } from './options.ts';
import { isFile, type Place, withPlace, withReader } from './session.ts';

/** Files of one kind in the directory of a database. */
export interface FileStats {
  readonly kind: string;
  readonly count: number;
  readonly sizeBytes: number;
}

/** What a look needs of the command's options. */
export interface LookOptions extends FamilyOptions {
  readonly profile?: ProfileName;
}

/** What one look at a database shows. */
export interface Look {
  readonly stats: DbStats;
  readonly files: readonly FileStats[];
}

/** Opens the database as it stands now, and looks. */
export async function look(path: string, options: LookOptions): Promise<Look> {
  const { family } = options;
  const stats = await withReader(path, options, async (db) => {
    if (family !== undefined) db.columnFamily(family);
    return db.stats();
  });
  const files = await filesIn(path);
  return { stats: family === undefined ? stats : onlyFamily(stats, family), files };
}

function onlyFamily(stats: DbStats, family: string): DbStats {
  const columnFamilies = stats.columnFamilies.filter(({ name }) => name === family);
  return { ...stats, columnFamilies };
}

/** What is there; a file that a writer removes meanwhile does not count. */
async function filesIn(path: string): Promise<FileStats[]> {
  const kinds = new Map<string, { count: number; sizeBytes: number }>();
  for (const kind of ['table', 'WAL', 'manifest', 'kept', 'other']) {
    kinds.set(kind, { count: 0, sizeBytes: 0 });
  }
  const sizes = isFile(path) ? await withPlace(path, sizesInFile) : sizesInDirectory(path);
  for (const [name, sizeBytes] of sizes) {
    const entry = kinds.get(kindOf(name))!;
    entry.count++;
    entry.sizeBytes += sizeBytes;
  }
  return [...kinds].map(([kind, entry]) => ({ kind, ...entry }));
}

function sizesInDirectory(path: string): [name: string, sizeBytes: number][] {
  return readdirSync(path).flatMap((name) => {
    const stat = statSync(join(path, name), { throwIfNoEntry: false });
    return stat?.isFile() === true ? [[name, stat.size]] : [];
  });
}

async function sizesInFile({ fs, directory }: Place): Promise<[string, number][]> {
  return fs.list(directory).map((name) => {
    const file = fs.open(joinPath(directory, name), 'read');
    const sizeBytes = file.size();
    file.close();
    return [name, sizeBytes];
  });
}

function kindOf(name: string): string {
  if (name.endsWith('.sst')) return 'table';
  if (name.endsWith('.wal')) return 'WAL';
  // What an opening found that nothing refers to, and did not remove.
  if (parseLostName(name) !== undefined) return 'kept';
  return name.startsWith('MANIFEST-') ? 'manifest' : 'other';
}
