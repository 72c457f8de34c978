/**
 * A disk that has lost sectors.
 * @module
 */
import { VarveError } from '../../src/errors.ts';
import type { FileHandle, Fs } from '../../src/fs/port.ts';
import { observed } from '../prove/observed-fs.ts';

export const SECTOR_BYTES = 4096;

/**
 * A file system one file of which fails to be read in these sectors until one is written as a
 * whole.
 * @param sizeBytes of that file: its last sector may be shorter
 * @param lost taken: those that are written are removed
 */
export function lossyDisk(disk: Fs, path: string, sizeBytes: number, lost: Set<number>): Fs {
  return observed<Fs>(disk, {
    before: (operation, target, args) => {
      if (operation !== 'read' && operation !== 'write') return false;
      if (nameOf((target as FileHandle).path) !== nameOf(path)) return false;
      const [, , length, position] = args as [Uint8Array, number, number, number];
      const end = Math.ceil((position + length) / SECTOR_BYTES);
      for (let sector = Math.floor(position / SECTOR_BYTES); sector < end; sector++) {
        if (!lost.has(sector)) continue;
        const at = sector * SECTOR_BYTES;
        const isWhole = position <= at && at + SECTOR_BYTES <= position + length;
        const isLast = position <= at && position + length >= sizeBytes;
        if (operation === 'read' || !(isWhole || isLast)) throw new VarveError('IO', 'bad sector');
        lost.delete(sector);
      }
      return false;
    },
  });
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
