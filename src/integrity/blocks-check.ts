/**
 * The check of everything behind the header of a table, log or manifest: frames, blocks, parity
 * sections and the end, at the level of sealed bytes.
 *
 * A block that is sound tells where the next one begins, so no index is needed, which may be
 * encrypted. What is damaged is left to the block walker. The end of a log is judged as recovery
 * judges it (docs/FORMAT.md, "Where a log ends"), as far as that takes no key.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_DICTIONARY,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_MANIFEST_EDIT,
  BLOCK_PROPERTIES,
  BLOCK_WAL_RECORD,
} from '../block/block-format.ts';
import {
  type BlockWalker,
  blindWalker,
  type FoundBlock,
  type FoundGap,
} from '../block/block-walker.ts';
import { type FileHeader, fileHeaderBytes } from '../block/file-header.ts';
import { LogWindow } from '../block/log-window.ts';
import { TornEnd } from '../block/torn-end.ts';
import { differences } from './differences.ts';
import type { ExpectedFile, FileRange, RestoreSource } from './finding.ts';
import type { CheckedFile } from './patchy-file.ts';
import type { Report } from './report.ts';

/** The order of the blocks of a table. */
const TABLE_ORDER: ReadonlyMap<number, number> = new Map(
  [BLOCK_DATA, BLOCK_DICTIONARY, BLOCK_FILTER, BLOCK_INDEX, BLOCK_PROPERTIES, BLOCK_FOOTER].map(
    (type, rank) => [type, rank],
  ),
);
const UNKNOWN_TYPE = 0;
const UNREADABLE = 'some of it cannot be read';
const EXPECTED_OTHER = 'block is not the one that was expected';

/** Checks the blocks of one file, front to back. */
export class BlocksCheck {
  /** Everything before was looked at. */
  position: number;
  /** Where a log ends that was not completely written; undefined if it was. */
  tornAt: number | undefined;
  readonly #file: CheckedFile;
  readonly #expected: ExpectedFile;
  readonly #sources: readonly RestoreSource[];
  readonly #report: Report;
  readonly #walker: BlockWalker;
  readonly #isTable: boolean;
  /** Blocks stand before this. */
  readonly #to: number;
  /** All is to be looked at if this is undefined. */
  #stopAt: number | undefined;
  /** Of the block before `position`. */
  #lastType: number;
  /** Of a log: no record begins at `position`, and nothing that counts stands behind it. */
  #isOver: boolean;
  /** What is missing at the end has been told. */
  #isEndTold: boolean;
  /** See {@link leaveEnd}. */
  #leavesEnd: boolean;

  /** @param file stays the caller's */
  constructor(
    file: CheckedFile,
    header: FileHeader,
    expected: ExpectedFile,
    sources: readonly RestoreSource[],
    report: Report,
  ) {
    this.#file = file;
    this.#expected = expected;
    this.#sources = sources;
    this.#report = report;
    this.#walker = blindWalker(file, header);
    this.#isTable = expected.fileClass === 'table';
    this.position = fileHeaderBytes(header.protection);
    this.tornAt = undefined;
    const { sizeBytes } = this.#walker;
    this.#to = Math.min(sizeBytes, expected.endBytes ?? sizeBytes);
    this.#stopAt = undefined;
    this.#lastType = UNKNOWN_TYPE;
    this.#isOver = false;
    this.#isEndTold = false;
    this.#leavesEnd = false;
  }

  /**
   * Goes on at `position`, up to which an earlier look has come; from the beginning if no sound
   * block is there.
   */
  resume(position: number): void {
    if (position <= this.position || this.#walker.intactEnd(position, this.#to) === 0) return;
    this.position = position;
  }

  /** What is missing behind the last block of a table, or stands there, is told by who calls. */
  leaveEnd(): void {
    this.#leavesEnd = true;
  }

  /** Looks at nothing but this range, at whose ends blocks begin. */
  restrict({ offset, lengthBytes }: FileRange): void {
    this.position = offset;
    this.#stopAt = offset + lengthBytes;
  }

  /**
   * Looks at about `budgetBytes` more, a block at least.
   * @returns false when all was looked at
   */
  step(budgetBytes: number): boolean {
    const walker = this.#walker;
    const stop = this.position + budgetBytes;
    while (!this.#isAtEnd()) {
      const end = walker.intactEnd(this.position, this.#to);
      if (end > 0 && this.#isNext(walker.reader.blockType)) {
        this.#lastType = walker.reader.blockType;
        this.position = end;
      } else {
        this.#examine();
      }
      if (this.position >= stop && !this.#isAtEnd()) return true;
    }
    if (this.#stopAt !== undefined) {
      if (this.position < this.#stopAt) this.#tellCutShort(this.#stopAt);
    } else if (!this.#leavesEnd) {
      this.#finish();
    }
    return false;
  }

  #isAtEnd(): boolean {
    const end = Math.min(this.#to, this.#stopAt ?? this.#to);
    if (this.#isOver || this.position >= end) return true;
    return this.#lastType === BLOCK_FOOTER;
  }

  /** True if a block of this type may follow the last one. */
  #isNext(type: number): boolean {
    if (!this.#isTable) return true;
    const rank = TABLE_ORDER.get(type);
    if (rank === undefined) return false;
    if (type === BLOCK_DATA && this.#lastType === BLOCK_DATA) return true;
    return this.#lastType === UNKNOWN_TYPE || rank > TABLE_ORDER.get(this.#lastType)!;
  }

  /** Looks closely at what begins at `position`, and goes on behind it. */
  #examine(): void {
    const found = this.#walker.next(this.position, this.#to);
    if (found.found === 'block' && found.state !== 'damaged') this.#compare(found);
    else if (!this.#isTorn(found)) this.#tellLost(found);
  }

  /** A block that is sound, as it stands or corrected: some of what belongs to it may differ. */
  #compare(block: FoundBlock): void {
    const { start, position, blockLen, frame, stored } = block;
    const { records } = this.#walker;
    const right = records.asWritten(block.buf, block.off, blockLen, start);
    const blockType = right[position - start]!;
    const place = { offset: start, lengthBytes: right.length, blockType };
    this.position = start + right.length;
    if (!this.#isNext(blockType) || !records.isSealedAsFile(right, position - start)) {
      this.#lastType = UNKNOWN_TYPE;
      this.#report.lost({ ...place, part: 'block', cause: EXPECTED_OTHER });
      return;
    }
    this.#lastType = blockType;
    this.#file.spoil(stored, right, start);
    const layout = this.#walker.ecc?.layout(blockLen);
    const restored = differences(right, stored, start, [
      { lengthBytes: position - start, unitBytes: 8 },
      { lengthBytes: blockLen, unitBytes: layout?.dataShardBytes ?? blockLen },
      {
        lengthBytes: right.length - (position - start) - blockLen,
        unitBytes: layout?.parityShardBytes ?? 1,
      },
    ]);
    if (restored.length === 0) return;
    const isFrameWrong = frame !== undefined && restored[0]!.offset < position;
    const part = block.state === 'corrected' ? 'block' : isFrameWrong ? 'frame' : 'parity';
    const fault = block.fault ?? (isFrameWrong ? 'frame is damaged' : 'parity section is damaged');
    const cause = this.#file.hasHole(start, this.position) ? UNREADABLE : fault;
    this.#report.healable({ ...place, part, cause }, 'parity', restored);
  }

  /** True if nothing that was durable is damaged: the log ends here. */
  #isTorn({ start, end }: FoundBlock | FoundGap): boolean {
    const { fileClass, durableBytes = 0, endBytes = durableBytes, isClosed } = this.#expected;
    if (this.#isTable || start < endBytes) return false;
    const window = new LogWindow(this.#file, this.#to);
    if (window.isBlankFrom(start)) {
      this.#isOver = isClosed !== true || fileClass === 'wal';
      return this.#isOver;
    }
    if (isClosed === true) return false;
    const isManifest = fileClass === 'manifest';
    const torn = new TornEnd(
      window,
      this.#walker.records.frame,
      this.#logType(),
      this.#walker.reader,
    );
    const isLast = end >= this.#to;
    // A manifest is synced edit by edit: nothing stands behind one that was not.
    if (!isLast && isManifest) return false;
    if (!(isLast ? torn.looksTorn(start) : torn.looksUnwritten(start, end))) return false;
    this.tornAt = start;
    this.#isOver = true;
    return true;
  }

  #tellLost(found: FoundBlock | FoundGap): void {
    const { start, end } = found;
    this.position = end;
    this.#lastType = UNKNOWN_TYPE;
    const isBlock = found.found === 'block';
    const blockType = this.#isTable ? UNKNOWN_TYPE : this.#logType();
    const fault = (isBlock ? found.fault : found.reason) ?? EXPECTED_OTHER;
    const cause = this.#file.hasHole(start, end) ? UNREADABLE : fault;
    const lengthBytes = end - start;
    const place = { part: 'block', offset: start, lengthBytes, blockType, cause } as const;
    for (const source of this.#sources) {
      const right = source.restore(start, end);
      if (right?.length !== lengthBytes || !this.#walker.records.isIntactRun(right, start))
        continue;
      this.#lastType = this.#walker.reader.blockType;
      const stored = new Uint8Array(lengthBytes);
      const length = this.#file.read(stored, 0, lengthBytes, start);
      this.#file.spoil(stored, right, start);
      const runs = [{ lengthBytes, unitBytes: lengthBytes }];
      const restored = differences(right, stored.subarray(0, length), start, runs);
      this.#report.healable(place, source.name, restored);
      return;
    }
    this.#report.lost(place);
    this.#isEndTold = this.position >= this.#to;
  }

  #logType(): number {
    return this.#expected.fileClass === 'manifest' ? BLOCK_MANIFEST_EDIT : BLOCK_WAL_RECORD;
  }

  /** What is missing at the end, or stands behind it. */
  #finish(): void {
    const { endBytes, durableBytes, isClosed } = this.#expected;
    const { position } = this;
    const wanted = endBytes ?? durableBytes ?? 0;
    const isComplete = !this.#isTable || this.#lastType === BLOCK_FOOTER || this.#isEndTold;
    if (position < wanted || !isComplete) {
      this.#tellCutShort(Math.max(position, wanted));
    } else if (this.#isTable || isClosed === true) {
      this.#checkBehind(position);
    }
  }

  #tellCutShort(wanted: number): void {
    const offset = this.position;
    const lengthBytes = wanted - offset;
    this.#report.lost({
      part: 'end',
      offset,
      lengthBytes,
      blockType: 0,
      cause: 'file is cut short',
    });
  }

  /** Nothing may stand behind `end`. Only what is no block is cut off. */
  #checkBehind(end: number): void {
    const walker = this.#walker;
    const lengthBytes = walker.sizeBytes - end;
    if (lengthBytes <= 0 || this.#isEndTold) return;
    const isBlank = new LogWindow(this.#file, walker.sizeBytes).isBlankFrom(end);
    if (isBlank && this.#expected.fileClass === 'wal') return;
    const place = { part: 'end', offset: end, lengthBytes, blockType: 0 } as const;
    for (const found of walker.walk(end, walker.sizeBytes)) {
      if (found.found === 'gap' || found.state === 'damaged') continue;
      this.#report.lost({ ...place, cause: 'sound blocks stand behind the end' });
      return;
    }
    this.#report.healable({ ...place, cause: 'something stands behind the end' }, 'copies', []);
  }
}
