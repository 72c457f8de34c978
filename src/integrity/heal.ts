/**
 * Heals a file: the right bytes are written over exactly those that are wrong, synced, and read
 * again; or, where that cannot be done and nobody has the database open, the file is replaced.
 *
 * What is to be written is found out anew, from the file as it is, so a finding may be old. Only
 * ranges within damaged shards, copies or words are written, and each with what it should hold: a
 * crash in the midst leaves every sector as it was or right, so no more is damaged than before
 * (docs/decisions/0030-heal-in-place.md).
 *
 * Who calls holds the lock of the directory, and for CURRENT is who writes it.
 * @module
 */
import { isVarveError, VarveError } from '../errors.ts';
import {
  closeFile,
  type FileHandle,
  type Fs,
  joinPath,
  type ReadableFile,
  sizeOf,
} from '../fs/port.ts';
import { removeIfPossible } from '../fs/removals.ts';
import { REPLACEMENT_NAME } from '../manifest/file-names.ts';
import { FileCheck } from './file-check.ts';
import type {
  ExpectedFile,
  Finding,
  FindingSink,
  RestoredRange,
  RestoreSource,
} from './finding.ts';
import { PatchyFile } from './patchy-file.ts';

const WHOLE_STEP_BYTES = 1024 * 1024;

/** What became of findings in one file. */
export interface HealResult {
  /** Were wrong, are right on stable storage, and were read again. */
  readonly healed: readonly Finding[];
  /** Are wrong: nobody knows the right bytes, or they could not be written here. */
  readonly left: readonly Finding[];
  /**
   * Why the file cannot be healed in place; undefined if it can. What was healable is then to be
   * rescued by writing the file anew: a table by a compaction, a log or manifest by a fresh one.
   */
  readonly refusal: string | undefined;
}

/**
 * Heals what was found in one file; each finding costs about what its block does. A finding of
 * bytes behind the end costs a look at all of the file.
 * @param findings of an earlier check of this file
 * @param sources asked for what parity does not give back
 * @throws VarveError `DETACHED` when the directory is not ours any more, `IO` when the file cannot
 * be read
 */
export function healFile(
  fs: Fs,
  path: string,
  expected: ExpectedFile,
  findings: readonly Finding[],
  sources: readonly RestoreSource[] = [],
): HealResult {
  let file: FileHandle;
  try {
    file = fs.open(path, 'update');
  } catch (error) {
    return refused(findings, error);
  }
  let found: Looked;
  try {
    if (file.linkCount() > 1) {
      const refusal = 'the file has a second name (a hard link)';
      return { healed: [], left: findings, refusal };
    }
    const { runs, ...seen } = rightBytes(file, expected, findings, sources);
    found = seen;
    for (const { offset, bytes } of runs) file.write(bytes, 0, bytes.length, offset);
    const end = found.healable.find(({ part }) => part === 'end');
    if (end !== undefined) file.truncate(end.offset);
    if (found.healable.length > 0) file.sync();
  } catch (error) {
    return refused(findings, error);
  } finally {
    closeFile(file);
  }
  return attested(fs, path, expected, found);
}

/**
 * Heals a file that cannot be written to, or has a second name whose file is to stay as it is: a
 * copy of it with the right bytes takes its name. For a directory that nobody has open.
 * @throws VarveError as {@link healFile}
 */
export function healByReplacing(
  fs: Fs,
  directory: string,
  name: string,
  expected: ExpectedFile,
  findings: readonly Finding[],
): HealResult {
  const path = joinPath(directory, name);
  const replacement = joinPath(directory, REPLACEMENT_NAME);
  if (!fs.capabilities.atomicRename) {
    return { healed: [], left: findings, refusal: 'files cannot be replaced here' };
  }
  try {
    removeIfPossible(fs, replacement);
    const found = writeReplacement(fs, path, replacement, expected, findings);
    const { left, refusal } = attested(fs, replacement, expected, found);
    if (refusal !== undefined) {
      removeIfPossible(fs, replacement);
      return { healed: [], left: findings, refusal };
    }
    fs.rename(replacement, path);
    fs.syncDirectory(directory);
    return { healed: found.healable, left, refusal: undefined };
  } catch (error) {
    removeIfPossible(fs, replacement);
    return refused(findings, error);
  }
}

function writeReplacement(
  fs: Fs,
  path: string,
  replacement: string,
  expected: ExpectedFile,
  findings: readonly Finding[],
): Looked {
  const file = fs.open(path, 'read');
  try {
    const { runs, ...found } = rightBytes(file, expected, findings, []);
    const source = new PatchyFile(file);
    const sizeBytes = found.healable.find(({ part }) => part === 'end')?.offset ?? sizeOf(file);
    const copy = fs.open(replacement, 'create');
    try {
      const piece = new Uint8Array(WHOLE_STEP_BYTES);
      for (let at = 0; at < sizeBytes; at += piece.length) {
        const length = source.read(piece, 0, Math.min(piece.length, sizeBytes - at), at);
        copy.write(piece, 0, length, at);
      }
      for (const { offset, bytes } of runs) copy.write(bytes, 0, bytes.length, offset);
      copy.sync();
    } finally {
      closeFile(copy);
    }
    const isLosing = found.lost.some(({ offset, lengthBytes }) => {
      return source.hasHole(offset, offset + lengthBytes);
    });
    // A sector that fails today may be read tomorrow.
    if (isLosing) throw new VarveError('IO', `some of it cannot be read (${path})`, { file: path });
    return found;
  } finally {
    closeFile(file);
  }
}

/** What a look at the places of findings has found there. */
interface Looked {
  readonly healable: Finding[];
  readonly lost: Finding[];
}

/** Looks at the places of findings. @returns what is wrong there, and the bytes that are right */
function rightBytes(
  file: ReadableFile,
  expected: ExpectedFile,
  findings: readonly Finding[],
  sources: readonly RestoreSource[],
): Looked & { readonly runs: RestoredRange[] } {
  const right: RestoredRange[] = [];
  const found = look(file, expected, findings, sources, (_, restored) => {
    for (const { offset, bytes } of restored) right.push({ offset, bytes: bytes.slice() });
  });
  return { ...found, runs: joined(right) };
}

function look(
  file: ReadableFile,
  expected: ExpectedFile,
  places: readonly Finding[],
  sources: readonly RestoreSource[],
  onHealable: FindingSink,
): Looked {
  const healable: Finding[] = [];
  const lost: Finding[] = [];
  const sink: FindingSink = (finding, restored) => {
    (finding.state === 'lost' ? lost : healable).push(finding);
    if (finding.state === 'healable') onHealable(finding, restored);
  };
  for (const only of places) {
    const check = new FileCheck(file, expected, sink, { sources, only });
    while (check.step(WHOLE_STEP_BYTES));
  }
  return { healable, lost };
}

/**
 * The same bytes in as few ranges as they fill. A sector that cannot be read can only be written as
 * a whole, though it may hold shards of several blocks.
 */
function joined(ranges: RestoredRange[]): RestoredRange[] {
  const runs: RestoredRange[][] = [];
  let end = -1;
  for (const range of ranges.sort((a, b) => a.offset - b.offset)) {
    if (range.offset === end) runs.at(-1)!.push(range);
    else runs.push([range]);
    end = range.offset + range.bytes.length;
  }
  return runs.map((run) => {
    const { offset } = run[0]!;
    const bytes = new Uint8Array(run.reduce((sum, range) => sum + range.bytes.length, 0));
    for (const range of run) bytes.set(range.bytes, range.offset - offset);
    return { offset, bytes };
  });
}

/** The second look, past the system's cache if that is possible. */
function attested(
  fs: Fs,
  path: string,
  expected: ExpectedFile,
  { healable, lost }: Looked,
): HealResult {
  const file = fs.openPastCache?.(path) ?? fs.open(path, 'read');
  try {
    const healed: Finding[] = [];
    const wrong: Finding[] = [];
    for (const one of healable) {
      const again = look(file, expected, [one], [], () => undefined);
      const still = [...again.lost, ...again.healable];
      if (still.length === 0) healed.push(one);
      wrong.push(...still);
    }
    const refusal = wrong.length > 0 ? 'the file does not hold what is written to it' : undefined;
    return { healed, left: [...lost, ...wrong], refusal };
  } finally {
    closeFile(file);
  }
}

function refused(left: readonly Finding[], error: unknown): HealResult {
  if (!isVarveError(error, 'IO') && !isVarveError(error, 'NOSPACE')) throw error;
  return { healed: [], left, refusal: error.message };
}
