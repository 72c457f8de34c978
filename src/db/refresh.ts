/**
 * A reader follows the writer beside it: to the newest state, without being opened again.
 *
 * As long as the manifest stays as it was, all that is new stands behind the end of the logs, and
 * goes into the memtables that the reader has. Otherwise the state is recovered anew, with tables
 * that are open already, and the reader goes over to it at once; what iterators, cursors and
 * snapshots see is pinned.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import { isVarveError, VarveError } from '../errors.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import { readTail } from '../wal/log-tail.ts';
import type { LogEnd } from '../wal/wal-replay.ts';
import { tablesOf } from './capture.ts';
import type { DbCore } from './core.ts';
import { balanceMemory } from './memory-budget.ts';
import { recoverAnew, stampOf } from './open-reader.ts';
import { OperationReplay } from './replay.ts';

/** See `Db.refresh`. */
export async function refreshReader(core: DbCore): Promise<number> {
  core.assertOpen();
  if (core.manifest !== undefined) return core.lastSeqno;
  if (await readOn(core)) return core.lastSeqno;
  const { pipeline } = core.location;
  const { databaseId, sealedFrom, keyChecks } = pipeline;
  try {
    const newer = await recoverAnew(core, {
      checkManifest: (found) => expectSame(core, databaseId, found),
      checkState: ({ lastSeqno }) => {
        core.assertOpen();
        if (lastSeqno < core.lastSeqno) throw other(core, 'one that lacks writes of this one');
      },
    });
    if (core.isClosed) core.tables.closeAll();
    core.assertOpen();
    adopt(core, newer);
  } catch (error) {
    // What is open belongs to the state that it was opened in.
    if (!core.isClosed) Object.assign(pipeline, { databaseId, sealedFrom, keyChecks });
    throw error;
  }
  balanceMemory(core);
  return core.lastSeqno;
}

/** Goes over to a state that was recovered anew, and tells the watches. */
function adopt(core: DbCore, newer: DbCore): void {
  const { lastSeqno, watchers } = core;
  const ids = [...core.families.keys()];
  core.adopt(newer);
  if (core.lastSeqno > lastSeqno) watchers.noteGap();
  for (const id of ids) if (!core.families.has(id)) watchers.noteDrop(id, core.lastSeqno);
}

/** Reads what follows in the logs; false where that does not lead to the newest state. */
async function readOn(core: DbCore): Promise<boolean> {
  const { location, found } = core;
  if (found?.logEnd === undefined || stampOf(location) !== found.manifest) return false;
  const operations = new OperationReplay(core);
  const tail = readTail(location, found.logEnd, (logNumber, firstSeqno, count, buf, off, len) => {
    operations.apply(logNumber, firstSeqno, count, buf, off, len);
    core.lastSeqno = firstSeqno + count - 1;
    core.watchers.note(buf, off, off + len, count, core.lastSeqno);
  });
  const goTo = (logEnd: LogEnd) => {
    core.found = { manifest: found.manifest, logEnd };
  };
  try {
    for (let step = tail.next(); ; step = tail.next()) {
      if (step.value === undefined) return false;
      goTo(step.value);
      if (step.done === true) return true;
      await location.hostLoop.turn();
      core.assertOpen();
    }
  } catch (error) {
    // It may be of a family that has been made since, or in a file that is gone: look at all of it.
    if (!isVarveError(error) || error.code === 'CLOSED') throw error;
    return false;
  }
}

/** Files are known by their numbers, so those of another database must not come among them. */
function expectSame(core: DbCore, databaseId: Uint8Array, found: Manifest): void {
  if (compareKeys(databaseId, found.databaseId) !== 0) throw other(core, 'another one');
  const known = new Map(tablesOf(core).map((meta) => [meta.fileNumber, meta]));
  for (const meta of tablesOf(found)) {
    const before = known.get(meta.fileNumber);
    if (before !== undefined && !isSameTable(before, meta)) {
      throw other(core, 'a copy that went on by itself');
    }
  }
}

function isSameTable(a: TableMeta, b: TableMeta): boolean {
  return (
    a.checksumLow === b.checksumLow &&
    a.checksumHigh === b.checksumHigh &&
    a.sizeBytes === b.sizeBytes
  );
}

function other({ location }: DbCore, what: string): VarveError {
  const { directory } = location;
  const text = `the database at ${directory} is ${what} now: open it again`;
  return new VarveError('STALE', text, { file: directory });
}
