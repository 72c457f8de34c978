/**
 * Backups as a source to heal tables from: see `healFrom` of `open`.
 * @module
 */
import { loadChecksum } from '../block/checksum.ts';
import type { FoundBytes, HealSource, WantedBytes } from '../integrity/heal-source.ts';
import { tableName } from '../manifest/file-names.ts';
import { listObjects, readCatalog } from './catalog.ts';
import type { StoredFile } from './inventory.ts';
import { toHex } from './object-names.ts';
import type { BackupTarget } from './port.ts';

/** The backups in a target, for `healFrom`. No key is needed: files are stored as they are. */
export class BackupSource implements HealSource {
  readonly #target: BackupTarget;
  /** By file number, what was found. */
  readonly #objects: Map<number, readonly string[]>;

  /** @param target for instance a `DirectoryTarget` */
  constructor(target: BackupTarget) {
    this.#target = target;
    this.#objects = new Map();
  }

  /** Of the newest backup that has the file, and had it sound if there is one. */
  async read(wanted: WantedBytes): Promise<FoundBytes | undefined> {
    const { fileNumber, from, length } = wanted;
    const known = this.#objects.get(fileNumber);
    for (const object of known ?? (await this.#objectsOf(wanted))) {
      const pieces = await this.#target.get(object, { from, length });
      if (pieces === undefined) continue;
      // No name is ever used for a second content.
      this.#objects.set(fileNumber, [object]);
      return { name: `backup object ${object}`, pieces };
    }
    this.#objects.delete(fileNumber);
    return undefined;
  }

  async #objectsOf({ fileNumber, salt }: WantedBytes): Promise<string[]> {
    await loadChecksum();
    const { backups } = await readCatalog(this.#target, await listObjects(this.#target));
    const name = tableName(fileNumber);
    const saltText = salt === undefined ? undefined : toHex(salt);
    const isWanted = (file: StoredFile) => {
      const isSame = saltText === undefined || file.salt === null || file.salt === saltText;
      return file.name === name && isSame;
    };
    const found = backups.toReversed().flatMap(({ files }) => files.filter(isWanted));
    found.sort((a, b) => Number(a.isDamaged) - Number(b.isDamaged));
    return found.map(({ object }) => object);
  }
}
