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
  pins: number;
  ordinal: number;
  chargeBytes: number;
  owner: CacheOwner | undefined;
  previous: CacheEntry | undefined;
  following: CacheEntry | undefined;

  constructor() {
    super();
    this.referenced = false;
    this.isLent = false;
    this.pins = 0;
    this.ordinal = 0;
    this.chargeBytes = 0;
    this.owner = undefined;
    this.previous = undefined;
    this.following = undefined;
  }
}

/** What a cursor is in while it is in no block; nobody opens it. */
export const NO_BLOCK: CachedBlock = /* @__PURE__ */ new CachedBlock();
