/**
 * Looks for damage in one file of any class, at the level of sealed bytes: checksums, parity
 * sections, stripes, copies and lengths. It needs no key, decompresses nothing, and reads past
 * every cache of the engine. Memory is one block and a read of 256 KiB; of a table with stripes
 * also one stripe, and a few bytes for each chunk that it restores. Sectors that cannot be read are
 * damage like any other.
 *
 * What it does not see is what only contents can say: that a file is not the one that was written
 * last, or that a block says something else than it should under a checksum that is right.
 * @module
 */
import { blindWalker } from '../block/block-walker.ts';
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_CLASS_MANIFEST,
  FILE_CLASS_TABLE,
  FILE_CLASS_WAL,
  FILE_HEADER_BYTES_MAX,
  FILE_HEADER_BYTES_MIN,
  type FileHeader,
  type HeaderOwner,
  isHeaderOf,
} from '../block/file-header.ts';
import { isSameProtection } from '../block/file-protection.ts';
import { readLastHeader, stripesOf } from '../block/striped-file.ts';
import { compareKeys } from '../bytes/compare.ts';
import { isVarveError } from '../errors.ts';
import { type Fs, type ReadableFile, readAt, sizeOf } from '../fs/port.ts';
import { BlocksCheck } from './blocks-check.ts';
import { checkCurrent } from './current-check.ts';
import { differences } from './differences.ts';
import type {
  DamagedPart,
  ExpectedFile,
  FileClassName,
  FileRange,
  Finding,
  FindingSink,
  RestoreSource,
} from './finding.ts';
import { PatchyFile } from './patchy-file.ts';
import { Report } from './report.ts';
import { StripesCheck } from './stripes-check.ts';

const COPY_BYTES = 64;
/** Where in a copy of a table's header the id of the database stands. */
const ID_OFF = 32;
/** So many of its bytes tell it from what damage leaves. */
const ID_BYTES_MIN = 6;
/** Parts of a file that can be looked at by themselves. */
const BLOCK_PARTS: ReadonlySet<DamagedPart> = new Set(['block', 'frame', 'parity']);
const CLASS_NUMBERS: Readonly<Record<Exclude<FileClassName, 'current'>, number>> = {
  table: FILE_CLASS_TABLE,
  wal: FILE_CLASS_WAL,
  manifest: FILE_CLASS_MANIFEST,
};

/** What a check of a file may be given besides. */
export interface FileCheckOptions {
  /** Asked, in this order, for what parity does not give back. */
  readonly sources?: readonly RestoreSource[] | undefined;
  /**
   * `position` of an earlier check of the same file, which is not looked at again before it. A
   * table with stripes is looked at from its beginning all the same.
   */
  readonly resumeAt?: number | undefined;
  /** Only what is wrong there is told: a finding of an earlier check of the same file. */
  readonly only?: Finding | undefined;
}

/** See the module head. */
export class FileCheck {
  /** Size of the file when the check began. */
  readonly sizeBytes: number;
  /**
   * How far the check is: all before was looked at, but that stripes, if there are any, come first.
   */
  position: number;
  readonly #file: PatchyFile;
  readonly #expected: ExpectedFile;
  readonly #options: FileCheckOptions;
  readonly #report: Report;
  /** Undefined before the header was looked at. */
  #header: FileHeader | undefined;
  /** All its copies are. */
  #isHeaderSound: boolean;
  /** Undefined in a file without stripes. */
  #stripes: StripesCheck | undefined;
  /** Undefined before stripes were looked at. */
  #blocks: BlocksCheck | undefined;
  /** Findings before that. */
  #earlierCount: number;
  #isDone: boolean;

  /**
   * @param file stays the caller's
   * @param expected what is known of it
   * @param onFinding told of each damage, in the order of the file
   */
  constructor(
    file: ReadableFile,
    expected: ExpectedFile,
    onFinding: FindingSink,
    options: FileCheckOptions = {},
  ) {
    this.sizeBytes = sizeOf(file);
    this.position = 0;
    this.#file = new PatchyFile(file);
    this.#expected = expected;
    this.#options = options;
    const { only } = options;
    const sink: FindingSink = (finding, restored) => {
      if (only === undefined || isMeant(finding, only)) onFinding(finding, restored);
    };
    this.#report = new Report(file.path, expected.fileClass, sink);
    this.#header = undefined;
    this.#isHeaderSound = false;
    this.#stripes = undefined;
    this.#blocks = undefined;
    this.#earlierCount = 0;
    this.#isDone = false;
  }

  /** Where a log ends that was not completely written, which is no damage; else undefined. */
  get tornAt(): number | undefined {
    return this.#blocks?.tornAt;
  }

  /**
   * Looks at about `budgetBytes` more, a block at least.
   * @returns false when all was looked at
   * @throws VarveError `UNSUPPORTED` for a file of a later format version; of the `Fs`
   */
  step(budgetBytes: number): boolean {
    if (!this.#isDone) this.#isDone = !this.#step(budgetBytes);
    return !this.#isDone;
  }

  #step(budgetBytes: number): boolean {
    const { fileClass } = this.#expected;
    if (fileClass === 'current') {
      this.position = checkCurrent(this.#file, this.#report);
      return false;
    }
    const { only } = this.#options;
    if (this.#header === undefined) {
      this.#header = this.#checkHeader(CLASS_NUMBERS[fileClass]);
      if (this.#header === undefined) {
        this.position = this.sizeBytes;
        if (only !== undefined) this.#tellUnchecked();
        return false;
      }
      if (only?.part === 'header') return false;
      this.#isHeaderSound = this.#report.findingCount === 0;
      this.#stripes = this.#stripesOf(this.#header);
    }
    if (this.#blocks === undefined) {
      const stripes = isOfBlocks(only) ? undefined : this.#stripes;
      if (stripes?.step(budgetBytes)) {
        this.position = Math.floor(stripes.share * this.#stripeBytes);
        return true;
      }
      if (stripes?.isPending && stripes.widen()) return true;
      this.#blocks = this.#blocksOf(this.#header);
    }
    const isNeeded = only?.part !== 'stripe' || this.#stripes?.isPending === true;
    if (isNeeded && this.#blocks.step(budgetBytes)) {
      this.position = this.#stripeBytes + this.#blocks.position;
      return true;
    }
    this.position = this.sizeBytes;
    if (!isOfBlocks(only)) {
      const isBodySound = this.#report.findingCount === this.#earlierCount;
      this.#stripes?.finish(isBodySound, this.#isHeaderSound, this.sizeBytes);
    }
    return false;
  }

  /** What counts for the look at the stripes, which comes before that at the blocks. */
  get #stripeBytes(): number {
    const { body } = this.#stripes ?? {};
    return body === undefined ? 0 : Math.max(0, this.sizeBytes - body.size());
  }

  #stripesOf(header: FileHeader): StripesCheck | undefined {
    const stripes = stripesOf(this.#file, header, this.#expected.endBytes);
    if (stripes === undefined) return undefined;
    const check = new StripesCheck(this.#file, header, stripes, this.#report);
    const { only } = this.#options;
    if (only?.part === 'stripe') check.restrict(only);
    return check;
  }

  #blocksOf(header: FileHeader): BlocksCheck {
    const { sources = [], resumeAt, only } = this.#options;
    const body = this.#stripes?.body;
    const expected =
      body === undefined ? this.#expected : { ...this.#expected, endBytes: body.size() };
    this.#earlierCount = this.#report.findingCount;
    const blocks = new BlocksCheck(body ?? this.#file, header, expected, sources, this.#report);
    const hasStripes = header.protection.ecc?.stripe !== undefined;
    if (hasStripes && header.fileClass === FILE_CLASS_TABLE) blocks.leaveEnd();
    if (hasStripes && body === undefined) this.#tellCut();
    if (resumeAt !== undefined && body === undefined) blocks.resume(resumeAt);
    if (only !== undefined && isOfBlocks(only)) blocks.restrict(only);
    return blocks;
  }

  /** Nobody knows where the stripe section begins. */
  #tellCut(): void {
    const cause = 'file is cut short: its stripes cannot be found';
    const place = { offset: this.sizeBytes, lengthBytes: 0, blockType: 0, cause };
    this.#report.lost({ ...place, part: 'end' });
  }

  /** The header, if what stands behind it can be checked. */
  #checkHeader(classNumber: number): FileHeader | undefined {
    const buf = new Uint8Array(FILE_HEADER_BYTES_MAX);
    const length = readAt(this.#file, buf, 0, buf.length, 0);
    const { path } = this.#file;
    const { fileNumber } = this.#expected;
    const own = { fileClass: classNumber, fileNumber };
    let header: FileHeader | undefined;
    try {
      header = decodeFileHeader(buf, length, path, own);
      if (own.fileClass === FILE_CLASS_TABLE) header ??= readLastHeader(this.#file, own);
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
    }
    const mismatch = header === undefined ? undefined : this.#mismatch(header, own);
    if (mismatch !== undefined) {
      const lengthBytes = this.sizeBytes;
      this.#report.lost({ part: 'file', offset: 0, lengthBytes, blockType: 0, cause: mismatch });
      return undefined;
    }
    if (header === undefined) return this.#withoutHeader(buf, length, own);
    this.#compareHeader(header, buf.subarray(0, length), 'copies');
    return header;
  }

  /** @param source who knows what the header should be */
  #compareHeader(header: FileHeader, stored: Uint8Array, source: string): void {
    const bytes = encodeFileHeader(header);
    this.#file.spoil(stored.subarray(0, bytes.length), bytes, 0);
    const lengthBytes = bytes.length;
    const restored = differences(bytes, stored, 0, [{ lengthBytes, unitBytes: COPY_BYTES }]);
    if (restored.length === 0) return;
    const cause = 'copies of the file header are damaged';
    const place = { part: 'header', offset: 0, lengthBytes, blockType: 0, cause } as const;
    this.#report.healable(place, source, restored);
  }

  #mismatch(header: FileHeader, own: HeaderOwner): string | undefined {
    const { salt, protection } = this.#expected;
    if (!isHeaderOf(header, own)) return 'file header belongs to another file';
    const isOther =
      (salt !== undefined && compareKeys(header.salt, salt) !== 0) ||
      (protection !== undefined && !isSameProtection(header.protection, protection));
    return isOther ? 'it is another file than the one that the database names' : undefined;
  }

  /**
   * What can be made of a header of which no copy is sound. Under the salt that the manifest names
   * blocks can be checked, and vouch for it. What a table's header says is all in the manifest: it
   * is written anew, if what is left of it tells that it has the database's id, which older ones
   * have not.
   */
  #withoutHeader(buf: Uint8Array, length: number, own: HeaderOwner): FileHeader | undefined {
    const { salt, protection, databaseId } = this.#expected;
    if (this.#isUnwritten(buf, length)) return undefined;
    if (salt === undefined || protection === undefined) {
      this.#tellHeaderLost('file header is damaged: nothing behind it can be checked');
      return undefined;
    }
    const header = { ...own, salt, protection, databaseId, previousNumber: 0, baseSeqno: 0 };
    if (!blindWalker(this.#file, header).isVouched()) {
      this.#tellHeaderLost('file header is damaged, and no block is sound');
      return undefined;
    }
    const isTable = own.fileClass === FILE_CLASS_TABLE;
    if (isTable && databaseId !== undefined && hasPartOf(databaseId, buf.subarray(0, length))) {
      this.#compareHeader(header, buf.subarray(0, length), 'manifest');
    } else {
      this.#tellHeaderLost('file header is damaged');
    }
    return header;
  }

  /** True for what the creation of a log leaves that was cut off, and that nothing counts on. */
  #isUnwritten(buf: Uint8Array, length: number): boolean {
    const { fileClass, salt, durableBytes = 0, endBytes = durableBytes, isClosed } = this.#expected;
    if (fileClass === 'table' || salt !== undefined || endBytes > 0) return false;
    // No clean close leaves such a log behind.
    if (isClosed === true) return false;
    if (length < FILE_HEADER_BYTES_MIN) return true;
    const end = buf.subarray(FILE_HEADER_BYTES_MIN - 8, FILE_HEADER_BYTES_MIN);
    return end.every((byte) => byte === 0);
  }

  /** Whoever asks after one place has to know that it could not be looked at. */
  #tellUnchecked(): void {
    const lengthBytes = this.sizeBytes;
    const cause = 'nothing of the file can be checked';
    this.#report.lost({ part: 'file', offset: 0, lengthBytes, blockType: 0, cause });
  }

  #tellHeaderLost(cause: string): void {
    const lengthBytes = Math.min(this.sizeBytes, FILE_HEADER_BYTES_MAX);
    this.#report.lost({ part: 'header', offset: 0, lengthBytes, blockType: 0, cause });
  }
}

/**
 * True if a finding concerns the place `only`. Where a header is lost, nobody knows how long it
 * was: its range may reach into blocks.
 */
export function isMeant(finding: Finding, only: Finding): boolean {
  if (finding.part === 'file') return true;
  if (isOfBlocks(only) && finding.part === 'header') return false;
  return isMeeting(finding, only);
}

/** True if it concerns one block and no more. */
function isOfBlocks(only: Finding | undefined): boolean {
  return only !== undefined && BLOCK_PARTS.has(only.part);
}

/** True if some copy of a header in `buf` has enough of this id left. Borrows both. */
function hasPartOf(databaseId: Uint8Array, buf: Uint8Array): boolean {
  for (let off = ID_OFF; off + databaseId.length <= buf.length; off += COPY_BYTES) {
    const same = databaseId.filter((byte, i) => byte !== 0 && byte === buf[off + i]);
    if (same.length >= ID_BYTES_MIN) return true;
  }
  return false;
}

function isMeeting(a: FileRange, b: FileRange): boolean {
  return a.offset < b.offset + b.lengthBytes && b.offset < a.offset + a.lengthBytes;
}

/**
 * Opens a file to be checked; one that is missing is a finding.
 * @returns undefined if it is missing
 * @throws VarveError of the `Fs`
 */
export function openToCheck(
  fs: Fs,
  path: string,
  expected: ExpectedFile,
  onFinding: FindingSink,
): ReadableFile | undefined {
  try {
    return fs.open(path, 'read');
  } catch (error) {
    if (!isVarveError(error, 'IO') || fs.exists(path)) throw error;
  }
  const report = new Report(path, expected.fileClass, onFinding);
  const lengthBytes = expected.endBytes ?? 0;
  report.lost({ part: 'file', offset: 0, lengthBytes, blockType: 0, cause: 'file is missing' });
  return undefined;
}
