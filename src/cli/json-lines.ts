/**
 * The file format of `varve export` and `import`: one JSON object a line, an entry each,
 *
 *     {"key": K, "value": V, "family": "name"}
 *
 * where K and V are JSON bytes as in encoding.ts and `family` may be absent. Blank lines are passed
 * over.
 * @module
 */
import { fromJson, utf8Of } from './encoding.ts';
import { CommandError } from './failure.ts';

/** The longest line that can be a string; the largest value fits in as base64. */
const LINE_BYTES_MAX = 500_000_000;

const NEWLINE = 0x0a;

/** An entry of a file; its bytes are fresh. */
export interface ImportEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly family: string | undefined;
}

/** The entries that end in one piece of the input, and how far the input has been read. */
export interface ImportPiece {
  readonly entries: readonly ImportEntry[];
  readonly bytesRead: number;
}

/**
 * Reads entries as the pieces of the input come.
 * @throws CommandError naming the line for anything that is not an entry; the entries of the lines
 * before it have been given out
 */
export async function* readEntries(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<ImportPiece, void, undefined> {
  const reader = new LineReader();
  let bytesRead = 0;
  for await (const chunk of input) {
    bytesRead += chunk.length;
    yield* entriesOf(reader, reader.add(chunk), bytesRead);
  }
  yield* entriesOf(reader, reader.end(), bytesRead);
}

/** Gives out what comes before a wrong line, and then throws. */
function* entriesOf(
  reader: LineReader,
  lines: readonly Uint8Array[],
  bytesRead: number,
): Generator<ImportPiece, void, undefined> {
  const entries: ImportEntry[] = [];
  let failure: unknown;
  try {
    for (const line of lines) {
      reader.lineNumber++;
      const entry = parseLine(line, reader.lineNumber);
      if (entry !== undefined) entries.push(entry);
    }
  } catch (error) {
    failure = error;
  }
  yield { entries, bytesRead };
  if (failure !== undefined) throw failure;
}

/** Cuts pieces of input into lines. */
class LineReader {
  /** Number of the last line that was parsed, from 1. */
  lineNumber: number;
  #rest: Uint8Array[];
  #restBytes: number;

  constructor() {
    this.lineNumber = 0;
    this.#rest = [];
    this.#restBytes = 0;
  }

  /** The lines that are complete with this chunk, which is taken. */
  add(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let begin = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, begin)) {
      this.#keep(chunk.subarray(begin, end));
      lines.push(...this.end());
      begin = end + 1;
    }
    this.#keep(chunk.subarray(begin));
    return lines;
  }

  /** The last line, which no line end follows; none if there is none. */
  end(): Uint8Array[] {
    const rest = this.#rest;
    this.#rest = [];
    this.#restBytes = 0;
    return rest.length > 1 ? [Buffer.concat(rest)] : rest;
  }

  #keep(part: Uint8Array): void {
    this.#restBytes += part.length;
    if (this.#restBytes > LINE_BYTES_MAX) {
      const text = `a line is longer than ${LINE_BYTES_MAX} bytes; this is no file of entries`;
      throw new CommandError('INVALID', text);
    }
    this.#rest.push(part);
  }
}

function parseLine(line: Uint8Array, lineNumber: number): ImportEntry | undefined {
  const wrong = (what: string) => new CommandError('INVALID', `line ${lineNumber}: ${what}`);
  const text = utf8Of(line);
  if (text === undefined) throw wrong('not UTF-8');
  if (text.trim() === '') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw wrong('not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw wrong('not an object');
  }
  const { key, value, family, ...others } = parsed as Record<string, unknown>;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw wrong(`unknown field '${unknown}'`);
  if (family !== undefined && typeof family !== 'string') throw wrong('family is not a string');
  const keyBytes = fromJson(key);
  const valueBytes = fromJson(value);
  if (keyBytes === undefined) throw wrong(`key ${EXPECTED}`);
  if (valueBytes === undefined) throw wrong(`value ${EXPECTED}`);
  return { key: keyBytes, value: valueBytes, family };
}

const EXPECTED = 'is not a string, {"base64": "..."} or {"hex": "..."}';
