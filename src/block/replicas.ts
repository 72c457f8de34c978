/**
 * Short records that no parity section can protect, because they are what one needs to know first:
 * file headers and the slots of CURRENT. Each stands in several equal copies, back to back, of
 * which one sound one is enough:
 *
 *     offset  size  meaning
 *     0       n-8   content
 *     n-8     8     XXH64, seed 0, of the content
 *
 * n is a multiple of 8. Behind the copies there may be a SEC-DED section over all of them
 * (src/ecc/sec-ded.ts), so that one wrong bit in every 8 bytes leaves no copy unreadable either.
 * @module
 */
import { createEccCodec } from '../ecc/codec.ts';
import { checksum64, Digest64 } from './checksum.ts';

export const REPLICA_CHECKSUM_BYTES = 8;

/** Length of the SEC-DED section over so many bytes of copies. */
export function replicaParityBytes(copyBytes: number): number {
  return copyBytes / 8;
}

/**
 * Completes the record whose content begins at `buf[off]`: adds the checksum and `count - 1` more
 * copies behind the first one. Borrows `buf`.
 * @param size n
 */
export function writeReplicas(buf: Uint8Array, off: number, size: number, count: number): void {
  const digest = new Digest64();
  const end = off + size - REPLICA_CHECKSUM_BYTES;
  checksum64(buf, off, end - off, 0n, digest);
  digest.write(buf, end);
  for (let i = 1; i < count; i++) buf.copyWithin(off + i * size, off, off + size);
}

/** Adds the SEC-DED section behind the copies in `buf[off, off + length)`. Borrows `buf`. */
export function writeReplicaParity(buf: Uint8Array, off: number, length: number): void {
  createEccCodec({ scheme: 'secded' }).append(buf, off, length);
}

/** True if the copy at `buf[off]` is sound. Borrows `buf`. */
export function isSoundReplica(buf: Uint8Array, off: number, size: number): boolean {
  const digest = new Digest64();
  const end = off + size - REPLICA_CHECKSUM_BYTES;
  checksum64(buf, off, end - off, 0n, digest);
  return digest.matches(buf, end);
}

/**
 * Restores copies by the section behind them: turns back one bit in each 8 bytes of
 * `buf[off, off + count * size)` if that makes a copy sound, else leaves all as it is. Borrows
 * `buf`.
 * @returns whether it turned any back
 */
export function repairReplicas(buf: Uint8Array, off: number, size: number, count: number): boolean {
  const codec = createEccCodec({ scheme: 'secded' });
  const isAnySound = () => {
    for (let i = 0; i < count; i++) if (isSoundReplica(buf, off + i * size, size)) return true;
    return false;
  };
  return codec.repair(buf, off, count * size, isAnySound) !== undefined;
}
