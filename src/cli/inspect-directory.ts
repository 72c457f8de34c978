/**
 * `varve inspect` of a directory: one line for each file.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isVarveError } from '../errors.ts';
import { joinPath } from '../fs/port.ts';
import { inspectFile } from '../inspect/file.ts';
import type { InspectOptions } from '../inspect/options.ts';
import type { HeaderFacts, SummaryPart } from '../inspect/parts.ts';
import { parseFileName } from '../manifest/file-names.ts';
import { refuseForeign } from '../manifest/foreign.ts';
import { Manifest } from '../manifest/manifest.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { type Cell, eccName, formatBytes, formatItems, formatTable } from './format.ts';
import { healthOf, plain } from './inspect-text.ts';
import type { Output } from './output.ts';

/** How often a file is looked at that seems damaged. */
const LOOKS = 5;

/** A file in one line. */
interface FileLine {
  readonly name: string;
  readonly kind: string;
  readonly sizeBytes: number;
  readonly facts: HeaderFacts | undefined;
  readonly summary: SummaryPart;
}

/**
 * Prints the files of a directory.
 * @throws CommandError when there is damage, or nothing of a database
 * @throws VarveError `INVALID` for a database of another program
 */
export async function inspectDirectory(
  directory: string,
  options: InspectOptions,
  output: Output,
  isJson: boolean,
): Promise<void> {
  // What LevelDB made has files of the same names, which would all be damaged.
  refuseForeign(options.fs, directory, true);
  const lines: FileLine[] = [];
  for (const name of options.fs.list(directory).sort()) {
    const line = await settledLine(directory, name, options);
    // A running writer removes files that are obsolete.
    if (line === undefined) continue;
    lines.push(line);
    if (isJson) await output.json(line);
  }
  if (!isJson) {
    const head = ['file', 'kind', 'size', 'blocks', 'encryption', 'ECC', 'state'];
    await output.text(formatTable(head, lines.map(rowOf)));
  }
  if (lines.every(({ kind }) => kind === 'unknown')) {
    throw new CommandError('INVALID', `${directory} holds no file of a database`);
  }
  const damaged = lines.filter(isDamaged).length;
  if (damaged === 0) return;
  const text = `${formatItems(damaged, 'file is', 'files are')} damaged`;
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}

/**
 * Looks again at what seems damaged: a writer may have been in the midst of it. A table that the
 * manifest does not name is not complete yet, or never was.
 */
async function settledLine(
  directory: string,
  name: string,
  options: InspectOptions,
): Promise<FileLine | undefined> {
  let line = lineOf(directory, name, options);
  for (let look = 1; look < LOOKS; look++) {
    if (line === undefined || !isDamaged(line)) return line;
    if (line.kind === 'table' && !isNamed(directory, name, options)) {
      const summary = { ...line.summary, damageCount: 0, correctedCount: 0, isTorn: true };
      return { ...line, summary };
    }
    await sleep(2 ** look);
    line = lineOf(directory, name, options);
  }
  return line;
}

/** False for a table that the manifest can be read without. */
function isNamed(directory: string, name: string, { fs, pipeline }: InspectOptions): boolean {
  try {
    const { version } = Manifest.recover(fs, directory, pipeline);
    return version.tableNumbers().has(parseFileName(name)?.number ?? 0);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return true;
  }
}

function isDamaged({ summary }: FileLine): boolean {
  return summary.damageCount + summary.correctedCount > 0;
}

function lineOf(directory: string, name: string, options: InspectOptions): FileLine | undefined {
  let line = { name, kind: 'unknown', sizeBytes: 0, facts: undefined } as Omit<FileLine, 'summary'>;
  try {
    for (const part of inspectFile(directory, name, { ...options, contents: undefined })) {
      if (part.part === 'file') line = { ...line, kind: part.kind, sizeBytes: part.sizeBytes };
      if (part.part === 'header') line = { ...line, facts: part.facts };
      if (part.part === 'summary') return { ...line, summary: part };
    }
  } catch (error) {
    if (!isVarveError(error, 'IO') || options.fs.exists(joinPath(directory, name))) throw error;
  }
  return undefined;
}

function rowOf({ name, kind, sizeBytes, facts, summary }: FileLine): Cell[] {
  const isFile = kind !== 'unknown' && kind !== 'lock' && kind !== 'scrub';
  const suite = facts === undefined ? '-' : facts.suite;
  const epoch = facts === undefined || facts.epoch === 0 ? '' : `, epoch ${facts.epoch}`;
  return [
    plain(name),
    kind,
    formatBytes(sizeBytes),
    facts === undefined ? '-' : summary.blockCount,
    `${suite}${epoch}`,
    facts === undefined ? '-' : eccName(facts.ecc),
    isFile ? healthOf(summary) : '-',
  ];
}
