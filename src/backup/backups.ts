/**
 * The backups in a target, as their users hold them.
 * @module
 */
import { loadChecksum } from '../block/checksum.ts';
import { type Capture, captureBytes } from '../copy/capture.ts';
import { type CopyOptions, CopyPace, type FollowOptions } from '../copy/pace.ts';
import {
  CallOptions,
  COPY_CHECKS,
  FOLLOW_CHECKS,
  flag,
  number,
  type TypeCheck,
} from '../db/call-checks.ts';
import { Db } from '../db/database.ts';
import type { Clock, HostLoop, Random } from '../env/port.ts';
import { systemClock, systemHostLoop, systemRandom } from '../env/system.ts';
import { VarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import type { RateLimiter } from '../job/rate-limiter.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import { type Catalog, listObjects, readCatalog } from './catalog.ts';
import { captureClosed } from './closed-capture.ts';
import { type BackupReport, storeCapture } from './create.ts';
import type { Inventory } from './inventory.ts';
import { idOf } from './object-names.ts';
import type { BackupTarget } from './port.ts';
import { type PurgeOptions, type PurgeReport, purgeBackups } from './purge.ts';
import { type RestoreReport, restoreInto } from './restore.ts';
import { type BackupVerification, neededObjects, verifyObjects } from './verify.ts';

const backupName: TypeCheck = (value, name) => {
  if (value !== undefined && typeof value !== 'number' && typeof value !== 'string') {
    throw new TypeError(`${name} must be the number of a backup, or its id`);
  }
};
const idList: TypeCheck = (value, name) => {
  if (value !== undefined && !Array.isArray(value)) throw new TypeError(`${name} must be an array`);
};
const CREATE_OPTIONS = new CallOptions('a backup', COPY_CHECKS);
const VERIFY_OPTIONS = new CallOptions('verify', { ...COPY_CHECKS, backup: backupName });
const RESTORE_OPTIONS = new CallOptions('restore', {
  ...COPY_CHECKS,
  backup: backupName,
  keepDamaged: flag,
});
const PURGE_OPTIONS = new CallOptions('purge', {
  ...FOLLOW_CHECKS,
  keep: number,
  olderThanMs: number,
  ids: idList,
});

/** What the work runs on; by default what the runtime has. */
export interface BackupPorts {
  /** Tells when backups were made. */
  readonly clock?: Clock;
  /** Gives backups their ids. */
  readonly random?: Random;
  /** Has a turn after each step. */
  readonly hostLoop?: HostLoop;
}

/** Which backup is meant. */
export interface BackupChoice {
  /** Its number, or its id; the newest one if absent. */
  readonly backup?: number | string | undefined;
}

/** A backup as it is listed. */
export interface BackupInfo {
  /** Counts backups, from 1. */
  readonly number: number;
  /** Tells it from all others. */
  readonly id: string;
  /** When it was begun, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /** The newest write in it; null of an encrypted database that was closed. */
  readonly seqno: number | null;
  /** Files of the database. */
  readonly fileCount: number;
  /** Bytes of these files. */
  readonly bytesTotal: number;
  /** Bytes of objects that no other backup needs: what a purge of this one gives back. */
  readonly bytesOwn: number;
  /** Files that were damaged when they were stored. */
  readonly damagedCount: number;
}

/** What a target holds. */
export interface BackupList {
  /** Oldest first. */
  readonly backups: readonly BackupInfo[];
  /** Ids of backups whose inventory is damaged: they cannot be restored. */
  readonly damaged: readonly string[];
  /** Ids of backups that are being made, or were cut off. */
  readonly pending: readonly string[];
}

/**
 * Incremental backups of one database in a {@link BackupTarget}. A backup stores the files that the
 * target does not have yet, as they are on disk: what is encrypted stays so, and no key is needed.
 * It is there as a whole, or not at all.
 *
 * Several processes may make backups in one target, and purge it, at the same time.
 */
export class Backups {
  readonly #target: BackupTarget;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #hostLoop: HostLoop;

  /** @param target for instance a `DirectoryTarget` */
  constructor(target: BackupTarget, ports: BackupPorts = {}) {
    this.#target = target;
    this.#clock = ports.clock ?? systemClock;
    this.#random = ports.random ?? systemRandom;
    this.#hostLoop = ports.hostLoop ?? systemHostLoop;
  }

  /**
   * Backs up a database that is open, as of the call, while reads and writes go on; of one that is
   * open read-only, the newest state that is in its directory.
   * @throws VarveError `INVALID` when the target has backups of another database, `BUSY`, `CLOSED`,
   * `IO`, `NOSPACE`; the reason of the signal. Nothing is left in the target then but what the next
   * purge removes
   */
  async create(db: Db, options: CopyOptions = {}): Promise<BackupReport> {
    CREATE_OPTIONS.check(options);
    if (!(db instanceof Db)) throw new TypeError('create takes an open database');
    await loadChecksum();
    const capture = await Db.capture(db);
    try {
      return await this.#store(capture, options, Db.limiterOf(db));
    } finally {
      capture.release();
    }
  }

  /**
   * Backs up a database that nobody has open, without its keys. Holds its lock meanwhile.
   * @param directory in the terms of `fs`
   * @throws VarveError as {@link create}; `LOCKED` when somebody has it open, `INVALID` where there
   * is none
   */
  async createFrom(fs: Fs, directory: string, options: CopyOptions = {}): Promise<BackupReport> {
    CREATE_OPTIONS.check(options);
    const path = resolved(fs, directory);
    await loadChecksum();
    if (!fs.exists(path)) {
      throw new VarveError('INVALID', `there is no database at ${path}`, { file: path });
    }
    const lock = await fs.lock(joinPath(path, LOCK_NAME));
    try {
      const turn = () => this.#hostLoop.turn();
      const capture = await captureClosed(fs, path, this.#random, turn);
      try {
        return await this.#store(capture, options);
      } finally {
        capture.release();
      }
    } finally {
      await lock.release();
    }
  }

  /** What is there. */
  async list(): Promise<BackupList> {
    const { backups, damaged, pending } = await this.#catalog();
    const needed = neededObjects(backups);
    const infos = backups.map(({ number, id, createdAtMs, seqno, files }) => {
      const own = files.filter(({ object }) => needed.get(object)!.backups.length === 1);
      return {
        ...{ number, id, createdAtMs, seqno },
        fileCount: files.length,
        bytesTotal: sumOf(files),
        bytesOwn: sumOf(own),
        damagedCount: files.filter(({ isDamaged }) => isDamaged).length,
      };
    });
    return { backups: infos, damaged: damaged.map(({ id }) => id), pending };
  }

  /**
   * Reads everything that backups consist of: of all of them, or of one. Damage is reported, not
   * thrown.
   */
  async verify(options: BackupChoice & CopyOptions = {}): Promise<BackupVerification> {
    VERIFY_OPTIONS.check(options);
    const catalog = await this.#catalog();
    const isAll = options.backup === undefined;
    const wanted = isAll ? catalog.backups : [chosen(catalog, options)];
    let bytesTotal = 0;
    for (const { file } of neededObjects(wanted).values()) bytesTotal += file.sizeBytes;
    const found = await verifyObjects(this.#target, wanted, this.#pace(bytesTotal, options));
    if (!isAll) return found;
    const lost = catalog.damaged.map(({ object, number, error }) => ({
      ...{ object, file: object, message: error.message },
      backups: [number],
    }));
    return { ...found, damage: [...lost, ...found.damage] };
  }

  /**
   * Removes backups, and what none of those that stay needs; without options only what interrupted
   * backups and purges have left. Beside a backup that is being made the files stay until the next
   * purge.
   * @throws RangeError, TypeError for wrong options; VarveError `INVALID` for an unknown id
   */
  async purge(options: PurgeOptions & FollowOptions = {}): Promise<PurgeReport> {
    PURGE_OPTIONS.check(options);
    const { keep, olderThanMs } = options;
    for (const [name, value] of Object.entries({ keep, olderThanMs })) {
      if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue;
      throw new RangeError(`${name} must be an integer of at least 0`);
    }
    await loadChecksum();
    return purgeBackups(this.#target, this.#clock, options, this.#pace(0, options));
  }

  /**
   * Makes a database of a backup, in a directory that is missing or empty: a whole one, or none. It
   * opens with the keys that the database had. What it holds is checked on the way.
   * @param directory in the terms of `fs`, which may be any file system
   * @param options `keepDamaged` makes files also of what is damaged, and reports them
   * @throws VarveError `CORRUPTION` for a part of the backup that is damaged or missing, `INVALID`
   * when there is no such backup, or the directory holds anything; `LOCKED`, `IO`, `NOSPACE`; the
   * reason of the signal
   */
  async restore(
    fs: Fs,
    directory: string,
    options: BackupChoice & CopyOptions & { readonly keepDamaged?: boolean } = {},
  ): Promise<RestoreReport> {
    RESTORE_OPTIONS.check(options);
    const path = resolved(fs, directory);
    const backup = chosen(await this.#catalog(), options);
    const pace = this.#pace(sumOf(backup.files), options);
    return restoreInto(this.#target, backup, fs, path, options.keepDamaged === true, pace);
  }

  async #catalog(): Promise<Catalog> {
    await loadChecksum();
    return readCatalog(this.#target, await listObjects(this.#target));
  }

  /** @param limiter of the background work of an open database */
  #store(capture: Capture, options: CopyOptions, limiter?: RateLimiter): Promise<BackupReport> {
    const place = { target: this.#target, clock: this.#clock, id: idOf(this.#random) };
    return storeCapture(capture, place, this.#pace(captureBytes(capture), options, limiter));
  }

  #pace(bytesTotal: number, options: CopyOptions, limiter?: RateLimiter): CopyPace {
    const ports = { hostLoop: this.#hostLoop, clock: this.#clock, limiter };
    return new CopyPace(ports, bytesTotal, options);
  }
}

function resolved(fs: Fs, directory: string): string {
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError('a directory must be a string that is not empty');
  }
  return fs.resolve(directory);
}

function sumOf(files: Inventory['files']): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** @throws VarveError `INVALID` when there is none, or several of a number, `CORRUPTION` */
function chosen({ backups, damaged }: Catalog, { backup }: BackupChoice): Inventory {
  if (backup === undefined) {
    const newest = backups.at(-1);
    if (newest !== undefined) return newest;
    if (damaged[0] !== undefined) throw damaged[0].error;
    throw new VarveError('INVALID', 'there is no backup');
  }
  const isMeant = (one: { readonly number: number; readonly id: string }) =>
    typeof backup === 'number' ? one.number === backup : one.id === backup;
  const found = backups.filter(isMeant);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    throw new VarveError('INVALID', `there are ${found.length} backups ${backup}: give an id`);
  }
  const lost = damaged.find(isMeant);
  if (lost !== undefined) throw lost.error;
  throw new VarveError('INVALID', `there is no backup ${backup}`);
}
