/**
 * How a command fails: one message for people or one JSON document for programs, and an exit code.
 * Both go to standard error; there is never a stack trace.
 * @module
 */
import { CommanderError } from 'commander';
import { type ErrorCode, isError, isVarveError } from '../errors.ts';

/** Everything went well. */
export const EXIT_OK = 0;
/** The key was not found, or the database is damaged. */
export const EXIT_NOT_FOUND_OR_DAMAGE = 1;
/** Wrong arguments. */
export const EXIT_USAGE = 2;
/** Another process has the database open for writing. */
export const EXIT_LOCKED = 3;
/** Any other failure. */
export const EXIT_OTHER = 4;

const SHOWN_LENGTH_MAX = 200;

/** What the exit codes mean, for `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0  everything went well
  1  the key was not found, or the database is damaged
  2  wrong arguments
  3  another process has the database open for writing
  4  any other error
  128 + signal number (130 for Ctrl-C) when interrupted; the database is closed properly`;

/** A stable name of a failure: one of the engine's, or one of the command's own. */
export type FailureCode = ErrorCode | 'NOT_FOUND' | 'USAGE' | 'INTERRUPTED' | 'SYSTEM' | 'INTERNAL';

/** A failure as it is shown. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly exitCode: number;
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
}

/** A failure that a command itself has found. */
export class CommandError extends Error {
  readonly code: FailureCode;
  readonly exitCode: number;

  constructor(code: FailureCode, message: string, exitCode: number = EXIT_OTHER) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** The error for arguments that make no sense. */
export function usageError(message: string): CommandError {
  return new CommandError('USAGE', message, EXIT_USAGE);
}

/** Text of the user's in a message: so much of it that it can be told what it is. */
export function shortened(text: string): string {
  if (text.length <= SHOWN_LENGTH_MAX) return text;
  return `${text.slice(0, SHOWN_LENGTH_MAX)}... (${text.length} characters)`;
}

/** The code of an operating system error (`ENOENT`), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!isError(error) || !('syscall' in error)) return undefined;
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What is to be shown for anything that was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommandError) return error;
  if (error instanceof CommanderError) {
    // It quotes what it does not understand.
    const message = error.message
      .replace(/^error: /, '')
      .replace(/'([^']{201,})'/g, (_, quoted: string) => `'${shortened(quoted)}'`);
    return { code: 'USAGE', message, exitCode: EXIT_USAGE };
  }
  if (isVarveError(error)) {
    const { code, message, file, offset } = error;
    return { code, message, exitCode: exitCodeOf(code), file, offset };
  }
  const message = isError(error) ? error.message : String(error);
  if (systemCode(error) !== undefined) {
    // Node has it the other way round: "ENOENT: no such file or directory, open 'x'".
    const text = message.replace(/^E\w+: (.*), (\w+)(?: '(.*)')?$/s, 'cannot $2 $3: $1');
    return { code: 'SYSTEM', message: text, exitCode: EXIT_OTHER };
  }
  return { code: 'INTERNAL', message: `internal error: ${message}`, exitCode: EXIT_OTHER };
}

/** The text for standard error, with its line end. */
export function failureText(failure: Failure, isJson: boolean): string {
  const { code, exitCode, file, offset } = failure;
  if (isJson) {
    const { message } = failure;
    return `${JSON.stringify({ error: { code, message, exitCode, file, offset } })}\n`;
  }
  const hint = code === 'USAGE' ? '\nSee varve --help.' : '';
  // File names may hold anything; a terminal must not act on it.
  const message = failure.message.replace(/(?!\n)\p{Cc}/gu, '?');
  return `varve: ${message}${hint}\n`;
}

function exitCodeOf(code: ErrorCode): number {
  if (code === 'LOCKED') return EXIT_LOCKED;
  return code === 'CORRUPTION' ? EXIT_NOT_FOUND_OR_DAMAGE : EXIT_OTHER;
}
