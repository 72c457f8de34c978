/**
 * Small checks that say what they were about.
 * @module
 */
import { type ErrorCode, isVarveError } from '../../src/errors.ts';

/** @throws Error when the two differ */
export function expectSame(actual: unknown, wanted: unknown, what: string): void {
  if (actual === wanted) return;
  const [is, should] = [actual, wanted].map((one) => String(JSON.stringify(one)).slice(0, 80));
  throw new Error(`${what}: ${is} instead of ${should}`);
}

/** @throws Error when the action does not throw an error of the code */
export function expectCode(action: () => unknown, code: ErrorCode): void {
  try {
    action();
  } catch (error) {
    if (isVarveError(error, code)) return;
    throw error;
  }
  throw new Error(`no ${code} error`);
}
