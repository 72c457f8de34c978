/**
 * Cursors for scans that go on past damage: over one sorted run, and over all of them.
 * @module
 */
import type { Cursor } from '../key/cursor.ts';
import { SEQNO_MAX } from '../key/kind.ts';
import type { LevelCursor } from './level-cursor.ts';
import { isLoss, type LostPart, type LostParts } from './lost-parts.ts';

/** Fields of the entry on which another cursor stands. */
abstract class FollowingCursor implements Cursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;
  protected readonly inner: Cursor;

  /** @param inner taken: closed with this cursor */
  constructor(inner: Cursor) {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = 0;
    this.valBuf = NO_BYTES;
    this.valOff = 0;
    this.valLen = 0;
    this.inner = inner;
  }

  abstract first(): boolean;
  abstract last(): boolean;
  abstract seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean;
  abstract seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean;
  abstract next(): boolean;
  abstract prev(): boolean;

  keepValue(): boolean {
    return this.inner.keepValue();
  }

  entryChecksum(): number {
    return this.inner.entryChecksum();
  }

  close(): void {
    this.valid = false;
    this.inner.close();
  }

  protected show(): boolean {
    const { inner } = this;
    this.valid = inner.valid;
    if (!inner.valid) return false;
    this.keyBuf = inner.keyBuf;
    this.keyOff = inner.keyOff;
    this.keyLen = inner.keyLen;
    this.seqno = inner.seqno;
    this.kind = inner.kind;
    this.valBuf = inner.valBuf;
    this.valOff = inner.valOff;
    this.valLen = inner.valLen;
    return true;
  }
}

/** One sorted run, without what is lost of it and what newer losses hide in it. */
export class SkippingCursor extends FollowingCursor {
  readonly #run: LevelCursor;
  readonly #rank: number;
  readonly #lost: LostParts;

  /**
   * @param run taken
   * @param rank of the run in the view
   * @param lost of the scan: what is met is noted there
   */
  constructor(run: LevelCursor, rank: number, lost: LostParts) {
    super(run);
    this.#run = run;
    this.#rank = rank;
    this.#lost = lost;
  }

  first(): boolean {
    return this.#forward(() => this.#run.first());
  }

  last(): boolean {
    return this.#backward(() => this.#run.last());
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    return this.#forward(() => this.#run.seek(buf, off, len, seqno));
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    return this.#backward(() => this.#run.seekForPrev(buf, off, len, seqno));
  }

  next(): boolean {
    return this.#forward(() => this.#run.next());
  }

  prev(): boolean {
    return this.#backward(() => this.#run.prev());
  }

  #forward(move: () => boolean): boolean {
    this.#past(move, false);
    for (let hiding = this.#hiding(); hiding !== undefined; hiding = this.#hiding()) {
      const { lt } = hiding;
      this.#past(() => this.#run.seek(lt, 0, lt.length, SEQNO_MAX), false);
    }
    return this.show();
  }

  #backward(move: () => boolean): boolean {
    this.#past(move, true);
    // The newest version counts, and comes last.
    if (this.#run.valid) this.#run.probeNewer((part, error) => this.#note(part, error));
    for (let hiding = this.#hiding(); hiding !== undefined; hiding = this.#hiding()) {
      const { gte } = hiding;
      this.#past(() => this.#run.seekForPrev(gte, 0, gte.length, SEQNO_MAX), true);
    }
    return this.show();
  }

  #hiding(): LostPart | undefined {
    const { valid, keyBuf, keyOff, keyLen, seqno } = this.#run;
    if (!valid) return undefined;
    return this.#lost.hiding(this.#rank, keyBuf, keyOff, keyLen, seqno);
  }

  #note(part: Omit<LostPart, 'rank' | 'error'>, error: unknown): void {
    if (!isLoss(error)) throw error;
    this.#lost.note({ ...part, rank: this.#rank, error });
  }

  /** Moves, and on over all that cannot be read. */
  #past(move: () => boolean, backwards: boolean): void {
    this.valid = false;
    let step = move;
    for (;;) {
      try {
        step();
        return;
      } catch (error) {
        this.#note(this.#run.lostPart(), error);
      }
      step = () => this.#run.pass(backwards);
    }
  }
}

/**
 * All runs, once what one of them has lost is known to the others: those stand on their next
 * entries already when it is met, and are sought again.
 */
export class SkippingView extends FollowingCursor {
  readonly #lost: LostParts;
  #knownCount: number;

  /** @param inner taken: over the runs of a view, those on disk by {@link SkippingCursor} */
  constructor(inner: Cursor, lost: LostParts) {
    super(inner);
    this.#lost = lost;
    this.#knownCount = 0;
  }

  first(): boolean {
    this.valid = false;
    this.inner.first();
    return this.#settle(false);
  }

  last(): boolean {
    this.valid = false;
    this.inner.last();
    return this.#settle(true);
  }

  seek(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    this.valid = false;
    this.inner.seek(buf, off, len, seqno);
    return this.#settle(false);
  }

  seekForPrev(buf: Uint8Array, off: number, len: number, seqno: number): boolean {
    this.valid = false;
    this.inner.seekForPrev(buf, off, len, seqno);
    return this.#settle(true);
  }

  next(): boolean {
    this.valid = false;
    this.inner.next();
    return this.#settle(false);
  }

  prev(): boolean {
    this.valid = false;
    this.inner.prev();
    return this.#settle(true);
  }

  #settle(backwards: boolean): boolean {
    const { inner } = this;
    while (this.#knownCount < this.#lost.met.length) {
      this.#knownCount = this.#lost.met.length;
      if (!inner.valid) break;
      const key = inner.keyBuf.slice(inner.keyOff, inner.keyOff + inner.keyLen);
      if (backwards) inner.seekForPrev(key, 0, key.length, inner.seqno);
      else inner.seek(key, 0, key.length, inner.seqno);
    }
    return this.show();
  }
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
