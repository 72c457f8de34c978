/**
 * What can still be read of a manifest that may be damaged anywhere: its sound edits, in order,
 * whatever stands between them.
 * @module
 */
import type { Pipeline } from '../block/pipeline.ts';
import type { RecordLogReader } from '../block/record-log-reader.ts';
import { isVarveError } from '../errors.ts';
import { type Fs, joinPath } from '../fs/port.ts';
import { manifestName } from './file-names.ts';
import { openManifestLog } from './manifest-recovery.ts';
import type { VersionEdit } from './version-edit.ts';
import { decodeVersionEdit } from './version-edit-codec.ts';

/** See the module head. */
export interface SalvagedManifest {
  readonly fileNumber: number;
  readonly path: string;
  readonly edits: readonly VersionEdit[];
  /** Why there may be more; undefined if the file ends with a sound edit. */
  readonly flaw: string | undefined;
}

/**
 * Reads a manifest; writes nothing.
 * @throws VarveError `KEY`, `UNSUPPORTED` for what a later version wrote, or of the `Fs`
 */
export function salvageManifest(
  fs: Fs,
  directory: string,
  fileNumber: number,
  pipeline: Pipeline,
): SalvagedManifest {
  const path = joinPath(directory, manifestName(fileNumber));
  const reader = openManifestLog(fs, path, fileNumber, pipeline);
  try {
    if (reader.headerState !== 'sound') {
      return { fileNumber, path, edits: [], flaw: `file header is ${reader.headerState}` };
    }
    return { fileNumber, path, ...soundEdits(reader) };
  } finally {
    reader.close();
  }
}

function soundEdits(reader: RecordLogReader): Pick<SalvagedManifest, 'edits' | 'flaw'> {
  const edits: VersionEdit[] = [];
  let flaw: string | undefined;
  for (let step = reader.next(); step !== 'end'; step = reader.next()) {
    if (step === 'flaw') {
      flaw ??= `${reader.flaw} at ${reader.position}`;
      if (reader.seekSound(reader.position + 1) !== 'record') break;
    }
    const { buf, contentOff, contentLen, path, position } = reader;
    try {
      edits.push(decodeVersionEdit(buf, contentOff, contentLen, path, position));
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      flaw ??= error.message;
    }
  }
  return { edits, flaw };
}
