/**
 * What a page and the worker that imports a whole database for it say to each other. The page
 * sends {@link ImportStart}; then the worker asks for each piece of the file, and the page answers:
 * so one piece is under way at a time. At last the worker says what came of it, and is ended.
 * @module
 */
import type { ImportReport } from '../backup/import.ts';
import type { Failure } from './protocol.ts';

/** What the page sends first. */
export interface ImportStart {
  /** Directory of the new database's mount in OPFS. */
  readonly importInto: string;
}

/** What the page answers when it is asked for a piece. */
export interface ImportPiece {
  /** Undefined at the end of the file. */
  readonly piece: Uint8Array | undefined;
  /** There is no more of it, for the source failed or the page gives up. */
  readonly isBroken?: boolean;
}

/** What the worker says. */
export interface ImportNews {
  readonly wantsPiece?: true;
  /** Bytes done, and bytes in total. */
  readonly progress?: readonly [number, number];
  readonly report?: ImportReport;
  readonly failure?: Failure;
}
