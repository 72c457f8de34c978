/**
 * The files of which a database consists now, as a verification looks at them.
 * @module
 */
import { expectedFiles, expectedTable } from '../integrity/expected-files.ts';
import type { VerifyFile } from '../integrity/verify-file.ts';
import { epochOf } from '../integrity/verify-job.ts';
import { tableName } from '../manifest/file-names.ts';
import { logTargets, manifestTarget } from './background/scrub-targets.ts';
import type { DbCore } from './core.ts';

/** All tables, family by family and level by level. */
export function tablesToVerify(core: DbCore): VerifyFile[] {
  const { databaseId } = core.pipeline;
  return [...core.version.families.values()].flatMap(({ id, levels }) => {
    const columnFamily = core.families.get(id)?.handle.name;
    return levels.flat().map((table): VerifyFile => {
      const { fileNumber, sizeBytes, protection } = table;
      const name = tableName(fileNumber);
      const expected = expectedTable(table, databaseId);
      return { name, expected, sizeBytes, epoch: epochOf(protection), table, columnFamily };
    });
  });
}

/** Manifest and logs, up to what was written of them. */
export function logsToVerify(core: DbCore): VerifyFile[] {
  return core.manifest === undefined ? foundLogs(core) : [...ownManifest(core), ...ownLogs(core)];
}

/** True while the database consists of this file, among others. */
export function isLive(core: DbCore, { name, table }: VerifyFile): boolean {
  if (table !== undefined) return core.version.tableNumbers().has(table.fileNumber);
  return core.manifest === undefined || logsToVerify(core).some((log) => log.name === name);
}

function ownManifest(core: DbCore): VerifyFile[] {
  const { fileName, expected, sizeBytes } = manifestTarget(core);
  // One of an earlier process, which closed it: CURRENT says where it ends.
  if (sizeBytes === 0) return foundLogs(core).filter(({ name }) => name === fileName);
  return [{ name: fileName, expected, sizeBytes, epoch: logEpoch(core), ...NO_TABLE }];
}

function ownLogs(core: DbCore): VerifyFile[] {
  return logTargets(core).map(({ fileName, expected, sizeBytes }) => {
    const { protection } = expected;
    const epoch = protection === undefined ? logEpoch(core) : epochOf(protection);
    return { name: fileName, expected, sizeBytes, epoch, ...NO_TABLE };
  });
}

/** What CURRENT and the manifest say, where nobody writes to it, or somebody else. */
function foundLogs({ fs, location, pipeline, version }: DbCore): VerifyFile[] {
  const { files } = expectedFiles(fs, location.directory, pipeline);
  const first = version.firstLogNumber();
  return files.flatMap(({ name, expected }): VerifyFile[] => {
    const { fileClass, fileNumber, endBytes, durableBytes, protection } = expected;
    if (fileClass === 'current' || fileClass === 'table') return [];
    if (fileClass === 'wal' && fileNumber < first) return [];
    const epoch = epochOf(protection) ?? pipeline.keys?.epoch;
    return [{ name, expected, sizeBytes: endBytes ?? durableBytes ?? 0, epoch, ...NO_TABLE }];
  });
}

const NO_TABLE = { table: undefined, columnFamily: undefined } as const;

function logEpoch({ pipeline }: DbCore): number | undefined {
  return epochOf(pipeline.logProtection);
}
