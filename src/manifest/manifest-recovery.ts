/**
 * Reads a database's state from CURRENT and the manifest that it names; writes nothing.
 *
 * Every edit is synced before the next one is written, so at most the last record of a manifest may
 * be torn. A bad record is the torn end only if nothing of it was known to be durable, nothing
 * sound follows, and it looks like an interrupted write; anything else is damage.
 * @module
 */
import { BLOCK_MANIFEST_EDIT } from '../block/block-format.ts';
import { FILE_CLASS_MANIFEST } from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { RecordLogReader } from '../block/record-log-reader.ts';
import { compareKeys } from '../bytes/compare.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { authenticateCurrent, type CurrentSlot, readCurrent } from './current.ts';
import { CURRENT_NAME, manifestName } from './file-names.ts';
import { applyToState, emptyState, type ManifestState } from './manifest-state.ts';
import { decodeVersionEdit } from './version-edit-codec.ts';

/** What was found on disk. */
export interface RecoveredState {
  readonly state: ManifestState;
  readonly current: CurrentSlot;
  /** Where a torn record was left out; undefined when the manifest ends with a sound one. */
  readonly tornAt: number | undefined;
}

/** Opens a manifest for reading; the caller closes it. */
export function openManifestLog(
  fs: Fs,
  path: string,
  fileNumber: number,
  pipeline: Pipeline,
): RecordLogReader {
  const type = BLOCK_MANIFEST_EDIT;
  return RecordLogReader.open(fs, path, FILE_CLASS_MANIFEST, fileNumber, type, pipeline);
}

/** The same, to count its records without their contents: no key is needed. */
export function openManifestBlocks(
  fs: Fs,
  path: string,
  fileNumber: number,
  pipeline: Pipeline,
): RecordLogReader {
  const type = BLOCK_MANIFEST_EDIT;
  return RecordLogReader.openBlind(fs, path, FILE_CLASS_MANIFEST, fileNumber, type, pipeline);
}

/**
 * Recovers the state, and prepares the pipeline for the files that it names.
 * @throws VarveError `CORRUPTION` naming the file and offset that are damaged or missing,
 * `UNSUPPORTED` for a later format, `KEY` for a missing or wrong key or a database in the clear
 * that may not be encrypted, or any error of the `Fs`
 */
export function recoverState(fs: Fs, directory: string, pipeline: Pipeline): RecoveredState {
  const currentPath = joinPath(directory, CURRENT_NAME);
  const found = readCurrent(fs, directory);
  if (found === undefined) {
    const problem = fs.exists(currentPath)
      ? 'both slots of CURRENT are damaged'
      : 'CURRENT is missing';
    throw corruption(problem, currentPath, 0);
  }
  const { slot: current, isDamaged } = found;
  if (isDamaged) pipeline.noteRepair(currentPath);
  pipeline.databaseId = current.databaseId;
  if (current.suiteId !== SUITE_NONE) {
    authenticateCurrent(found, pipeline, currentPath);
    pipeline.sealedFrom = current.manifestNumber;
  } else if (pipeline.keys !== undefined && !pipeline.keys.mayEncryptExisting) {
    const text = `the database is not encrypted; encryptExisting permits that (${currentPath})`;
    throw new VarveError('KEY', text, { file: currentPath });
  }
  const path = joinPath(directory, manifestName(current.manifestNumber));
  if (!fs.exists(path)) throw corruption('the manifest that CURRENT names is missing', path, 0);
  const reader = openManifestLog(fs, path, current.manifestNumber, pipeline);
  try {
    if (reader.isHeaderDamaged) pipeline.noteRepair(path);
    expectNamed(reader, current);
    expectSameSeal(reader, current, currentPath);
    const recovered = readEdits(reader, current);
    const { sealedFrom, keyChecks } = recovered.state;
    pipeline.sealedFrom = sealedFrom;
    pipeline.keyChecks = keyChecks;
    expectKeys(recovered.state, pipeline, path);
    return recovered;
  } finally {
    reader.close();
  }
}

/**
 * Reads a manifest that CURRENT does not name, as far as it is sound.
 * @returns undefined when nothing of it can be read
 */
export function readUnnamed(
  fs: Fs,
  directory: string,
  fileNumber: number,
  pipeline: Pipeline,
): ManifestState | undefined {
  let state: ManifestState | undefined;
  try {
    const path = joinPath(directory, manifestName(fileNumber));
    const reader = openManifestLog(fs, path, fileNumber, pipeline);
    try {
      if (reader.headerState !== 'sound') return undefined;
      while (reader.next() === 'record') {
        const { buf, contentOff, contentLen, position } = reader;
        const edit = decodeVersionEdit(buf, contentOff, contentLen, path, position);
        state = applyToState(state ?? emptyState(), edit, path, position);
      }
    } finally {
      reader.close();
    }
  } catch (error) {
    if (!isVarveError(error)) throw error;
  }
  return state;
}

/** Another database, or a copy of this one that went on, has another manifest of that number. */
function expectNamed({ header, path }: RecordLogReader, { manifestSalt }: CurrentSlot): void {
  if (header === undefined || manifestSalt === undefined) return;
  if (compareKeys(header.salt, manifestSalt) === 0) return;
  throw corruption('manifest is another one than CURRENT says', path, 0);
}

/**
 * CURRENT is sealed as its manifest is: one in the clear was put there by somebody else, even where
 * databases in the clear are let in.
 */
function expectSameSeal({ header }: RecordLogReader, current: CurrentSlot, path: string): void {
  if (header === undefined) return;
  const { suiteId, epoch } = header.protection;
  if (suiteId === current.suiteId && epoch === current.epoch) return;
  throw corruption('CURRENT and its manifest are not sealed alike', path, 0);
}

/** The keys of all tables and of new files: it is now that a missing or wrong one has to show. */
function expectKeys(state: ManifestState, pipeline: Pipeline, path: string): void {
  if (pipeline.keys !== undefined) pipeline.expectEpoch(pipeline.keys.epoch, path);
  for (const { levels } of state.version.families.values()) {
    for (const { protection } of levels.flat()) {
      if (protection.suiteId !== SUITE_NONE) pipeline.expectEpoch(protection.epoch, path);
    }
  }
}

function readEdits(reader: RecordLogReader, current: CurrentSlot): RecoveredState {
  const { path, sizeBytes, headerState } = reader;
  if (headerState !== 'sound') throw corruption(`file header is ${headerState}`, path, 0);
  let state = emptyState();
  for (let step = reader.next(); step !== 'end'; step = reader.next()) {
    const { position, flaw } = reader;
    if (step === 'flaw') {
      if (isDamage(reader, position, current)) throw corruption(flaw, path, position);
      return { state, current, tornAt: position };
    }
    const { buf, contentOff, contentLen } = reader;
    const edit = decodeVersionEdit(buf, contentOff, contentLen, path, position);
    state = applyToState(state, edit, path, position);
  }
  // What the file has lost of its last parity section is not missed.
  if (reader.position < current.manifestBytes) {
    throw corruption('manifest is cut short', path, sizeBytes);
  }
  if (current.isClean && sizeBytes > current.manifestBytes) {
    throw corruption('manifest goes on behind its end', path, current.manifestBytes);
  }
  return { state, current, tornAt: undefined };
}

function isDamage(reader: RecordLogReader, position: number, current: CurrentSlot): boolean {
  if (current.isClean || position < current.manifestBytes) return true;
  if (reader.isForged) return true;
  return !reader.looksTorn(position) || reader.seekSound(position + 1) !== 'none';
}
