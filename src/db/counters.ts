/**
 * What a database counts about itself since it was opened.
 * @module
 */

/** Plain counters; every field only grows. */
export class Counters {
  /** Puts and deletes that were written. */
  operationsWritten: number;
  /** Key and value bytes of those operations. */
  userBytesWritten: number;
  /** Point reads, those of `getMany` and `has` among them. */
  gets: number;
  /** Tables that a get looked into, past their filters or without one. */
  tableReads: number;
  /** Flushes that were done. */
  flushCount: number;
  /** Bytes of the tables that flushes have written. */
  flushBytesWritten: number;
  /** Compactions that merged. */
  compactionCount: number;
  /** Compactions that only moved tables to another level. */
  trivialMoveCount: number;
  /** Times that a FIFO family let go of its oldest tables. */
  dropCount: number;
  /** Bytes of tables that compactions have read. */
  compactionBytesRead: number;
  /** Bytes of the tables that compactions have written. */
  compactionBytesWritten: number;
  /** Damaged places that were written back, and found right in a second look. */
  healCount: number;
  /** Versions and tombstones that flushes and compactions left out. */
  entriesDropped: number;
  /** Times at which a write had to wait for background work. */
  stallCount: number;
  /** For how long they waited. */
  stallMs: number;
  /** What writes were held back for, lest they have to wait. */
  slowdownMs: number;

  constructor() {
    this.operationsWritten = 0;
    this.userBytesWritten = 0;
    this.gets = 0;
    this.tableReads = 0;
    this.flushCount = 0;
    this.flushBytesWritten = 0;
    this.compactionCount = 0;
    this.trivialMoveCount = 0;
    this.dropCount = 0;
    this.compactionBytesRead = 0;
    this.compactionBytesWritten = 0;
    this.healCount = 0;
    this.entriesDropped = 0;
    this.stallCount = 0;
    this.stallMs = 0;
    this.slowdownMs = 0;
  }
}
