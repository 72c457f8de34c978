/**
 * The logs of an open database: the active one, and older ones that hold writes which are in no
 * table yet. Also the group commit: all who wait for stable storage share one fdatasync.
 * @module
 */
import { BLOCK_HEADER_BYTES } from '../block/block-format.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { assert, isVarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import type { Removals } from '../fs/removals.ts';
import { walName } from '../manifest/file-names.ts';
import type { LogIdentity, WalEnd } from '../manifest/version-edit.ts';
import { WalWriter } from '../wal/wal-writer.ts';
import type { BatchEncoder } from './write-batch.ts';

/** A log that is live. */
export interface LogFile extends WalEnd {
  readonly identity: LogIdentity | undefined;
}

/** See the module head. Not safe to use after a method threw: the database then stops writing. */
export class WalSet {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #pipeline: Pipeline;
  readonly #removals: Removals;
  /** Ascending by number; the last one is active. */
  readonly #logs: WalWriter[];
  /** Of earlier processes, which closed them cleanly; ascending, and below all others. */
  #kept: readonly WalEnd[];
  /** Logs whose files wait to be closed until no sync is under way. */
  #retired: WalWriter[];
  #inFlight: Promise<void> | undefined;
  #inFlightSeqno: number;
  #queued: Promise<void> | undefined;
  /** Highest seqno that is known to be on stable storage. */
  durableSeqno: number;
  /** Bytes appended over the life of the set. */
  bytesAppended: number;

  /**
   * @param durableSeqno the last seqno before, which is on stable storage
   * @param kept logs of earlier processes with writes that are in no table yet
   */
  constructor(
    fs: Fs,
    directory: string,
    pipeline: Pipeline,
    removals: Removals,
    durableSeqno: number,
    kept: readonly WalEnd[] = [],
  ) {
    this.#fs = fs;
    this.#directory = directory;
    this.#pipeline = pipeline;
    this.#removals = removals;
    this.#logs = [];
    this.#kept = kept;
    this.#retired = [];
    this.#inFlight = undefined;
    this.#inFlightSeqno = 0;
    this.#queued = undefined;
    this.durableSeqno = durableSeqno;
    this.bytesAppended = 0;
  }

  /** Number of the log that takes the next write; 0 before the first `rotate`. */
  get activeNumber(): number {
    return this.#logs.at(-1)?.fileNumber ?? 0;
  }

  /** Bytes of all live logs. */
  get sizeBytes(): number {
    let sum = 0;
    for (const { sizeBytes } of this.#kept) sum += sizeBytes;
    for (const log of this.#logs) sum += log.sizeBytes;
    return sum;
  }

  /** Number of live logs. */
  get count(): number {
    return this.#kept.length + this.#logs.length;
  }

  get #active(): WalWriter {
    return this.#logs.at(-1)!;
  }

  /** Of the newest write in a log of this process. */
  get #lastSeqno(): number {
    return this.#logs.at(-1)?.lastSeqno ?? this.durableSeqno;
  }

  /**
   * Starts a new log behind the others. Its name and header are durable when the call returns, so
   * that the manifest may refer to it. It takes writes only if the log before it or the manifest
   * names it: the former by its last record, which is written here unless that log has failed.
   * @param baseSeqno the last seqno that was written
   * @param syncsEntry false for a first log whose name the caller makes durable before anything
   * refers to it; see {@link noteEntry}
   */
  rotate(fileNumber: number, baseSeqno: number, syncsEntry = true): void {
    const previous = this.#logs.at(-1);
    const log = WalWriter.create(
      this.#fs,
      this.#directory,
      fileNumber,
      previous?.fileNumber ?? this.#kept.at(-1)?.logNumber ?? 0,
      baseSeqno,
      this.#pipeline,
      syncsEntry,
    );
    this.#logs.push(log);
    // Behind a log that failed the manifest has to name it.
    if (previous?.failure === undefined) previous?.appendClosing(log.identity);
  }

  /** Takes note that the directory was synced since the active log was created. */
  noteEntry(): void {
    this.#active.noteEntry();
  }

  /** What the manifest says of a live log to name it. */
  identity(number: number): LogIdentity {
    const log = this.#logs.find(({ fileNumber }) => fileNumber === number);
    assert(log !== undefined, 'a log that is named is there');
    return log.identity;
  }

  /** Appends a batch; it is in the operating system's hands on return. Borrows the encoder. */
  append(encoder: BatchEncoder, firstSeqno: number): void {
    const { writer, count } = encoder;
    const contentLen = writer.length - BLOCK_HEADER_BYTES;
    this.#active.append(writer, firstSeqno, count, this.durableSeqno);
    this.bytesAppended += contentLen;
  }

  /** Blocks until every appended write is on stable storage. */
  syncNow(): void {
    const seqno = this.#lastSeqno;
    for (const log of this.#logs) if (log.needsSync(this.durableSeqno)) log.sync();
    this.durableSeqno = Math.max(this.durableSeqno, seqno);
  }

  /**
   * Blocks until writes up to `seqno` are on stable storage. For a seqno of a closed log that costs
   * the active one nothing.
   */
  syncUpTo(seqno: number): void {
    let previousSeqno = this.durableSeqno;
    for (const log of this.#logs) {
      if (previousSeqno >= seqno) break;
      if (log.needsSync(this.durableSeqno)) log.sync();
      previousSeqno = log.lastSeqno;
    }
    this.durableSeqno = Math.max(this.durableSeqno, Math.min(seqno, previousSeqno));
  }

  /** Takes note that writes up to `seqno` are on stable storage, in tables. */
  noteDurable(seqno: number): void {
    this.durableSeqno = Math.max(this.durableSeqno, seqno);
  }

  /** Resolves when every write appended before the call is on stable storage. */
  sync(): Promise<void> {
    const seqno = this.#lastSeqno;
    if (seqno <= this.durableSeqno) return Promise.resolve();
    // It begins later than now, so it covers this call, even if the sync before it just ended.
    if (this.#queued !== undefined) return this.#queued;
    if (this.#inFlight === undefined) return this.#start();
    if (this.#inFlightSeqno >= seqno) return this.#inFlight;
    this.#queued = this.#inFlight.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#queued;
  }

  /** Closes the logs below `number` and begins to remove them. */
  removeBelow(number: number): void {
    for (const { logNumber } of this.#kept) {
      if (logNumber < number) this.#removals.add(joinPath(this.#directory, walName(logNumber)));
    }
    this.#kept = this.#kept.filter(({ logNumber }) => logNumber >= number);
    while (this.#logs.length > 1 && this.#logs[0]!.fileNumber < number) {
      const log = this.#logs.shift()!;
      if (this.#inFlight === undefined) log.close();
      else this.#retired.push(log);
      this.#removals.add(joinPath(this.#directory, walName(log.fileNumber)));
    }
  }

  /** Cuts all logs to their records, when no more will come. What cannot be cut does no harm. */
  trim(): void {
    try {
      for (const log of this.#logs) log.trim();
    } catch (error) {
      if (!isVarveError(error)) throw error;
    }
  }

  /** Every live log up to its end; what its header says where this process has written it. */
  files(): LogFile[] {
    const kept = this.#kept.map((end) => ({ ...end, identity: undefined }));
    const own = this.#logs.map(({ fileNumber: logNumber, sizeBytes, identity }) => {
      return { logNumber, sizeBytes, identity };
    });
    return [...kept, ...own];
  }

  /** Where every live log ends. */
  ends(): WalEnd[] {
    const own = this.#logs.map(({ fileNumber, sizeBytes }) => ({
      logNumber: fileNumber,
      sizeBytes,
    }));
    return [...this.#kept, ...own];
  }

  /** Waits for syncs under way and closes all files; writes and syncs nothing. */
  async close(): Promise<void> {
    await this.#queued?.catch(ignore);
    await this.#inFlight?.catch(ignore);
    this.closeFiles();
  }

  /** Like {@link close}, when no sync was ever asked for. */
  closeFiles(): void {
    for (const log of this.#logs) log.close();
    this.#logs.length = 0;
  }

  #start(): Promise<void> {
    this.#queued = undefined;
    this.#inFlightSeqno = this.#lastSeqno;
    this.#inFlight = this.#syncAll(this.#inFlightSeqno).finally(() => {
      this.#inFlight = undefined;
      for (const log of this.#retired) log.close();
      this.#retired = [];
    });
    return this.#inFlight;
  }

  async #syncAll(seqno: number): Promise<void> {
    const pending = this.#logs.filter((log) => log.needsSync(this.durableSeqno));
    for (const log of pending) await log.syncAsync();
    this.durableSeqno = Math.max(this.durableSeqno, seqno);
  }
}

function ignore(): void {}
