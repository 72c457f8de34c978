/**
 * The watches of one database.
 * @module
 */
import { Watch, type WatchOptions } from './watch.ts';
import { type WatchedRange, WatchFeed } from './watch-feed.ts';
import { OperationReader } from './write-batch.ts';

const BUFFER_BYTES_DEFAULT = 0x10_0000;

/** See the module head. */
export class Watchers {
  /** Watches that something may be told. */
  count: number;
  readonly #feeds: Set<WatchFeed>;
  readonly #operations: OperationReader;
  /** Of watches that nobody has any more. */
  readonly #dropped: FinalizationRegistry<WatchFeed>;

  /** @param onDropped called when a watch is found that was dropped and not closed */
  constructor(onDropped: () => void) {
    this.count = 0;
    this.#feeds = new Set();
    this.#operations = new OperationReader();
    this.#dropped = new FinalizationRegistry((feed) => {
      if (feed.isClosed || !this.#feeds.has(feed)) return;
      onDropped();
      feed.close();
    });
  }

  /** @param newest tells the seqno of the newest write */
  open(
    ranges: readonly WatchedRange[],
    { signal, bufferBytes = BUFFER_BYTES_DEFAULT }: WatchOptions,
    newest: () => number,
  ): Watch {
    const feed = new WatchFeed(ranges, bufferBytes, newest, (ended) => this.#forget(ended));
    this.#feeds.add(feed);
    this.count = this.#feeds.size;
    const watch = new Watch(feed, signal);
    this.#dropped.register(watch, feed);
    return watch;
  }

  /**
   * A batch of encoded operations, in `buf[off, end)`, was committed. Borrows the buffer.
   * @param lastSeqno of its last operation
   */
  note(buf: Uint8Array, off: number, end: number, count: number, lastSeqno: number): void {
    const operations = this.#operations;
    operations.reset(buf, off, end);
    for (let seqno = lastSeqno - count + 1; seqno <= lastSeqno; seqno++) {
      operations.next();
      const { familyId, keyOff, keyLen, kind } = operations;
      for (const feed of this.#feeds) {
        feed.add(kind, familyId, buf, keyOff, keyLen, seqno, lastSeqno);
      }
    }
  }

  /** A family was dropped after the write of a seqno. */
  noteDrop(familyId: number, seqno: number): void {
    for (const feed of [...this.#feeds]) feed.drop(familyId, seqno);
  }

  /** Batches were committed that are not known one by one. */
  noteGap(): void {
    for (const feed of this.#feeds) feed.miss();
  }

  /** The database is closed: all come to their end. */
  endAll(): void {
    for (const feed of [...this.#feeds]) feed.end();
  }

  #forget(feed: WatchFeed): void {
    this.#feeds.delete(feed);
    this.count = this.#feeds.size;
  }
}
