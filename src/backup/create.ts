/**
 * Making a backup of a capture.
 *
 * 1. a pending object is put
 * 2. the inventories are read: of files that they have, their objects are used again
 * 3. objects of all other files are put, under names that no other backup ever uses
 * 4. the inventory is put, and the pending object goes
 *
 * Only objects that an inventory names are used again: who put others, and whether they are whole,
 * nobody knows. See purge.ts for why none of those that are used goes meanwhile.
 * @module
 */
import { Digest64, FileChecksum } from '../block/checksum.ts';
import { decodeFileHeader, FILE_HEADER_BYTES_MAX } from '../block/file-header.ts';
import type { Capture, CapturedFile, FileDigest } from '../copy/capture.ts';
import { piecesOf } from '../copy/file-bytes.ts';
import type { CopyPace } from '../copy/pace.ts';
import type { Clock } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import { listObjects, readCatalog } from './catalog.ts';
import { digestText, encodeInventory, type Inventory, type StoredFile } from './inventory.ts';
import { fileObjectName, inventoryName, toHex } from './object-names.ts';
import { Pending } from './pending.ts';
import { type BackupTarget, bytesAsPieces } from './port.ts';

/** A backup that was made. */
export interface BackupReport {
  /** Counts backups, from 1. */
  readonly number: number;
  /** Tells it from all others. */
  readonly id: string;
  /** The newest write in it; null of an encrypted database that was closed. */
  readonly seqno: number | null;
  /** Files of the database. */
  readonly fileCount: number;
  /** Files that were in the target already. */
  readonly reusedCount: number;
  /** Bytes of all files. */
  readonly bytesTotal: number;
  /** Bytes that were put into the target. */
  readonly bytesStored: number;
  /** Names of files that were damaged when they were stored: a sound copy was nowhere. */
  readonly damaged: readonly string[];
}

/** Where a backup goes. */
export interface BackupPlace {
  readonly target: BackupTarget;
  readonly clock: Clock;
  /** Of the new backup. */
  readonly id: string;
}

/**
 * Stores a capture, which stays the caller's.
 * @throws VarveError `INVALID` when the target has backups of another database, `BUSY`; any error
 * of the target or of reading; the reason of a signal
 */
export async function storeCapture(
  capture: Capture,
  place: BackupPlace,
  pace: CopyPace,
): Promise<BackupReport> {
  const pending = await Pending.begin(place.target, place.clock, place.id);
  const run = new BackupRun(capture, place, pace, pending);
  try {
    return await run.run();
  } catch (error) {
    await run.abandon();
    throw error;
  }
}

class BackupRun {
  readonly #capture: Capture;
  readonly #place: BackupPlace;
  readonly #pace: CopyPace;
  readonly #pending: Pending;
  /** What was put, or may have been. */
  readonly #made: string[];
  readonly #room: Uint8Array;
  #bytesStored: number;

  constructor(capture: Capture, place: BackupPlace, pace: CopyPace, pending: Pending) {
    this.#capture = capture;
    this.#place = place;
    this.#pace = pace;
    this.#pending = pending;
    this.#made = [];
    this.#room = pace.newRoom();
    this.#bytesStored = 0;
  }

  async run(): Promise<BackupReport> {
    const { target, clock, id } = this.#place;
    const objects = await listObjects(target);
    const { backups } = await readCatalog(target, objects);
    this.#expectSameDatabase(backups.at(-1));
    const numbers = objects.map(({ number }) => number);
    const number = Math.max(0, ...numbers) + 1;
    const known = new KnownFiles(backups);
    const createdAtMs = Math.max(0, Math.floor(clock.now()));
    const files: StoredFile[] = [];
    let reusedCount = 0;
    for (const file of this.#capture.files) {
      this.#pace.assertGoesOn();
      await this.#pending.renew();
      const salt = saltOf(file);
      const found = known.find(file, salt, await this.#digestOf(file));
      if (found !== undefined) {
        reusedCount++;
        files.push(found);
        await this.#pace.skip(file.sizeBytes);
      } else {
        files.push(await this.#store(file, salt));
      }
    }
    const databaseId = toHex(this.#capture.databaseId);
    const { seqno = null } = this.#capture;
    await this.#commit({ number, id, createdAtMs, databaseId, seqno, files });
    return {
      ...{ number, id, seqno, reusedCount },
      fileCount: files.length,
      bytesTotal: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      bytesStored: this.#bytesStored,
      damaged: files.filter(({ isDamaged }) => isDamaged).map(({ name }) => name),
    };
  }

  /** Removes what was put, as far as that can be done; a purge does the rest. */
  async abandon(): Promise<void> {
    for (const name of this.#made.toReversed()) {
      await this.#place.target.delete(name).catch(ignore);
    }
    await this.#pending.end().catch(ignore);
  }

  /** Undefined for tables of which nobody says it: they never change, so their salt will do. */
  async #digestOf(file: CapturedFile): Promise<string | undefined> {
    if (file.kind === 'table') return file.digest && digestText(halvesOf(file.digest));
    const checksum = new FileChecksum();
    for (const piece of piecesOf(file, this.#room)) {
      checksum.update(piece, 0, piece.length);
      await this.#pace.skip(0);
    }
    const digest = new Digest64();
    checksum.digest(digest);
    return digestText(digest);
  }

  async #store(file: CapturedFile, salt: string | null): Promise<StoredFile> {
    const object = fileObjectName(file.name, this.#place.id);
    const checksum = new FileChecksum();
    this.#made.push(object);
    await this.#place.target.put(object, this.#piecesOf(file, checksum));
    this.#bytesStored += file.sizeBytes;
    const digest = new Digest64();
    checksum.digest(digest);
    const { name, sizeBytes } = file;
    const isDamaged = file.digest !== undefined && !isSame(digest, file.digest);
    return { name, object, sizeBytes, checksum: digestText(digest), salt, isDamaged };
  }

  async *#piecesOf(file: CapturedFile, checksum: FileChecksum): AsyncGenerator<Uint8Array, void> {
    for (const piece of piecesOf(file, this.#room)) {
      checksum.update(piece, 0, piece.length);
      yield piece;
      await this.#pace.step(piece.length);
      await this.#pending.renew();
    }
  }

  /** A purge that took it for one that was cut off may have removed objects that it needs. */
  async #commit(inventory: Inventory): Promise<void> {
    const { target } = this.#place;
    const name = inventoryName(inventory.number, inventory.id);
    this.#pace.assertGoesOn();
    await this.#pending.assertThere();
    this.#made.push(name);
    await target.put(name, bytesAsPieces(encodeInventory(inventory)));
    await this.#pending.assertThere();
    // It is whole, whatever becomes of the rest.
    this.#made.length = 0;
    await this.#pending.end().catch(ignore);
  }

  #expectSameDatabase(newest: Inventory | undefined): void {
    if (newest === undefined || newest.databaseId === toHex(this.#capture.databaseId)) return;
    throw new VarveError('INVALID', 'the target holds backups of another database');
  }
}

/** Files of earlier backups, by what tells them from all others. */
class KnownFiles {
  readonly #files: Map<string, StoredFile>;

  constructor(backups: readonly Inventory[]) {
    this.#files = new Map();
    for (const { files } of backups) {
      for (const file of files) {
        if (file.salt !== null && !file.isDamaged) this.#files.set(keyOf(file, file.salt), file);
      }
    }
  }

  /** A stored file with the same bytes. */
  find(
    file: CapturedFile,
    salt: string | null,
    checksum: string | undefined,
  ): StoredFile | undefined {
    if (salt === null) return undefined;
    const found = this.#files.get(keyOf(file, salt));
    return checksum === undefined || found?.checksum === checksum ? found : undefined;
  }
}

function keyOf({ name, sizeBytes }: Pick<StoredFile, 'name' | 'sizeBytes'>, salt: string): string {
  return `${name} ${sizeBytes} ${salt}`;
}

function halvesOf({ checksumLow, checksumHigh }: FileDigest): Digest64 {
  const digest = new Digest64();
  digest.low = checksumLow;
  digest.high = checksumHigh;
  return digest;
}

function isSame({ low, high }: Digest64, { checksumLow, checksumHigh }: FileDigest): boolean {
  return low === checksumLow && high === checksumHigh;
}

/** The salt of a file's header; null where there is none that can be read. */
function saltOf(file: CapturedFile): string | null {
  if (file.kind === 'current') return null;
  const head = { ...file, sizeBytes: Math.min(file.sizeBytes, FILE_HEADER_BYTES_MAX) };
  for (const bytes of piecesOf(head, new Uint8Array(FILE_HEADER_BYTES_MAX))) {
    const header = decodeFileHeader(bytes, bytes.length, file.name);
    return header === undefined ? null : toHex(header.salt);
  }
  return null;
}

function ignore(): void {}
