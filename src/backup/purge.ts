/**
 * Removing backups, and the objects that no backup needs any more.
 *
 * 1. objects are listed
 * 2. inventories of the backups that are to go are removed, one by one
 * 3. pending objects are looked for: while one is there that is not left over, that is all
 * 4. the inventories that are left are read, and the objects of 1 that none of them names go
 *
 * A backup that is being made beside it puts its pending object first, then reads inventories, and
 * removes the pending object when its own inventory is there. If 3 does not see it, then either its
 * inventory was there before 4, which counts what it names; or its pending object came after 3:
 * then it has read inventories after 2, and uses only what those name that 4 sees, or later ones,
 * while objects of its own are not among those of 1. A purge that is cut off leaves inventories
 * whose objects are all there, and objects that the next purge removes.
 * @module
 */
import type { CopyPace } from '../copy/pace.ts';
import type { Clock } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import { type Catalog, listObjects, type NamedObject, readCatalog } from './catalog.ts';
import type { Inventory } from './inventory.ts';
import { inventoryName } from './object-names.ts';
import { endPending, idleMs, STALE_AFTER_MS } from './pending.ts';
import type { BackupTarget } from './port.ts';

/** Which backups go; with several conditions those that meet all of them. */
export interface PurgeOptions {
  /** The newest ones of this number stay. */
  readonly keep?: number | undefined;
  /** Backups that were begun so long ago. */
  readonly olderThanMs?: number | undefined;
  /** Ids of backups, those among them whose inventory is damaged too. */
  readonly ids?: readonly string[] | undefined;
}

/** What a purge has done. */
export interface PurgeReport {
  /** Numbers of the backups that are gone. */
  readonly removed: readonly number[];
  /** Objects that were removed: files, and what interrupted backups had left. */
  readonly objectCount: number;
  /**
   * Why objects that no backup needs had to stay; the next purge removes them. Undefined where none
   * had to.
   */
  readonly waitsFor: string | undefined;
}

/**
 * See the module head.
 * @throws VarveError `INVALID` for an id that is not there; any error of the target
 */
export async function purgeBackups(
  target: BackupTarget,
  clock: Clock,
  options: PurgeOptions,
  pace: CopyPace,
): Promise<PurgeReport> {
  const objects = await listObjects(target);
  const catalog = await readCatalog(target, objects);
  const leaving = backupsToRemove(catalog, clock, options);
  for (const { object } of leaving) await target.delete(object);
  const removed = leaving.map(({ number }) => number);
  const busy = await endStale(target, clock);
  if (busy !== undefined) return { removed, objectCount: 0, waitsFor: busy };
  const left = await readCatalog(target, await listObjects(target));
  if (left.damaged.length > 0) {
    const names = left.damaged.map(({ object }) => object).join(', ');
    const waitsFor = `damaged inventories, which may need them: ${names}`;
    return { removed, objectCount: 0, waitsFor };
  }
  const garbage = garbageOf(objects, left);
  for (const { name } of garbage) {
    await target.delete(name);
    await pace.step(0);
  }
  return { removed, objectCount: garbage.length, waitsFor: undefined };
}

interface Leaving {
  readonly object: string;
  readonly number: number;
}

function backupsToRemove(catalog: Catalog, clock: Clock, options: PurgeOptions): Leaving[] {
  const { backups, damaged } = catalog;
  const { keep = 0, olderThanMs, ids } = options;
  const isAny = options.keep !== undefined || olderThanMs !== undefined || ids !== undefined;
  if (!isAny) return [];
  for (const id of ids ?? []) {
    const isThere = [...backups, ...damaged].some((backup) => backup.id === id);
    if (!isThere) throw new VarveError('INVALID', `there is no backup ${id}`);
  }
  const old = backups.slice(0, Math.max(0, backups.length - keep));
  const limitMs = clock.now() - (olderThanMs ?? 0);
  const wanted = old.filter(
    ({ id, createdAtMs }) =>
      (olderThanMs === undefined || createdAtMs <= limitMs) && (ids?.includes(id) ?? true),
  );
  const broken = damaged.filter(({ id }) => ids?.includes(id) === true);
  return [...wanted.map(leavingOf), ...broken];
}

function leavingOf({ number, id }: Inventory): Leaving {
  return { object: inventoryName(number, id), number };
}

/** Ends backups that were cut off long ago; tells why others have to be waited for. */
async function endStale(target: BackupTarget, clock: Clock): Promise<string | undefined> {
  const objects = await listObjects(target);
  const busy: string[] = [];
  for (const { kind, id } of objects) {
    if (kind !== 'pending') continue;
    if ((await idleMs(target, clock, id)) < STALE_AFTER_MS) {
      busy.push(id);
      continue;
    }
    const inventory = objects.find((one) => one.kind === 'backup' && one.id === id);
    const { damaged } = await readCatalog(target, inventory === undefined ? [] : [inventory]);
    // Its put was cut off.
    for (const { object } of damaged) await target.delete(object);
    await endPending(target, id);
  }
  return busy.length === 0 ? undefined : `backups that are being made: ${busy.join(', ')}`;
}

/** Objects that were there before, and that nothing names which is there now. */
function garbageOf(objects: readonly NamedObject[], { backups }: Catalog): NamedObject[] {
  const needed = new Set(backups.flatMap(({ files }) => files.map(({ object }) => object)));
  return objects.filter(({ kind, name }) => {
    if (kind === 'file') return !needed.has(name);
    return kind === 'part' || kind === 'renewed';
  });
}
