/**
 * What can still be read of a table that is damaged beyond its code: the entries of every sound
 * block, and the ranges of keys between them in which something is lost. Works with a damaged or
 * missing index, footer, properties or header, as far as the manifest knows what that should be.
 * @module
 */
import { BLOCK_DATA } from '../block/block-format.ts';
import type { BlockReader } from '../block/block-reader.ts';
import { BlockWalker, type FoundBlock, type FoundGap } from '../block/block-walker.ts';
import { DataBlockCursor } from '../block/data-block-cursor.ts';
import type { DataBlock } from '../block/data-block-reader.ts';
import { FILE_CLASS_TABLE, type FileHeader } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { compareBytes, compareKeys } from '../bytes/compare.ts';
import { NO_ROOM, type Room } from '../bytes/room.ts';
import { CODEC_ZSTD_DICTIONARY } from '../compress/port.ts';
import { isVarveError } from '../errors.ts';
import type { ReadableFile } from '../fs/port.ts';
import type { EntryStream } from '../key/cursor.ts';
import { CachedBlock } from '../sstable/cached-block.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { walkTable } from '../sstable/table-walk.ts';

/** A range in which entries are lost; no key that was kept is inside of it. */
export interface SalvageLoss {
  /** The last key before it; undefined at the beginning of the table. */
  readonly after: Uint8Array | undefined;
  /** The first key behind it; undefined at the end of the table. */
  readonly before: Uint8Array | undefined;
  /** What is wrong there. */
  readonly reason: string;
}

/** What a salvage found. */
export interface Salvaged {
  readonly entryCount: number;
  readonly losses: readonly SalvageLoss[];
}

/** Receives each entry that is kept, in order; it is lent for the call. */
export type EntrySink = (entry: EntryStream) => void;

/**
 * Reads all that is sound of a table.
 * @param file borrowed
 * @param meta what the manifest says of the table
 * @throws VarveError `KEY`, `UNSUPPORTED`, or of the `Fs`
 */
export function salvageTable(
  file: ReadableFile,
  meta: TableMeta,
  pipeline: Pipeline,
  sink: EntrySink,
): Salvaged {
  const header = headerOf(file, meta, pipeline);
  const reader = pipeline.reader(file, header, meta.sizeBytes);
  try {
    return new Salvage(reader, header, meta, pipeline, sink).run();
  } finally {
    reader.close();
  }
}

/** Where no copy is sound the manifest tells what it was. */
function headerOf(file: ReadableFile, meta: TableMeta, pipeline: Pipeline): FileHeader {
  const { fileNumber, protection, salt } = meta;
  try {
    return pipeline.readHeader(file, FILE_CLASS_TABLE, fileNumber);
  } catch (error) {
    if (!isVarveError(error, 'CORRUPTION') || salt === undefined) throw error;
    const { databaseId } = pipeline;
    const fields = { fileClass: FILE_CLASS_TABLE, fileNumber, protection, salt, databaseId };
    return { ...fields, previousNumber: 0, baseSeqno: 0 };
  }
}

class Salvage {
  readonly #reader: BlockReader;
  readonly #walker: BlockWalker;
  readonly #meta: TableMeta;
  readonly #pipeline: Pipeline;
  readonly #header: FileHeader;
  readonly #sink: EntrySink;
  readonly #entries: BlockEntries;
  readonly #losses: SalvageLoss[];
  #dictionaryId: number;
  #room: Room;
  /** Why something is lost behind the last entry; undefined if nothing is. */
  #gap: string | undefined;
  /** The first key behind it. */
  #doubtfulKey: Uint8Array | undefined;
  #lastKey: Uint8Array | undefined;
  #lastSeqno: number;
  #entryCount: number;

  constructor(
    reader: BlockReader,
    header: FileHeader,
    meta: TableMeta,
    pipeline: Pipeline,
    sink: EntrySink,
  ) {
    this.#reader = reader;
    this.#walker = new BlockWalker(reader, header);
    this.#meta = meta;
    this.#pipeline = pipeline;
    this.#header = header;
    this.#sink = sink;
    this.#entries = new BlockEntries();
    this.#losses = [];
    this.#dictionaryId = 0;
    this.#room = NO_ROOM;
    this.#gap = undefined;
    this.#doubtfulKey = undefined;
    this.#lastKey = undefined;
    this.#lastSeqno = 0;
    this.#entryCount = 0;
  }

  run(): Salvaged {
    const blocks = walkTable({
      walker: this.#walker,
      protection: this.#header.protection,
      pipeline: this.#pipeline,
      open: (block) => (this.#decode(block) ? this.#content() : undefined),
      onDictionary: (id) => {
        this.#dictionaryId = id;
      },
    });
    for (const found of blocks) this.#take(found);
    const { entryCount, largestKey } = this.#meta;
    const last = this.#lastKey;
    // What is damaged behind the last entry is no data block.
    const isAtEnd = last !== undefined && compareKeys(last, largestKey) >= 0;
    if (this.#gap !== undefined && !isAtEnd) this.#lose(undefined);
    const isComplete = this.#entryCount === entryCount;
    return { entryCount: this.#entryCount, losses: isComplete ? [] : this.#losses };
  }

  #take(found: FoundBlock | FoundGap): void {
    if (found.found === 'gap') {
      this.#gap ??= found.reason;
      return;
    }
    if (found.state === 'damaged') {
      this.#gap ??= found.fault ?? 'block is damaged';
      return;
    }
    if (this.#reader.blockType !== BLOCK_DATA) return;
    if (!this.#decode(found)) {
      this.#gap ??= 'a block cannot be opened, or its dictionary is lost';
      return;
    }
    const { buf, off, len } = this.#content();
    const block = new CachedBlock();
    try {
      block.open(buf, off, len, this.#reader.path, found.position);
      this.#takeEntries(block);
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      this.#gap ??= error.message;
    }
  }

  #takeEntries(block: DataBlock): void {
    const entries = this.#entries;
    for (let more = entries.begin(block); more; more = entries.next()) {
      const { keyBuf, keyOff, keyLen, seqno } = entries;
      const last = this.#lastKey;
      const order =
        last === undefined ? -1 : compareBytes(last, 0, last.length, keyBuf, keyOff, keyLen);
      if (order > 0 || (order === 0 && seqno >= this.#lastSeqno)) {
        block.fail('entries of a table are out of order');
      }
      const key = keyBuf.slice(keyOff, keyOff + keyLen);
      if (this.#isDoubtful(key)) continue;
      if (this.#gap !== undefined) this.#lose(key);
      this.#sink(entries);
      this.#entryCount++;
      this.#lastKey = key;
      this.#lastSeqno = seqno;
    }
  }

  /** The first key behind a gap may have newer versions in it, which an older one must not hide. */
  #isDoubtful(key: Uint8Array): boolean {
    if (this.#gap === undefined) return false;
    this.#doubtfulKey ??= key;
    return compareKeys(this.#doubtfulKey, key) === 0;
  }

  #lose(before: Uint8Array | undefined): void {
    this.#losses.push({ after: this.#lastKey, before, reason: this.#gap! });
    this.#gap = undefined;
    this.#doubtfulKey = undefined;
  }

  /** Whether the block that was found just now has a content, which {@link #content} then gives. */
  #decode(block: FoundBlock): boolean {
    const reader = this.#reader;
    if (block.state === 'damaged') return false;
    if (reader.codecId === CODEC_ZSTD_DICTIONARY && this.#dictionaryId === 0) return false;
    const fault = reader.decode(block.buf, this.#room);
    if (fault === 'unsupported') throw reader.contentError(fault, block.position);
    if (fault !== 'none') return false;
    this.#room = reader.roomAfter(block.buf, this.#room);
    return true;
  }

  #content(): { buf: Uint8Array; off: number; len: number } {
    const { buf, contentOff, contentLen } = this.#reader;
    return { buf, off: contentOff, len: contentLen };
  }
}

/** The entries of one block after the other. */
class BlockEntries extends DataBlockCursor {
  begin(block: DataBlock): boolean {
    this.enterBlock(block);
    return this.firstInBlock();
  }

  next(): boolean {
    return this.nextInBlock();
  }

  first(): boolean {
    return this.firstInBlock();
  }

  close(): void {}
}
