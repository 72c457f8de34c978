/**
 * What a backup target holds.
 * @module
 */
import { isVarveError, type VarveError } from '../errors.ts';
import { decodeInventory, INVENTORY_BYTES_MAX, type Inventory } from './inventory.ts';
import { type ParsedObjectName, parseObjectName } from './object-names.ts';
import { type BackupTarget, getBytes } from './port.ts';

/** An inventory that cannot be read. */
export interface DamagedInventory {
  /** Name of the object. */
  readonly object: string;
  /** From the name. */
  readonly number: number;
  /** From the name. */
  readonly id: string;
  /** What is wrong with it. */
  readonly error: VarveError;
}

/** The backups of a target. */
export interface Catalog {
  /** Oldest first. */
  readonly backups: readonly Inventory[];
  /** Of backups that are there, and whose inventory is not what it was. */
  readonly damaged: readonly DamagedInventory[];
  /** Ids of backups that are being made, or were cut off. */
  readonly pending: readonly string[];
}

/** An object of ours. */
export interface NamedObject extends ParsedObjectName {
  readonly name: string;
}

/** All objects of a target that are ours. */
export async function listObjects(target: BackupTarget): Promise<NamedObject[]> {
  const names = await target.list();
  return names.flatMap((name) => {
    const parsed = parseObjectName(name);
    return parsed === undefined ? [] : [{ ...parsed, name }];
  });
}

/**
 * Reads the inventories. What the one of a pending backup lacks is no damage: its put may have been
 * cut off.
 * @throws VarveError `UNSUPPORTED` for one of a later version; any error of the target
 */
export async function readCatalog(
  target: BackupTarget,
  objects: readonly NamedObject[],
): Promise<Catalog> {
  const pending = objects.filter(({ kind }) => kind === 'pending').map(({ id }) => id);
  const backups: Inventory[] = [];
  const damaged: DamagedInventory[] = [];
  for (const { kind, name, number, id } of objects) {
    if (kind !== 'backup') continue;
    const bytes = await getBytes(target, name, INVENTORY_BYTES_MAX);
    // It was purged meanwhile.
    if (bytes === undefined) continue;
    try {
      backups.push(decodeInventory(bytes, name));
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      if (!pending.includes(id)) damaged.push({ object: name, number, id, error });
    }
  }
  backups.sort((a, b) => a.number - b.number || a.createdAtMs - b.createdAtMs);
  return { backups, damaged, pending };
}
