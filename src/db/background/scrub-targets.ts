/**
 * The files of which a database consists now, in the order in which a scrub looks at them.
 * @module
 */
import type { ExpectedFile } from '../../integrity/finding.ts';
import {
  RANK_CURRENT,
  RANK_LOG,
  RANK_MANIFEST,
  RANK_TABLE,
  type ScrubPlace,
} from '../../integrity/scrub-state.ts';
import { CURRENT_NAME, manifestName, tableName, walName } from '../../manifest/file-names.ts';
import type { TableMeta } from '../../sstable/table-meta.ts';
import type { DbCore } from '../core.ts';

/** CURRENT has this size. */
const CURRENT_BYTES = 2048;

/** A file to look at. */
export interface ScrubTarget {
  /** A `RANK_*`. */
  readonly rank: number;
  /** 0 for CURRENT. */
  readonly fileNumber: number;
  readonly fileName: string;
  readonly expected: ExpectedFile;
  /** About; 0 where nobody knows. */
  readonly sizeBytes: number;
  /** Of a table. */
  readonly meta: TableMeta | undefined;
  /** Of a table. */
  readonly familyId: number | undefined;
}

/** All files, by rank and number. */
export function scrubTargets(core: DbCore): ScrubTarget[] {
  const targets = [currentTarget(), manifestTarget(core), ...logTargets(core)];
  for (const { id, levels } of core.version.families.values()) {
    for (const meta of levels.flat()) targets.push(tableTarget(meta, id));
  }
  return targets.sort((a, b) => a.rank - b.rank || a.fileNumber - b.fileNumber);
}

/** True while the database still consists of this file, among others. */
export function isLive(core: DbCore, { rank, fileNumber }: ScrubTarget): boolean {
  if (rank === RANK_CURRENT) return true;
  if (rank === RANK_MANIFEST) return core.manifest!.manifestNumber === fileNumber;
  if (rank === RANK_TABLE) return core.version.tableNumbers().has(fileNumber);
  return logTargets(core).some((log) => log.fileNumber === fileNumber);
}

/** What of the files a cycle has still to look at, in order. */
export function targetsFrom(core: DbCore, place: ScrubPlace, endFileNumber: number): ScrubTarget[] {
  return scrubTargets(core).filter(({ rank, fileNumber }) => {
    // Who looked at what comes meanwhile would run after a busy writer for ever.
    const isTooNew = fileNumber >= endFileNumber && rank !== RANK_MANIFEST;
    const isAhead = rank > place.rank || (rank === place.rank && fileNumber >= place.fileNumber);
    return isAhead && !isTooNew;
  });
}

/** Bytes of these files behind a place. */
export function bytesFrom(targets: readonly ScrubTarget[], place: ScrubPlace): number {
  let sum = 0;
  for (const { rank, fileNumber, sizeBytes } of targets) {
    const isAt = rank === place.rank && fileNumber === place.fileNumber;
    sum += Math.max(0, sizeBytes - (isAt ? place.offset : 0));
  }
  return sum;
}

function currentTarget(): ScrubTarget {
  return {
    ...{ rank: RANK_CURRENT, fileNumber: 0, fileName: CURRENT_NAME, sizeBytes: CURRENT_BYTES },
    expected: { fileClass: 'current', fileNumber: 0 },
    meta: undefined,
    familyId: undefined,
  };
}

/** One of an earlier process is whole, for that closed it cleanly. */
export function manifestTarget({ manifest }: DbCore): ScrubTarget {
  const { manifestNumber: fileNumber, sizeBytes } = manifest!;
  const end = sizeBytes === 0 ? {} : { endBytes: sizeBytes, durableBytes: sizeBytes };
  return {
    ...{ rank: RANK_MANIFEST, fileNumber, fileName: manifestName(fileNumber), sizeBytes },
    expected: { fileClass: 'manifest', fileNumber, ...end },
    meta: undefined,
    familyId: undefined,
  };
}

/** What was written of logs: that they go on is no damage. */
export function logTargets({ wal, manifest }: DbCore): ScrubTarget[] {
  return (wal?.files() ?? []).map(({ logNumber: fileNumber, sizeBytes, identity }) => {
    const { salt, protection } = identity ?? manifest!.logIdentities.get(fileNumber) ?? {};
    const end = { endBytes: sizeBytes, durableBytes: sizeBytes };
    return {
      ...{ rank: RANK_LOG, fileNumber, fileName: walName(fileNumber), sizeBytes },
      expected: { fileClass: 'wal', fileNumber, salt, protection, ...end },
      meta: undefined,
      familyId: undefined,
    };
  });
}

function tableTarget(meta: TableMeta, familyId: number): ScrubTarget {
  const { fileNumber, sizeBytes, salt, protection } = meta;
  return {
    ...{ rank: RANK_TABLE, fileNumber, fileName: tableName(fileNumber), sizeBytes },
    expected: {
      ...{ fileClass: 'table', fileNumber, salt, protection },
      ...{ endBytes: sizeBytes, durableBytes: sizeBytes, isClosed: true },
    },
    meta,
    familyId,
  };
}
