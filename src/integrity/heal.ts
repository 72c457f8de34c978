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
import { FileCheck, isMeant } from './file-check.ts';
import type {
  ExpectedFile,
  Finding,
  FindingSink,
  RestoredRange,
  RestoreSource,
} from './finding.ts';
import { PatchyFile } from './patchy-file.ts';

const WHOLE_STEP_BYTES = 1024 * 1024;
/** Right bytes are written when so many are held. */
const HELD_BYTES_MAX = 1024 * 1024;
/** What cannot be read can only be written as a whole: a sector of today's disks. */
const SECTOR_BYTES = 4096;

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
    found = writeRight(file, file, expected, findings, sources);
    const end = endIn(found);
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
    const source = new PatchyFile(file);
    const sizeBytes = sizeOf(file);
    const copy = fs.open(replacement, 'create');
    let found: Looked;
    try {
      const piece = new Uint8Array(WHOLE_STEP_BYTES);
      for (let at = 0; at < sizeBytes; at += piece.length) {
        const length = source.read(piece, 0, Math.min(piece.length, sizeBytes - at), at);
        copy.write(piece, 0, length, at);
      }
      found = writeRight(file, copy, expected, findings, []);
      const end = endIn(found);
      if (end !== undefined) copy.truncate(end.offset);
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
  /** Places overlap: the header stands in the first chunk. */
  readonly seen: Set<string>;
}

function nothingYet(): Looked {
  return { healable: [], lost: [], seen: new Set() };
}

/** Looks at the places of findings in `file`, and writes what should stand there to `target`. */
function writeRight(
  file: ReadableFile,
  target: FileHandle,
  expected: ExpectedFile,
  findings: readonly Finding[],
  sources: readonly RestoreSource[],
): Looked {
  const right = new RightBytes(target);
  const found = nothingYet();
  for (const place of placesOf(findings)) {
    look(file, expected, place, sources, found, (_, restored) => right.hold(restored));
  }
  right.write(Number.POSITIVE_INFINITY);
  return found;
}

/** Bytes behind the end, if they were found. */
function endIn({ healable }: Looked): Finding | undefined {
  return healable.find(({ part }) => part === 'end');
}

/**
 * Where to look for findings, in the order of the file. Neighbouring chunks are looked at together,
 * as they are read in bands, and neighbouring units, as some may cost a look at all of the file.
 */
function placesOf(findings: readonly Finding[]): Finding[] {
  const places: Finding[] = [];
  for (const one of [...findings].sort((a, b) => a.offset - b.offset)) {
    const last = places.at(-1);
    const isNext = last?.part === 'stripe' && last.offset + last.lengthBytes === one.offset;
    // Chunks and units are not looked at together: then what is wrong with blocks would count.
    if (!isNext || one.part !== 'stripe' || last.cause !== one.cause) places.push(one);
    else places[places.length - 1] = { ...last, lengthBytes: last.lengthBytes + one.lengthBytes };
  }
  return places;
}

function look(
  file: ReadableFile,
  expected: ExpectedFile,
  place: Finding,
  sources: readonly RestoreSource[],
  { healable, lost, seen }: Looked,
  onHealable: FindingSink,
): void {
  const sink: FindingSink = (finding, restored) => {
    const name = `${finding.part} ${finding.offset}`;
    if (seen.has(name)) return;
    seen.add(name);
    (finding.state === 'lost' ? lost : healable).push(finding);
    if (finding.state === 'healable') onHealable(finding, restored);
  };
  const check = new FileCheck(file, expected, sink, { sources, only: place });
  while (check.step(WHOLE_STEP_BYTES));
}

/** What should stand in a file, until it is written there. */
class RightBytes {
  readonly #target: FileHandle;
  #held: RestoredRange[];
  #heldBytes: number;

  /** @param target stays the caller's */
  constructor(target: FileHandle) {
    this.#target = target;
    this.#held = [];
    this.#heldBytes = 0;
  }

  /**
   * Takes more, mostly in the order of the file; what is held before is written if it is much, but
   * for the sector where this begins: it may be one that can only be written as a whole. Borrows
   * the bytes.
   */
  hold(restored: readonly RestoredRange[]): void {
    for (const { offset, bytes } of restored) {
      if (this.#heldBytes >= HELD_BYTES_MAX) this.write(offset - (offset % SECTOR_BYTES));
      this.#add({ offset, bytes: bytes.slice() });
    }
  }

  /** Writes what is held of the file up to `end`. */
  write(end: number): void {
    const runs = joined(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    for (const { offset, bytes } of runs) {
      const count = Math.max(0, Math.min(bytes.length, end - offset));
      if (count > 0) this.#target.write(bytes, 0, count, offset);
      if (count < bytes.length) this.#add({ offset: offset + count, bytes: bytes.slice(count) });
    }
  }

  #add(range: RestoredRange): void {
    this.#held.push(range);
    this.#heldBytes += range.bytes.length;
  }
}

/** The same bytes in as few ranges as they fill. */
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
    const again = nothingYet();
    for (const place of placesOf(healable)) {
      look(file, expected, place, [], again, () => undefined);
    }
    const wrong = [...again.lost, ...again.healable];
    const healed = healable.filter((one) => !wrong.some((other) => isMeant(other, one)));
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
