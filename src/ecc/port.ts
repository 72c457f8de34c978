/**
 * What every error-correcting code offers to those who write and read blocks.
 *
 * A protected block stands as it would without protection, with a parity section right behind it.
 * The section is a function of the block's bytes alone and its length one of the block's length, so
 * a reader that finds the block's checksum right never looks at the section.
 * @module
 */

/** How a block and its section are cut; damage is counted in these units. */
export interface EccLayout {
  /** Bytes of a data shard (of the block); the last one may be shorter. */
  readonly dataShardBytes: number;
  /** Data shards in the block. */
  readonly dataShards: number;
  /** Bytes of a parity shard (of the section). */
  readonly parityShardBytes: number;
  /** Parity shards in the section. */
  readonly parityShards: number;
}

/** What {@link EccCodec.repair} put right in the block. */
export interface EccRepair {
  /** Data shards that were restored; 0 for a code that corrects bits. */
  readonly correctedShards: number;
  /** Bits that were turned back; 0 for a code that restores shards. */
  readonly correctedBits: number;
}

/**
 * One code with its working memory. Not reentrant. Lengths are in bytes; every length from 0 up is
 * accepted, and nothing is written for 0.
 */
export interface EccCodec {
  /** Length of the section of a block of `blockLen` bytes. */
  parityBytes(blockLen: number): number;

  /** How such a block and its section are cut: for reports and tools. Returned fresh. */
  layout(blockLen: number): EccLayout;

  /**
   * Writes the section of the block `buf[off, off + blockLen)` right behind it. Borrows `buf`,
   * which has room for `parityBytes(blockLen)` bytes there.
   */
  append(buf: Uint8Array, off: number, blockLen: number): void;

  /**
   * True if the section behind the sound block `buf[off, off + blockLen)` is the one that
   * {@link append} writes. Borrows `buf`, which holds all of the section; allocates nothing.
   */
  isIntact(buf: Uint8Array, off: number, blockLen: number): boolean;

  /**
   * True if the section that a block of this length would have behind `buf[off, off + blockLen)`
   * bears itself out at least in part, whatever the block holds: so a block shows its length when
   * nothing else tells it. A code without checksums never says so. Borrows `buf`, which holds all
   * of the section.
   */
  hasSoundShard(buf: Uint8Array, off: number, blockLen: number): boolean;

  /**
   * Restores a damaged block and its section in place: `buf[off, off + blockLen)` and the
   * `parityBytes(blockLen)` bytes behind it, of which any may be wrong. Where a file ends early the
   * caller has filled up with any bytes. Borrows `buf`.
   *
   * `blockLen` comes from a sound place, not from the block itself.
   * @param isSound whether the bytes now in `buf[off, off + blockLen)` are the block; it is asked
   * at most once for each parity shard, and must not throw or change `buf`
   * @returns what was corrected, or `undefined`, with `buf` as it was, when nothing that the
   * section suggests is sound
   */
  repair(
    buf: Uint8Array,
    off: number,
    blockLen: number,
    isSound: () => boolean,
  ): EccRepair | undefined;
}
