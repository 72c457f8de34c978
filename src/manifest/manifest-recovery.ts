/**
 * Reads a database's state from CURRENT and the manifest that it names; writes nothing.
 *
 * Every edit is synced before the next one is written, so at most the last record of a manifest may
 * be torn. A bad record is the torn end only if nothing of it was known to be durable, nothing
 * sound follows, and it looks like an interrupted write; anything else is damage.
 * @module
 */
import { BLOCK_MANIFEST_EDIT } from '../block/block-codec.ts';
import { FILE_CLASS_MANIFEST } from '../block/file-header.ts';
import { RecordLogReader } from '../block/record-log-reader.ts';
import { corruption } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { type CurrentSlot, readCurrent } from './current.ts';
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
export function openManifestLog(fs: Fs, path: string, fileNumber: number): RecordLogReader {
  return RecordLogReader.open(fs, path, FILE_CLASS_MANIFEST, fileNumber, BLOCK_MANIFEST_EDIT);
}

/**
 * Recovers the state.
 * @throws VarveError `CORRUPTION` naming the file and offset that are damaged or missing,
 * `UNSUPPORTED` for a later format, or any error of the `Fs`
 */
export function recoverState(fs: Fs, directory: string): RecoveredState {
  const current = readCurrent(fs, directory);
  if (current === undefined) {
    const path = joinPath(directory, CURRENT_NAME);
    const problem = fs.exists(path) ? 'both slots of CURRENT are damaged' : 'CURRENT is missing';
    throw corruption(problem, path, 0);
  }
  const path = joinPath(directory, manifestName(current.manifestNumber));
  if (!fs.exists(path)) throw corruption('the manifest that CURRENT names is missing', path, 0);
  const reader = openManifestLog(fs, path, current.manifestNumber);
  try {
    return readEdits(reader, current);
  } finally {
    reader.close();
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
  if (sizeBytes < current.manifestBytes) throw corruption('manifest is cut short', path, sizeBytes);
  if (current.isClean && sizeBytes > current.manifestBytes) {
    throw corruption('manifest goes on behind its end', path, current.manifestBytes);
  }
  return { state, current, tornAt: undefined };
}

function isDamage(reader: RecordLogReader, position: number, current: CurrentSlot): boolean {
  if (current.isClean || position < current.manifestBytes) return true;
  return !reader.looksTorn(position) || reader.seekSound(position + 1) !== 'none';
}
