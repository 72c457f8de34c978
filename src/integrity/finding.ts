/**
 * What a look at the bytes of a file finds wrong. Findings are plain data: they go from worker to
 * worker, and into reports.
 * @module
 */
import type { FileProtection } from '../block/file-protection.ts';

/** What kind of file it is. */
export type FileClassName = 'table' | 'wal' | 'manifest' | 'current';

/**
 * Which part of a file is damaged:
 *
 * - `file`: all of it; it is missing, or another file than the one that should be there
 * - `header`: the file header, or copies of it
 * - `slot`: one of the two slots of CURRENT
 * - `block`: a block; with its parity section, and in a log its frame, it has the range
 * - `frame`: only copies of the length before a record of a log
 * - `parity`: only the parity section of a block that is sound
 * - `stripe`: a chunk of 4 KiB of a table that its stripe restores, whatever it holds; or a unit of
 *   parity of a stripe, or the copy of the header behind those
 * - `end`: the file is too short, or something stands behind its end
 * - `content`: what sound bytes say contradicts other parts of the database; told by `verify` alone
 */
export type DamagedPart =
  | 'file'
  | 'header'
  | 'slot'
  | 'block'
  | 'frame'
  | 'parity'
  | 'stripe'
  | 'end'
  | 'content';

/** Bytes of a file, in bytes from its beginning. */
export interface FileRange {
  /** Where it begins. */
  readonly offset: number;
  /** How long it is. */
  readonly lengthBytes: number;
}

/** One damage in one file. */
export interface Finding extends FileRange {
  /** Path of the file. */
  readonly file: string;
  /** What kind of file it is. */
  readonly fileClass: FileClassName;
  /** Which part of it is damaged. */
  readonly part: DamagedPart;
  /**
   * The number of the type, as docs/FORMAT.md has it, of the block that is concerned; 0 where none
   * is, or it is not known.
   */
  readonly blockType: number;
  /** `healable`: the bytes that should be there are known. */
  readonly state: 'healable' | 'lost';
  /** What is wrong, for people. */
  readonly cause: string;
  /**
   * Who knows the right bytes: `parity`, `stripes`, `copies`, or the name of another source; '' if
   * lost.
   */
  readonly source: string;
  /**
   * The wrong bytes of what is healable: at most one range for each damaged shard, chunk, copy or
   * word. None for bytes behind the end, of which a file is healed by being cut.
   */
  readonly ranges: readonly FileRange[];
}

/** A damage, and what became of it. */
export interface ScrubFinding extends Finding {
  /** Its bytes are right again, on stable storage, and were read once more. */
  readonly isHealed: boolean;
  /** Why it was not healed although that was asked for and the bytes are known. */
  readonly refusal: string | undefined;
}

/** Bytes that should stand at `offset`; lent. */
export interface RestoredRange {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Takes a finding, and for what is healable the right bytes of its ranges, lent for the call. */
export type FindingSink = (finding: Finding, restored: readonly RestoredRange[]) => void;

/** What is known of a file before it is looked at; each part that is unknown is not checked. */
export interface ExpectedFile {
  readonly fileClass: FileClassName;
  /** 0 for CURRENT. */
  readonly fileNumber: number;
  /** Of its header, 16 bytes. */
  readonly salt?: Uint8Array | undefined;
  readonly protection?: FileProtection | undefined;
  /** Of the database, 16 bytes; newer tables have it in their headers. */
  readonly databaseId?: Uint8Array | undefined;
  /** All that stands before was written and must be sound, in bytes from the beginning. */
  readonly durableBytes?: number | undefined;
  /** The same, and the look ends here: a log that is in use may go on. */
  readonly endBytes?: number | undefined;
  /**
   * The file was closed: nothing of it is torn, and nothing may stand behind its end, but for zeros
   * in a log of the WAL.
   */
  readonly isClosed?: boolean | undefined;
}

/** Another place, beside parity and copies, that may know what a file should hold. */
export interface RestoreSource {
  /** For reports. */
  readonly name: string;
  /**
   * What `[from, to)` of the file should hold: whole blocks, as far as is known. The bytes count
   * only if they are sound blocks of this file in this place.
   * @returns fresh bytes, or undefined
   */
  restore(from: number, to: number): Uint8Array | undefined;
}
