/**
 * Healing what is lost of a table from the copies that other directories have of it.
 * @module
 */
import { isVarveError } from '../errors.ts';
import { closeFile, joinPath } from '../fs/port.ts';
import { expectedTable } from '../integrity/expected-files.ts';
import { FileCheck } from '../integrity/file-check.ts';
import type { ExpectedFile, Finding } from '../integrity/finding.ts';
import { healFile } from '../integrity/heal.ts';
import { TableCopy } from '../integrity/table-copy.ts';
import { tableName } from '../manifest/file-names.ts';
import type { TableSlot } from '../tables/table-cache.ts';
import type { DbCore } from './core.ts';

const STEP_BYTES = 0x10_0000;

/**
 * Puts right what `healFrom` has of a table.
 * @returns true if something was put right, on stable storage
 */
export function healFromCopies(core: DbCore, { meta }: TableSlot): boolean {
  const { fs, location, settings, manifest } = core;
  if (settings.healFrom.length === 0 || manifest === undefined) return false;
  const name = tableName(meta.fileNumber);
  const path = joinPath(location.directory, name);
  const expected = expectedTable(meta, manifest.databaseId);
  const copies = settings.healFrom.map((directory) => new TableCopy(fs, joinPath(directory, name)));
  try {
    return fs.exists(path)
      ? mend(core, path, expected, copies)
      : rebuild(core, path, expected, copies);
  } catch (error) {
    // It stays as damaged as it was; a directory that is not ours any more stops everything.
    if (!isVarveError(error) || error.code === 'DETACHED') throw error;
    return false;
  }
}

/** A file that is gone. */
function rebuild(
  core: DbCore,
  path: string,
  expected: ExpectedFile,
  copies: readonly TableCopy[],
): boolean {
  const source = copies.find((copy) => copy.rebuild(path, expected));
  if (source === undefined) return false;
  core.fs.syncDirectory(core.location.directory);
  const lengthBytes = expected.endBytes!;
  const whole = { file: path, fileClass: 'table', part: 'file', offset: 0, lengthBytes } as const;
  core.events.tell({ type: 'healed', ...whole, blockType: 0, source: source.name });
  return true;
}

/** A file of which something is damaged. */
function mend(
  core: DbCore,
  path: string,
  expected: ExpectedFile,
  copies: readonly TableCopy[],
): boolean {
  const findings: Finding[] = [];
  const file = core.fs.open(path, 'read');
  try {
    const sink = (finding: Finding): void => {
      findings.push(finding);
    };
    const check = new FileCheck(file, expected, sink, { sources: copies });
    while (check.step(STEP_BYTES));
  } finally {
    closeFile(file);
  }
  const { healed } = healFile(core.fs, path, expected, findings, copies);
  for (const finding of healed) {
    const { fileClass, part, offset, lengthBytes, blockType, source } = finding;
    const place = { file: path, fileClass, part, offset, lengthBytes, blockType };
    core.events.tell({ type: 'healed', ...place, source });
  }
  return healed.length > 0;
}
