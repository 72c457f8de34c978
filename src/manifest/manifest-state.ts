/**
 * What the edits of a manifest add up to.
 * @module
 */
import { isSameProtection } from '../block/file-protection.ts';
import { compareKeys } from '../bytes/compare.ts';
import { corruption } from '../errors.ts';
import { Version } from './version.ts';
import {
  type AddedTable,
  emptyEdit,
  type LogIdentity,
  type RecordedLoss,
  type VersionEdit,
  type WalEnd,
} from './version-edit.ts';

/** Immutable. */
export interface ManifestState {
  readonly version: Version;
  /** Unused, and so are all above it. */
  readonly nextFileNumber: number;
  readonly lastSeqno: number;
  /** Log number to size, for logs that a clean close has ended and some family still needs. */
  readonly walEnds: ReadonlyMap<number, number>;
  /** By number: of every log that is some family's, unless an older version named it. */
  readonly logIdentities: ReadonlyMap<number, LogIdentity>;
  /** Manifests and logs with this number or a higher one are encrypted; infinite if none is. */
  readonly sealedFrom: number;
  /** Epoch to key check, for every epoch that was ever current. */
  readonly keyChecks: ReadonlyMap<number, Uint8Array>;
  /** File number to what is lost of a table of the version. */
  readonly losses: ReadonlyMap<number, readonly RecordedLoss[]>;
}

/** Tables that one edit of a snapshot holds at most, so that no record grows with the database. */
const SNAPSHOT_TABLES_MAX = 256;

/** The state before any edit. */
export function emptyState(): ManifestState {
  return {
    version: Version.empty(),
    nextFileNumber: 1,
    lastSeqno: 0,
    walEnds: new Map(),
    logIdentities: new Map(),
    sealedFrom: Number.POSITIVE_INFINITY,
    keyChecks: new Map(),
    losses: new Map(),
  };
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
  const logIdentities = applyLogIdentities(state, edit, version, file, offset);
  const seals = applySeals(state, edit, file, offset);
  const losses = applyLosses(state.losses, edit, version);
  return { version, nextFileNumber, lastSeqno, walEnds: ends, logIdentities, losses, ...seals };
}

/** Those of tables of the new version. */
function applyLosses(
  before: ManifestState['losses'],
  edit: VersionEdit,
  version: Version,
): ManifestState['losses'] {
  if (before.size === 0 && edit.losses === undefined) return before;
  const numbers = version.tableNumbers();
  const losses = new Map(before);
  for (const { fileNumber, places } of edit.losses ?? []) losses.set(fileNumber, places);
  for (const [fileNumber, places] of losses) {
    if (places.length === 0 || !numbers.has(fileNumber)) losses.delete(fileNumber);
  }
  return losses;
}

/** Those of logs that some family may need in the new version. */
function applyLogIdentities(
  state: ManifestState,
  edit: VersionEdit,
  version: Version,
  file: string,
  offset: number,
): ReadonlyMap<number, LogIdentity> {
  const identities = new Map(state.logIdentities);
  for (const identity of edit.logIdentities ?? []) {
    const known = identities.get(identity.fileNumber);
    if (known !== undefined && !isSameLog(known, identity)) {
      const problem = `log ${identity.fileNumber} has two identities`;
      throw corruption(`version edit does not fit: ${problem}`, file, offset);
    }
    identities.set(identity.fileNumber, identity);
  }
  const first = version.firstLogNumber();
  for (const number of identities.keys()) if (number < first) identities.delete(number);
  return identities;
}

/** True if both are of one and the same log. */
export function isSameLog(a: LogIdentity, b: LogIdentity): boolean {
  if (a.fileNumber !== b.fileNumber || compareKeys(a.salt, b.salt) !== 0) return false;
  return isSameProtection(a.protection, b.protection);
}

/** What was set once stays: neither a sealed log nor a key can be talked away. */
function applySeals(
  state: ManifestState,
  edit: VersionEdit,
  file: string,
  offset: number,
): Pick<ManifestState, 'sealedFrom' | 'keyChecks'> {
  const { sealedFrom = state.sealedFrom } = edit;
  if (Number.isFinite(state.sealedFrom) && sealedFrom !== state.sealedFrom) {
    throw corruption('version edit does not fit: encryption begins twice', file, offset);
  }
  const keyChecks = new Map(state.keyChecks);
  for (const { epoch, check } of edit.keyChecks ?? []) {
    const known = keyChecks.get(epoch);
    if (known !== undefined && compareKeys(known, check) !== 0) {
      throw corruption(`version edit does not fit: epoch ${epoch} has two keys`, file, offset);
    }
    keyChecks.set(epoch, check);
  }
  return { sealedFrom, keyChecks };
}

/**
 * True if a state is of a later edit than the other one, whose every edit says the next numbers: a
 * snapshot of the other one, whole or cut off, is not.
 */
export function isAhead(state: ManifestState, other: ManifestState): boolean {
  if (state.lastSeqno > other.lastSeqno) return true;
  if (state.version.nextFamilyId > other.version.nextFamilyId) return true;
  for (const number of state.version.tableNumbers()) {
    if (number >= other.nextFileNumber) return true;
  }
  return false;
}

/** Edits that lead from the empty state to `state`, each of bounded size. */
export function snapshotEdits(state: ManifestState): VersionEdit[] {
  const { version, nextFileNumber, lastSeqno } = state;
  const walEnds: WalEnd[] = [];
  for (const [logNumber, sizeBytes] of state.walEnds) walEnds.push({ logNumber, sizeBytes });
  const { nextFamilyId } = version;
  const keyChecks = [...state.keyChecks].map(([epoch, check]) => ({ epoch, check }));
  const head = {
    ...emptyEdit(),
    nextFileNumber,
    lastSeqno,
    nextFamilyId,
    walEnds,
    keyChecks,
    logIdentities: [...state.logIdentities.values()],
    ...(Number.isFinite(state.sealedFrom) ? { sealedFrom: state.sealedFrom } : {}),
  };
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
  for (const [fileNumber, places] of state.losses) {
    edits.push({ ...emptyEdit(), losses: [{ fileNumber, places }] });
  }
  return edits;
}
