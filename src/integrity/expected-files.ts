/**
 * What the files of a database must be, by what CURRENT and the manifest say: which there are, how
 * long, under which salt. Without the key of an encrypted manifest only CURRENT and names speak.
 * @module
 */
import { Pipeline } from '../block/pipeline.ts';
import { lz4Compression } from '../compress/lz4-compression.ts';
import { quietly } from '../errors.ts';
import type { Fs } from '../fs/port.ts';
import { type CurrentSlot, readCurrent } from '../manifest/current.ts';
import {
  CURRENT_NAME,
  manifestName,
  parseFileName,
  tableName,
  walName,
} from '../manifest/file-names.ts';
import { recoverState } from '../manifest/manifest-recovery.ts';
import type { ManifestState } from '../manifest/manifest-state.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { ExpectedFile } from './finding.ts';

/** A file of a database directory. */
export interface NamedFile {
  readonly name: string;
  readonly expected: ExpectedFile;
}

/** What a directory should hold. */
export interface ExpectedFiles {
  /** CURRENT first, then manifest, logs and tables by number. */
  readonly files: readonly NamedFile[];
  /** Names of files that nothing refers to: what is wrong with them concerns nobody. */
  readonly unnamed: readonly string[];
  /** The manifest could be read: a file that is missing is noticed, and what a file must be. */
  readonly isManifestRead: boolean;
}

/** What the manifest says of a table's file in the database of this id. */
export function expectedTable(meta: TableMeta, databaseId: Uint8Array): ExpectedFile {
  const { fileNumber, salt, protection, sizeBytes } = meta;
  return {
    fileClass: 'table',
    fileNumber,
    salt,
    protection,
    databaseId,
    endBytes: sizeBytes,
    isClosed: true,
  };
}

/** What CURRENT says of the manifest's file while nobody writes to it. */
export function expectedManifest(current: CurrentSlot): ExpectedFile {
  const { manifestNumber, manifestSalt, manifestBytes, isClean } = current;
  return {
    fileClass: 'manifest',
    fileNumber: manifestNumber,
    salt: manifestSalt,
    durableBytes: manifestBytes,
    ...(isClean ? { endBytes: manifestBytes, isClosed: true } : {}),
  };
}

/**
 * Finds out what a directory should hold that nobody writes to.
 * @param keyed reads an encrypted manifest as well; if absent, only one in the clear is read
 * @throws VarveError of the `Fs`
 */
export function expectedFiles(fs: Fs, directory: string, keyed?: Pipeline): ExpectedFiles {
  const names = fs.list(directory).filter((name) => parseFileName(name) !== undefined);
  const current = quietly(() => readCurrent(fs, directory)?.slot);
  const state = current === undefined ? undefined : readManifest(fs, directory, keyed);
  const files: NamedFile[] = [
    { name: CURRENT_NAME, expected: { fileClass: 'current', fileNumber: 0 } },
  ];
  if (current !== undefined) {
    const name = manifestName(current.manifestNumber);
    files.push({ name, expected: expectedManifest(current) });
  }
  if (current !== undefined && state !== undefined) {
    files.push(...namedFiles(state, current.databaseId));
  }
  const known = new Set(files.map(({ name }) => name));
  const unnamed: string[] = [];
  for (const name of names.sort()) {
    const { kind, number: fileNumber } = parseFileName(name)!;
    if (known.has(name) || kind === 'lock' || kind === 'scrub' || kind === 'current') continue;
    const isClosed = kind === 'wal' && current?.isClean === true;
    const isObsolete = kind === 'manifest' && current !== undefined;
    // A clean close names every log that is needed.
    const isNamedIfNeeded = kind === 'table' || isClosed;
    if (isObsolete || (isNamedIfNeeded && state !== undefined)) {
      unnamed.push(name);
      continue;
    }
    const expected = { fileClass: kind, fileNumber, isClosed };
    files.push({ name, expected });
  }
  return { files, unnamed, isManifestRead: state !== undefined };
}

/** Tables, and the logs that families begin with. */
function namedFiles(state: ManifestState, databaseId: Uint8Array): NamedFile[] {
  const { version, walEnds, logIdentities } = state;
  const tables = [...version.families.values()].flatMap(({ levels }) => levels.flat());
  const logs = new Set([...walEnds.keys(), ...logIdentities.keys()]);
  return [
    ...[...logs]
      .sort((a, b) => a - b)
      .map((fileNumber): NamedFile => {
        const { salt, protection } = logIdentities.get(fileNumber) ?? {};
        const endBytes = walEnds.get(fileNumber);
        const isClosed = endBytes !== undefined;
        const identity = { fileClass: 'wal', fileNumber, salt, protection } as const;
        return { name: walName(fileNumber), expected: { ...identity, endBytes, isClosed } };
      }),
    ...tables
      .sort((a, b) => a.fileNumber - b.fileNumber)
      .map((meta) => ({
        name: tableName(meta.fileNumber),
        expected: expectedTable(meta, databaseId),
      })),
  ];
}

function readManifest(fs: Fs, directory: string, keyed?: Pipeline): ManifestState | undefined {
  const pipeline = keyed?.telling(() => undefined) ?? keylessPipeline();
  return quietly(() => recoverState(fs, directory, pipeline).state);
}

function keylessPipeline(): Pipeline {
  return new Pipeline({
    // Nothing is written.
    random: { fill: () => undefined },
    compression: lz4Compression,
    keys: undefined,
    logEcc: undefined,
    logCompression: 'none',
    onCorrection: () => undefined,
  });
}
