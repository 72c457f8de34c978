/**
 * What is left of a database: CURRENT, the sound edits of its manifests, and what each table says
 * of itself. Nothing is written.
 * @module
 */
import {
  decodeFileHeader,
  FILE_CLASS_MANIFEST,
  FILE_CLASS_TABLE,
  FILE_HEADER_BYTES_MAX,
  type FileHeader,
} from '../block/file-header.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { compareKeys } from '../bytes/compare.ts';
import { DATABASE_ID_BYTES } from '../crypto/derive.ts';
import { SUITE_NONE } from '../crypto/port.ts';
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { closeFile, type Fs, joinPath, type ReadableFile, readAt, sizeOf } from '../fs/port.ts';
import { authenticateCurrent, readCurrent } from '../manifest/current.ts';
import { FOREIGN_GAP } from '../manifest/directory.ts';
import {
  CURRENT_NAME,
  manifestName,
  parseFileName,
  parseLostName,
  tableName,
  walName,
} from '../manifest/file-names.ts';
import { readUnnamed, recoverState } from '../manifest/manifest-recovery.ts';
import { salvageManifest } from '../manifest/manifest-salvage.ts';
import { isAhead } from '../manifest/manifest-state.ts';
import { isTableOf, type OwnFacts, readOwnFacts } from '../sstable/table.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { KnownState } from './known-state.ts';

const FORGED = /not authentic/;

/** A table that can be opened. */
export interface FoundTable extends OwnFacts {
  readonly fileNumber: number;
  readonly sizeBytes: number;
}

/** Numbers of the files in the directory, ascending. */
export interface FoundFiles {
  readonly tables: readonly number[];
  readonly logs: readonly number[];
  readonly manifests: readonly number[];
  /** Tables that were put aside before. */
  readonly lostTables: readonly number[];
  /** Above all of them, lost ones too. */
  readonly nextFileNumber: number;
}

/** See the module head. */
export interface Survey {
  readonly files: FoundFiles;
  /** Why CURRENT does not lead to the state; undefined if it does. */
  readonly currentProblem: string | undefined;
  /** Of the newest valid slot; 0 without one. */
  readonly generation: number;
  /** Why some edits may be missing; undefined if none is. */
  readonly manifestProblem: string | undefined;
  readonly known: KnownState;
  /** A clean close says where the manifest ends. */
  readonly isEndCertain: boolean;
  readonly tables: ReadonlyMap<number, FoundTable>;
  /** By file number: why a table cannot be opened. */
  readonly unreadable: ReadonlyMap<number, VarveError>;
}

/**
 * Looks at a database directory; the pipeline learns what it has to know.
 * @param databaseId of an encrypted database that has lost it; else undefined
 * @throws VarveError `KEY` when keys are missing, wrong or not allowed, `CORRUPTION` when an
 * encrypted database has lost its id, `UNSUPPORTED` for a later format, or of the `Fs`
 */
export function surveyDatabase(
  fs: Fs,
  directory: string,
  pipeline: Pipeline,
  databaseId: Uint8Array | undefined,
): Survey {
  const files = listFiles(fs, directory);
  const found = lookAtCurrent(fs, directory, pipeline);
  if (found.generation === 0) {
    pipeline.databaseId = findDatabaseId(fs, directory, files, pipeline, databaseId);
  }
  const manifests = lookAtManifests(fs, directory, files, pipeline);
  const { known } = manifests;
  pipeline.keyChecks = known.keyChecks;
  pipeline.sealedFrom = known.sealedFrom;
  // Without a manifest that says so, nothing in the clear is let in by itself.
  const isDistrustful = pipeline.keys !== undefined && !pipeline.keys.mayEncryptExisting;
  if (isDistrustful && !known.isWhole && !Number.isFinite(known.sealedFrom)) {
    pipeline.sealedFrom = 1;
  }
  const looked = lookAtTables(fs, directory, files, pipeline, known);
  expectSomeKeyFits(looked, manifests.forged);
  const { manifestProblem, isEndCertain } = manifests;
  return { files, ...found, known, manifestProblem, isEndCertain, ...looked };
}

/**
 * Whether a manifest that seems to be whole has lost its end, as a cut of the file between two
 * edits leaves it: then a file that it names is gone, or there is a table with later writes.
 * @param lastSeqno of the logs
 * @returns what is wrong with the manifest, or undefined; `known` then says that it is not whole
 */
export function findLostEnd(survey: Survey, lastSeqno: number): string | undefined {
  const { known, isEndCertain, manifestProblem } = survey;
  if (!known.isWhole || isEndCertain) return manifestProblem;
  const sign = signOfLostEnd(survey, lastSeqno);
  if (sign === undefined) return undefined;
  known.isWhole = false;
  return `the manifest has lost its end, or files: ${sign}`;
}

function signOfLostEnd(survey: Survey, lastSeqno: number): string | undefined {
  const { known, files, tables } = survey;
  const present = new Set(files.tables);
  const gone = [...known.tables.keys()].find((number) => !present.has(number));
  if (gone !== undefined) return `it names ${tableName(gone)}, which is gone`;
  const firstLog = Math.min(...[...known.families.values()].map(({ logNumber }) => logNumber));
  if (firstLog > 0 && !files.logs.includes(firstLog)) {
    return `it needs ${walName(firstLog)}, which is gone`;
  }
  const later = [...tables.values()].find(
    ({ fileNumber, properties: { asOfSeqno = 0 } }) =>
      !known.tables.has(fileNumber) && asOfSeqno > Math.max(known.lastSeqno, lastSeqno),
  );
  if (later === undefined) return undefined;
  return `it does not name ${tableName(later.fileNumber)}, which has later writes`;
}

function listFiles(fs: Fs, directory: string): FoundFiles {
  const tables: number[] = [];
  const logs: number[] = [];
  const manifests: number[] = [];
  const lostTables: number[] = [];
  let nextFileNumber = 1;
  const names = fs.list(directory).map((name) => {
    const parsed = parseFileName(name);
    const lost = parsed === undefined ? parseLostName(name) : undefined;
    return { parsed, lost, number: parsed?.number ?? lost?.number ?? 0 };
  });
  names.sort((a, b) => a.number - b.number);
  for (const { parsed, lost, number } of names) {
    if (number >= nextFileNumber + FOREIGN_GAP) break;
    nextFileNumber = Math.max(nextFileNumber, number + 1);
    if (parsed?.kind === 'table') tables.push(number);
    if (parsed?.kind === 'wal') logs.push(number);
    if (parsed?.kind === 'manifest') manifests.push(number);
    if (lost?.kind === 'table') lostTables.push(number);
  }
  return { tables, logs, manifests, lostTables, nextFileNumber };
}

function lookAtCurrent(
  fs: Fs,
  directory: string,
  pipeline: Pipeline,
): Pick<Survey, 'currentProblem' | 'generation'> {
  const path = joinPath(directory, CURRENT_NAME);
  const found = readCurrent(fs, directory);
  if (found === undefined) {
    const currentProblem = fs.exists(path)
      ? 'both slots of CURRENT are damaged'
      : 'CURRENT is missing';
    return { currentProblem, generation: 0 };
  }
  const { slot } = found;
  pipeline.databaseId = slot.databaseId;
  if (slot.suiteId !== SUITE_NONE) authenticateCurrent(found, pipeline, path);
  else expectMayBeClear(pipeline, path);
  const name = manifestName(slot.manifestNumber);
  const isThere = fs.exists(joinPath(directory, name));
  const currentProblem = isThere ? undefined : `${name}, which CURRENT names, is missing`;
  return { currentProblem, generation: slot.generation };
}

/** As when a database is opened. */
function expectMayBeClear({ keys }: Pipeline, file: string): void {
  if (keys === undefined || keys.mayEncryptExisting) return;
  const text = `the database is not encrypted; encryptExisting permits that (${file})`;
  throw new VarveError('KEY', text, { file });
}

/** The id that most manifests and tables have in their headers. */
function findDatabaseId(
  fs: Fs,
  directory: string,
  files: FoundFiles,
  pipeline: Pipeline,
  given: Uint8Array | undefined,
): Uint8Array {
  if (given !== undefined) return given.slice();
  const counts = new Map<string, { id: Uint8Array; count: number }>();
  let isEncrypted = false;
  const names = [
    ...files.manifests.map(
      (number) => [manifestName(number), FILE_CLASS_MANIFEST, number] as const,
    ),
    ...files.tables.map((number) => [tableName(number), FILE_CLASS_TABLE, number] as const),
  ];
  for (const [name, fileClass, fileNumber] of names) {
    const header = headerOf(fs, joinPath(directory, name), fileClass, fileNumber);
    if (header === undefined) continue;
    isEncrypted ||= header.protection.suiteId !== SUITE_NONE;
    const { databaseId: id } = header;
    if (id === undefined) continue;
    const counted = counts.get(id.join()) ?? { id, count: 0 };
    counts.set(id.join(), { id, count: counted.count + 1 });
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  if (most !== undefined) return most.id;
  if (isEncrypted || pipeline.keys !== undefined) throw lostId(directory);
  const fresh = new Uint8Array(DATABASE_ID_BYTES);
  pipeline.random.fill(fresh);
  return fresh;
}

function lostId(directory: string): VarveError {
  const text =
    'the id of the database is lost, without which no key opens it: give it as databaseId, ' +
    `from the CURRENT of a backup (${directory})`;
  return new VarveError('CORRUPTION', text, { file: joinPath(directory, CURRENT_NAME), offset: 0 });
}

function headerOf(
  fs: Fs,
  path: string,
  fileClass: number,
  fileNumber: number,
): FileHeader | undefined {
  const file = fs.open(path, 'read');
  try {
    const bytes = new Uint8Array(FILE_HEADER_BYTES_MAX);
    const length = readAt(file, bytes, 0, bytes.length, 0);
    return decodeFileHeader(bytes, length, path, { fileClass, fileNumber });
  } finally {
    closeFile(file);
  }
}

/** What manifests gave, and whether the end of what CURRENT names is known. */
interface ManifestLook extends Pick<Survey, 'known' | 'manifestProblem' | 'isEndCertain'> {
  /** Paths of manifests of which nothing is authentic. */
  readonly forged: readonly string[];
}

/**
 * Takes the state as it would be opened, if that can be; else every sound edit of every manifest,
 * in their order. Of two manifests the later one begins with the state of the one before.
 */
function lookAtManifests(
  fs: Fs,
  directory: string,
  files: FoundFiles,
  pipeline: Pipeline,
): ManifestLook {
  let problem: string | undefined;
  try {
    const { state, current } = recoverState(fs, directory, pipeline);
    const later = files.manifests.filter((number) => number > current.manifestNumber);
    const ahead = later.find((number) => {
      const other = readUnnamed(fs, directory, number, pipeline);
      return other !== undefined && isAhead(other, state);
    });
    if (ahead === undefined) {
      const known = KnownState.of(state);
      known.isWhole = true;
      return { known, manifestProblem: undefined, isEndCertain: current.isClean, forged: [] };
    }
    problem = `CURRENT is older than ${manifestName(ahead)}, which has later edits`;
  } catch (error) {
    if (!isVarveError(error, 'CORRUPTION')) throw error;
    problem = error.message;
  }
  // What `recoverState` found out before it failed is not to stand in the way.
  pipeline.sealedFrom = Number.POSITIVE_INFINITY;
  const known = new KnownState();
  const forged: string[] = [];
  for (const number of files.manifests) {
    const { edits, flaw, path } = salvageManifest(fs, directory, number, pipeline);
    for (const edit of edits) known.take(edit);
    if (edits.length === 0 && FORGED.test(flaw ?? '')) forged.push(path);
  }
  return { known, manifestProblem: problem, isEndCertain: false, forged };
}

function lookAtTables(
  fs: Fs,
  directory: string,
  files: FoundFiles,
  pipeline: Pipeline,
  known: KnownState,
): Pick<Survey, 'tables' | 'unreadable'> {
  const tables = new Map<number, FoundTable>();
  const unreadable = new Map<number, VarveError>();
  for (const fileNumber of files.tables) {
    const file = fs.open(joinPath(directory, tableName(fileNumber)), 'read');
    try {
      const meta = known.tables.get(fileNumber)?.meta;
      tables.set(fileNumber, lookAtTable(file, fileNumber, meta, pipeline));
    } catch (error) {
      if (!isVarveError(error, 'CORRUPTION')) throw error;
      unreadable.set(fileNumber, error);
    } finally {
      closeFile(file);
    }
  }
  return { tables, unreadable };
}

/** @param meta what a manifest says of it, if one does */
function lookAtTable(
  file: ReadableFile,
  fileNumber: number,
  meta: TableMeta | undefined,
  pipeline: Pipeline,
): FoundTable {
  if (meta !== undefined && !isTableOf(file, meta, pipeline)) {
    throw corruption('table is another one than the manifest says', file.path, 0);
  }
  const sizeBytes = meta?.sizeBytes ?? sizeOf(file);
  const facts = readOwnFacts(file, fileNumber, pipeline, sizeBytes);
  const { databaseId, protection } = facts.header;
  if (databaseId !== undefined && compareKeys(databaseId, pipeline.databaseId) !== 0) {
    throw corruption('table is of another database', file.path, 0);
  }
  const isClear = protection.suiteId === SUITE_NONE;
  if (meta === undefined && isClear && pipeline.keys?.mayEncryptExisting === false) {
    const what = 'table is in the clear, and only encryptExisting lets it in';
    throw corruption(what, file.path, 0);
  }
  return { fileNumber, sizeBytes, ...facts };
}

/** Without its check nothing else tells a wrong key from damage. */
function expectSomeKeyFits(
  { tables, unreadable }: Pick<Survey, 'tables' | 'unreadable'>,
  forgedManifests: readonly string[],
): void {
  const errors = [...unreadable.values()].filter(({ message }) => FORGED.test(message));
  const forged = [...errors.map(({ file }) => file!), ...forgedManifests];
  const isOpened = [...tables.values()].some(
    ({ header }) => header.protection.suiteId !== SUITE_NONE,
  );
  if (forged.length === 0 || isOpened) return;
  const text = `no file opens with the keys: they are others, or all are forged (${forged[0]})`;
  throw new VarveError('KEY', text, { file: forged[0] });
}
