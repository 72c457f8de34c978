/**
 * Point reads: memtables, then L0 newest first, then one table per deeper level.
 * @module
 */
import { compareBytes } from '../bytes/compare.ts';
import { CopyPool } from '../bytes/copy-pool.ts';
import { hash32 } from '../bytes/hash32.ts';
import { KIND_PUT } from '../key/kind.ts';
import { Lookup } from '../key/lookup.ts';
import { lowerBound } from '../manifest/family-version.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import type { DbCore } from './core.ts';
import type { FamilyView } from './family.ts';
import { type ByteInput, type Bytes, keyInput } from './input.ts';

/** Looks keys up in one database. */
export class ReadPath {
  readonly #core: DbCore;
  readonly #key: ByteInput;
  readonly #found: Lookup;
  readonly #copies: CopyPool;

  constructor(core: DbCore) {
    this.#core = core;
    this.#key = keyInput();
    this.#found = new Lookup();
    this.#copies = new CopyPool();
  }

  /** A fresh copy of the key's value as of `seqno`, or undefined. Borrows the key. */
  get(view: FamilyView, key: Bytes, seqno: number): Uint8Array | undefined {
    if (!this.#find(view, key, seqno)) return undefined;
    const { valBuf, valOff, valLen } = this.#found;
    return this.#copies.copy(valBuf, valOff, valLen);
  }

  /** Like {@link get}, but a view of the engine's memory that stands until the next call. */
  borrow(view: FamilyView, key: Bytes, seqno: number): Uint8Array | undefined {
    const found = this.#found;
    found.isKept = true;
    try {
      if (!this.#find(view, key, seqno)) return undefined;
    } finally {
      found.isKept = false;
    }
    const { valBuf, valOff, valLen } = found;
    return valBuf.subarray(valOff, valOff + valLen);
  }

  /** True when the key has a value as of `seqno`. */
  has(view: FamilyView, key: Bytes, seqno: number): boolean {
    return this.#find(view, key, seqno);
  }

  #find(view: FamilyView, key: Bytes, seqno: number): boolean {
    const input = this.#key;
    input.set(key);
    this.#core.counters.gets++;
    const { buf, len } = input;
    const found = this.#found;
    return this.#findInView(view, buf, len, seqno, found) && found.kind === KIND_PUT;
  }

  #findInView(view: FamilyView, buf: Uint8Array, len: number, seqno: number, out: Lookup): boolean {
    const hash = hash32(buf, 0, len);
    const memtables = view.memtables;
    for (let i = 0; i < memtables.length; i++) {
      if (memtables[i]!.get(buf, 0, len, hash, seqno, out)) return true;
    }
    const l0 = view.levels[0]!;
    for (let i = 0; i < l0.length; i++) {
      const slot = l0[i]!;
      const { smallestKey, largestKey } = slot;
      if (compareBytes(buf, 0, len, smallestKey, 0, smallestKey.length) < 0) continue;
      if (compareBytes(buf, 0, len, largestKey, 0, largestKey.length) > 0) continue;
      if (this.#findInTable(slot, buf, len, hash, seqno, out)) return true;
    }
    for (let level = 1; level <= view.deepestLevel; level++) {
      const slots = view.levels[level]!;
      const index = lowerBound(slots, buf, 0, len);
      if (index === slots.length) continue;
      const slot = slots[index]!;
      const smallestKey = slot.smallestKey;
      if (compareBytes(buf, 0, len, smallestKey, 0, smallestKey.length) < 0) continue;
      if (this.#findInTable(slot, buf, len, hash, seqno, out)) return true;
    }
    return false;
  }

  #findInTable(
    slot: TableSlot,
    buf: Uint8Array,
    len: number,
    hash: number,
    seqno: number,
    out: Lookup,
  ): boolean {
    const core = this.#core;
    const table = core.tables.open(slot);
    if (!table.mayContain(hash)) return false;
    core.counters.tableReads++;
    if (table.find(buf, 0, len, seqno, out)) return true;
    slot.vainReads++;
    if (slot.vainReads === slot.vainReadsMax) core.requests.seekVictims.add(slot.meta.fileNumber);
    return false;
  }
}
