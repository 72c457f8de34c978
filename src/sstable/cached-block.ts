/**
 * A data block with the place that the cache needs in it.
 * @module
 */
import { DataBlock } from '../block/data-block-reader.ts';
import type { CacheEntry, CacheOwner } from '../cache/block-cache.ts';

/** Tables use this class for blocks outside the cache too: hot code then sees one class. */
export class CachedBlock extends DataBlock implements CacheEntry {
  referenced: boolean;
  isLent: boolean;
  ordinal: number;
  chargeBytes: number;
  owner: CacheOwner | undefined;
  previous: CacheEntry | undefined;
  following: CacheEntry | undefined;

  constructor() {
    super();
    this.referenced = false;
    this.isLent = false;
    this.ordinal = 0;
    this.chargeBytes = 0;
    this.owner = undefined;
    this.previous = undefined;
    this.following = undefined;
  }
}
