/**
 * Reading all that backups consist of.
 * @module
 */
import { Digest64, FileChecksum } from '../block/checksum.ts';
import type { CopyPace } from '../copy/pace.ts';
import { digestText, type Inventory, type StoredFile } from './inventory.ts';
import type { BackupTarget } from './port.ts';

/** An object that is not what a backup needs. */
export interface BackupDamage {
  /** Its name in the target. */
  readonly object: string;
  /** Its name in the database; of an inventory that of the object. */
  readonly file: string;
  /** What is wrong with it. */
  readonly message: string;
  /** Numbers of the backups that need it. */
  readonly backups: readonly number[];
}

/** What a verification found. */
export interface BackupVerification {
  /** Backups that were looked at. */
  readonly backupCount: number;
  /** Objects that were read, the inventories not among them. */
  readonly objectCount: number;
  /** Bytes of those objects. */
  readonly bytesRead: number;
  /** What is damaged or missing. */
  readonly damage: readonly BackupDamage[];
  /** Numbers of the backups that can be restored whole. */
  readonly sound: readonly number[];
}

/** An object and the backups that need it. */
interface Needed {
  readonly file: StoredFile;
  readonly backups: number[];
}

/** The objects of some backups, each once. */
export function neededObjects(backups: readonly Inventory[]): Map<string, Needed> {
  const needed = new Map<string, Needed>();
  for (const { number, files } of backups) {
    for (const file of files) {
      const known = needed.get(file.object);
      if (known === undefined) needed.set(file.object, { file, backups: [number] });
      else known.backups.push(number);
    }
  }
  return needed;
}

/** Reads every object of some backups once. */
export async function verifyObjects(
  target: BackupTarget,
  backups: readonly Inventory[],
  pace: CopyPace,
): Promise<BackupVerification> {
  const damage: BackupDamage[] = [];
  let bytesRead = 0;
  const needed = neededObjects(backups);
  for (const [object, { file, backups: numbers }] of needed) {
    const message = await misfitOf(target, file, pace, (bytes) => {
      bytesRead += bytes;
    });
    if (message !== undefined) damage.push({ object, file: file.name, message, backups: numbers });
  }
  const broken = new Set(damage.flatMap((one) => one.backups));
  const sound = backups.map(({ number }) => number).filter((number) => !broken.has(number));
  return { backupCount: backups.length, objectCount: needed.size, bytesRead, damage, sound };
}

/** What is wrong with an object; undefined for a sound one. */
async function misfitOf(
  target: BackupTarget,
  file: StoredFile,
  pace: CopyPace,
  onRead: (bytes: number) => void,
): Promise<string | undefined> {
  const pieces = await target.get(file.object);
  if (pieces === undefined) return 'it is missing';
  const check = new ObjectCheck(file);
  for await (const piece of pieces) {
    check.take(piece);
    onRead(piece.length);
    await pace.step(piece.length);
  }
  return check.misfit() ?? (file.isDamaged ? 'the file was damaged when it was stored' : undefined);
}

/** Holds the bytes of an object against what the inventory says of it. */
export class ObjectCheck {
  readonly #file: StoredFile;
  readonly #checksum: FileChecksum;
  #bytes: number;

  constructor(file: StoredFile) {
    this.#file = file;
    this.#checksum = new FileChecksum();
    this.#bytes = 0;
  }

  /** Takes in the next bytes; borrows them. */
  take(piece: Uint8Array): void {
    this.#checksum.update(piece, 0, piece.length);
    this.#bytes += piece.length;
  }

  /** What does not fit, now that all bytes were taken; undefined if all does. */
  misfit(): string | undefined {
    const { sizeBytes, checksum } = this.#file;
    if (this.#bytes !== sizeBytes) return `it has ${this.#bytes} bytes instead of ${sizeBytes}`;
    const digest = new Digest64();
    this.#checksum.digest(digest);
    return digestText(digest) === checksum ? undefined : 'its checksum is wrong';
  }
}
