/**
 * Heals a file in place: the right bytes are written over exactly those that are wrong, synced, and
 * read again.
 *
 * What is to be written is found out anew, from the file as it is, so a finding may be old. Only
 * ranges within damaged shards, copies or words are written, and each with what it should hold: a
 * crash in the midst leaves every sector as it was or right, so no more is damaged than before
 * (docs/decisions/0030-heal-in-place.md).
 *
 * Who calls holds the lock of the directory, and for CURRENT is who writes it.
 * @module
 */
import { isVarveError } from '../errors.ts';
import { closeFile, type FileHandle, type Fs, type ReadableFile } from '../fs/port.ts';
import { FileCheck } from './file-check.ts';
import type {
  ExpectedFile,
  Finding,
  FindingSink,
  RestoredRange,
  RestoreSource,
} from './finding.ts';

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
    const right: RestoredRange[] = [];
    found = look(file, expected, findings, sources, (_, restored) => {
      for (const { offset, bytes } of restored) right.push({ offset, bytes: bytes.slice() });
    });
    for (const { offset, bytes } of joined(right)) file.write(bytes, 0, bytes.length, offset);
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

/** What a look at the places of findings has found there. */
interface Looked {
  readonly healable: Finding[];
  readonly lost: Finding[];
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
