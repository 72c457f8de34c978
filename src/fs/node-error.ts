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

/**
 * The error to throw for `cause`: `NOSPACE` when a device or quota is full, otherwise `IO`; a
 * caller's mistake (`TypeError`, `RangeError`) and a `VarveError` stay what they are.
 * @param action what was tried, to follow "cannot"
 */
export function platformError(action: string, path: string, cause: unknown): Error {
  if (isVarveError(cause) || isCallerMistake(cause)) return cause;
  const full = systemCode(cause) === 'ENOSPC' || systemCode(cause) === 'EDQUOT';
  const reason = isError(cause) ? cause.message : String(cause);
  const message = `cannot ${action} ${path}: ${reason}`;
  return new VarveError(full ? 'NOSPACE' : 'IO', message, { file: path, cause });
}
