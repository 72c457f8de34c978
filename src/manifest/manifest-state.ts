/**
 * What the edits of a manifest add up to.
 * @module
 */
import { corruption } from '../errors.ts';
import { Version } from './version.ts';
import { type AddedTable, emptyEdit, type VersionEdit, type WalEnd } from './version-edit.ts';

/** Immutable. */
export interface ManifestState {
  readonly version: Version;
  /** Unused, and so are all above it. */
  readonly nextFileNumber: number;
  readonly lastSeqno: number;
  /** Log number to size, for logs that a clean close has ended and some family still needs. */
  readonly walEnds: ReadonlyMap<number, number>;
}

/** Tables that one edit of a snapshot holds at most, so that no record grows with the database. */
const SNAPSHOT_TABLES_MAX = 256;

/** The state before any edit. */
export function emptyState(): ManifestState {
  return { version: Version.empty(), nextFileNumber: 1, lastSeqno: 0, walEnds: new Map() };
}

/**
 * The state after an edit.
 * @param file and `offset`: where the edit stands, for the error
 * @throws VarveError `CORRUPTION` when the edit does not fit
 */
export function applyToState(
  state: ManifestState,
  edit: VersionEdit,
  file: string,
  offset: number,
): ManifestState {
  const version = state.version.apply(edit, file, offset);
  const { nextFileNumber = state.nextFileNumber, lastSeqno = state.lastSeqno } = edit;
  if (nextFileNumber < state.nextFileNumber) {
    throw corruption('version edit does not fit: next file number falls', file, offset);
  }
  if (lastSeqno < state.lastSeqno) {
    throw corruption('version edit does not fit: last seqno falls', file, offset);
  }
  for (const { meta } of edit.addedTables) {
    if (meta.fileNumber >= nextFileNumber) {
      const problem = `table ${meta.fileNumber} has an unused number`;
      throw corruption(`version edit does not fit: ${problem}`, file, offset);
    }
  }
  for (const { logNumber } of edit.logNumbers) {
    if (logNumber >= nextFileNumber) {
      const problem = `log ${logNumber} has an unused number`;
      throw corruption(`version edit does not fit: ${problem}`, file, offset);
    }
  }
  const ends = new Map(state.walEnds);
  for (const { logNumber, sizeBytes } of edit.walEnds ?? []) {
    if (ends.has(logNumber) && ends.get(logNumber) !== sizeBytes) {
      throw corruption(`version edit does not fit: log ${logNumber} ends twice`, file, offset);
    }
    ends.set(logNumber, sizeBytes);
  }
  const firstLogNumber = version.firstLogNumber();
  for (const logNumber of ends.keys()) if (logNumber < firstLogNumber) ends.delete(logNumber);
  return { version, nextFileNumber, lastSeqno, walEnds: ends };
}

/** Edits that lead from the empty state to `state`, each of bounded size. */
export function snapshotEdits(state: ManifestState): VersionEdit[] {
  const { version, nextFileNumber, lastSeqno } = state;
  const walEnds: WalEnd[] = [];
  for (const [logNumber, sizeBytes] of state.walEnds) walEnds.push({ logNumber, sizeBytes });
  const { nextFamilyId } = version;
  const head = { ...emptyEdit(), nextFileNumber, lastSeqno, nextFamilyId, walEnds };
  const tables: AddedTable[] = [];
  for (const { id: familyId, name, logNumber, levels } of version.families.values()) {
    head.createdFamilies.push({ id: familyId, name });
    if (logNumber > 0) head.logNumbers.push({ familyId, logNumber });
    for (let level = 0; level < levels.length; level++) {
      for (const meta of levels[level]!) tables.push({ familyId, level, meta });
    }
  }
  const edits: VersionEdit[] = [head];
  for (let from = 0; from < tables.length; from += SNAPSHOT_TABLES_MAX) {
    const addedTables = tables.slice(from, from + SNAPSHOT_TABLES_MAX);
    edits.push({ ...emptyEdit(), addedTables });
  }
  return edits;
}
