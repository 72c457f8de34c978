/**
 * Errors as users of Level test for them: by the codes of abstract-level.
 * @module
 */
import { type ErrorCode, isVarveError } from '../../core.ts';

/** The codes that the adapter itself throws; abstract-level has more. */
export type LevelErrorCode =
  | 'LEVEL_ABORTED'
  | 'LEVEL_CORRUPTION'
  | 'LEVEL_DATABASE_NOT_OPEN'
  | 'LEVEL_IO_ERROR'
  | 'LEVEL_LOCKED'
  | 'LEVEL_NOT_SUPPORTED'
  | 'LEVEL_READONLY'
  | 'VARVE_BUSY'
  | 'VARVE_DETACHED'
  | 'VARVE_INVALID'
  | 'VARVE_KEY'
  | 'VARVE_STALE'
  | 'VARVE_UNKNOWN';

/** Level's code for each of ours. Those that Level has none for keep their own name. */
const CODES: { readonly [code in ErrorCode]: LevelErrorCode } = {
  CORRUPTION: 'LEVEL_CORRUPTION',
  IO: 'LEVEL_IO_ERROR',
  NOSPACE: 'LEVEL_IO_ERROR',
  HANDLES: 'LEVEL_IO_ERROR',
  LOCKED: 'LEVEL_LOCKED',
  DETACHED: 'VARVE_DETACHED',
  CLOSED: 'LEVEL_DATABASE_NOT_OPEN',
  BUSY: 'VARVE_BUSY',
  STALE: 'VARVE_STALE',
  UNKNOWN: 'VARVE_UNKNOWN',
  UNSUPPORTED: 'LEVEL_NOT_SUPPORTED',
  INVALID: 'VARVE_INVALID',
  KEY: 'VARVE_KEY',
};

/** A failure with a code of Level; `cause` is the engine's VarveError where there is one. */
export class LevelError extends Error {
  /** Stable name of the failure. */
  readonly code: LevelErrorCode;

  constructor(code: LevelErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LevelError';
    this.code = code;
  }
}

/** What a read rejects with after its signal was aborted. */
export class AbortError extends LevelError {
  constructor() {
    super('LEVEL_ABORTED', 'Operation has been aborted');
    // The name that the web platform gives it.
    this.name = 'AbortError';
  }
}

/** The error to throw for `error`: a LevelError for one of the engine, anything else unchanged. */
export function levelError(error: unknown): unknown {
  if (!isVarveError(error)) return error;
  return new LevelError(CODES[error.code], error.message, error);
}
