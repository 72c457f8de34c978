/**
 * The options of a repair.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import { DATABASE_ID_BYTES } from '../crypto/derive.ts';
import { VarveError } from '../errors.ts';
import type { RepairHints } from '../integrity/repair-plan.ts';
import { checkFamilyName } from './families.ts';
import type { DbOptions, DbSettings } from './options.ts';
import { resolveOptions } from './resolve-options.ts';

/** How an opening differs from a repair. */
const NOT_OF_REPAIRS = [
  'createIfMissing',
  'errorIfExists',
  'allowForeignFiles',
  'readOnly',
  'walRecovery',
  'columnFamilies',
  'workers',
  'wal',
] as const;

/**
 * Options of a repair: the keys of an encrypted database, and how the files that it writes are
 * made, as for `open`.
 */
export interface RepairOptions extends Omit<DbOptions, (typeof NOT_OF_REPAIRS)[number]> {
  /** Only look, and say what would be done; true if absent. */
  readonly dryRun?: boolean;
  /** Names of column families by their ids, where neither manifest nor tables have them. */
  readonly familyNames?: Readonly<Record<number, string>>;
  /**
   * The column family of tables that do not say theirs, because an older version of Varve wrote
   * them, if no manifest tells it. Without it they are put aside.
   */
  readonly olderTablesFamily?: string;
  /**
   * The id of an encrypted database, 16 bytes, if CURRENT is lost and so are all manifests and
   * tables that have it: from the CURRENT of a backup (`varve inspect` shows it).
   */
  readonly databaseId?: Uint8Array;
}

/**
 * Checks the options, and completes those of the opening at the end.
 * @throws TypeError, RangeError
 */
export function settingsOf(options: RepairOptions): {
  settings: DbSettings;
  dbOptions: DbOptions;
} {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('the options of a repair must be an object');
  }
  const { dryRun, familyNames, olderTablesFamily, databaseId, ...others } = options;
  for (const name of NOT_OF_REPAIRS) {
    if (name in others) throw new TypeError(`unknown option of a repair: ${name}`);
  }
  if (dryRun !== undefined && typeof dryRun !== 'boolean') {
    throw new TypeError('dryRun must be true or false');
  }
  checkNames(familyNames);
  if (olderTablesFamily !== undefined) checkFamilyName(olderTablesFamily);
  if (databaseId !== undefined && !isId(databaseId)) {
    throw new TypeError(`databaseId must be a Uint8Array of ${DATABASE_ID_BYTES} bytes`);
  }
  const fixed = { createIfMissing: false, walRecovery: 'skip', workers: 0 } as const;
  const dbOptions = { ...others, ...fixed };
  return { settings: resolveOptions(dbOptions), dbOptions };
}

/**
 * What a plan takes of the options.
 * @param told ids of families by the names that files tell
 * @throws VarveError `INVALID` for an unknown family of older tables
 */
export function hintsOf(
  { familyNames = {}, olderTablesFamily }: RepairOptions,
  told: ReadonlyMap<string, number>,
): RepairHints {
  const names = Object.entries(familyNames).map(([id, name]) => [Number(id), name] as const);
  const ids = new Map([...told, ...names.map(([id, name]) => [name, id] as const)]);
  const id = olderTablesFamily === undefined ? undefined : ids.get(olderTablesFamily);
  if (olderTablesFamily !== undefined && id === undefined) {
    const text = `nothing tells the id of the family '${olderTablesFamily}'; see familyNames`;
    throw new VarveError('INVALID', text);
  }
  return { familyNames: new Map(names), olderTablesFamilyId: id };
}

function checkNames(names: unknown): void {
  if (names === undefined) return;
  if (typeof names !== 'object' || names === null) {
    throw new TypeError('familyNames must be an object');
  }
  for (const [id, name] of Object.entries(names)) {
    if (!/^\d{1,10}$/.test(id)) throw new TypeError(`familyNames: '${id}' is no id of a family`);
    checkFamilyName(name);
  }
}

function isId(value: unknown): boolean {
  return isBytes(value) && (value as Uint8Array).length === DATABASE_ID_BYTES;
}
