/**
 * Translates what `node:fs` and `node:net` throw into the errors of the port.
 * @module
 */
import { isCallerMistake, isError, isVarveError, VarveError } from '../errors.ts';

/** The code of a system error (`ENOENT`), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  const code = isError(error) ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True when a file could not be opened because too many are, of the process or of the system. */
export function isOutOfDescriptors(error: unknown): boolean {
  if (isVarveError(error)) return error.code === 'HANDLES';
  const code = systemCode(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

/**
 * The error to throw for `cause`: `NOSPACE` when a device or quota is full, `HANDLES` when too many
 * files are open, otherwise `IO`; a
 * caller's mistake (`TypeError`, `RangeError`) and a `VarveError` stay what they are.
 * @param action what was tried, to follow "cannot"
 */
export function platformError(action: string, path: string, cause: unknown): Error {
  if (isVarveError(cause) || isCallerMistake(cause)) return cause;
  const reason = isError(cause) ? cause.message : String(cause);
  const message = `cannot ${action} ${path}: ${reason}`;
  return new VarveError(codeOf(cause), message, { file: path, cause });
}

function codeOf(cause: unknown): 'NOSPACE' | 'HANDLES' | 'IO' {
  const code = systemCode(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'NOSPACE';
  return isOutOfDescriptors(cause) ? 'HANDLES' : 'IO';
}
