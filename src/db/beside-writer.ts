/**
 * Looking at a database without the lock, beside a writer that may replace any file meanwhile.
 *
 * Whatever a writer leaves at any moment can be opened: a process that is killed leaves no more. So
 * only a change in the midst of the reading makes it fail without damage, and a failure counts if
 * it comes again while CURRENT, the manifest and the logs stay as they are.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import { closeFile, joinPath, readAt, sizeOf } from '../fs/port.ts';
import { parseFileName } from '../manifest/file-names.ts';
import type { Location } from './core.ts';

/** Together the pauses between so many last some seconds. */
const ATTEMPTS_MAX = 80;
const PAUSE_MS_MAX = 100;

/** What a look has given. */
export interface Look<T> {
  readonly value: T;
  /** What is wrong with it; where that is so again in an unchanged state, the value is taken. */
  readonly failure: VarveError | undefined;
  /** Lets go of the value, which is not taken. */
  readonly discard: () => void;
}

/**
 * Looks until what was seen is of one state of the database.
 * @param look what it throws is looked at again as well
 * @throws VarveError what is wrong with the database, `BUSY` when it changed during every look
 */
export async function besideWriter<T>(
  location: Location,
  look: () => Promise<Look<T>>,
): Promise<T> {
  let failedIn: string | undefined;
  for (let attempt = 1; ; attempt++) {
    const found = await lookOnce(look);
    if (found.look !== undefined && found.failure === undefined) return found.look.value;
    const failure = found.failure!;
    const state = stateAfter(failure, location);
    if (state !== undefined && state === failedIn) {
      if (found.look !== undefined) return found.look.value;
      throw failure;
    }
    found.look?.discard();
    if (attempt === ATTEMPTS_MAX) throw tooBusy(location, failure);
    failedIn = state;
    await pause(location, Math.min(2 ** (attempt - 1), PAUSE_MS_MAX));
  }
}

interface Looked<T> {
  readonly look: Look<T> | undefined;
  readonly failure: VarveError | undefined;
}

async function lookOnce<T>(look: () => Promise<Look<T>>): Promise<Looked<T>> {
  try {
    const found = await look();
    return { look: found, failure: found.failure };
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return { look: undefined, failure: error };
  }
}

/**
 * What a database looks like to somebody who reads it, as far as that decides about the failure:
 * CURRENT, and how far manifest and logs reach. Undefined while it changes.
 */
function stateAfter(failure: VarveError, { fs, directory }: Location): string | undefined {
  // A writer that is busy adds to its log all the time.
  const withLogs = failure.file?.endsWith('.wal') === true;
  const parts: string[] = [];
  try {
    if (!fs.exists(directory)) return 'no directory';
    for (const name of fs.list(directory).sort()) {
      const kind = parseFileName(name)?.kind;
      const isRead = kind === 'current' || kind === 'manifest' || (kind === 'wal' && withLogs);
      if (!isRead) continue;
      const file = fs.open(joinPath(directory, name), 'read');
      try {
        const size = sizeOf(file);
        const bytes = new Uint8Array(kind === 'current' ? size : 0);
        readAt(file, bytes, 0, bytes.length, 0);
        parts.push(`${name} ${size} ${bytes.join()}`);
      } finally {
        closeFile(file);
      }
    }
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return undefined;
  }
  return parts.join('\n');
}

function tooBusy({ directory }: Location, cause: VarveError): VarveError {
  const text = `files of ${directory} were replaced faster than they could be read`;
  return new VarveError('BUSY', text, { file: directory, cause });
}

async function pause({ hostLoop }: Location, milliseconds: number): Promise<void> {
  if (hostLoop.delay === undefined) await hostLoop.turn();
  else await hostLoop.delay(milliseconds);
}
