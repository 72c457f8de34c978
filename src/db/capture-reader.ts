/**
 * The capture of a database that is open read-only, beside a writer that goes on: the newest state
 * that is there, whatever the reader itself shows.
 * @module
 */
import { Pipeline } from '../block/pipeline.ts';
import { BlockCache } from '../cache/block-cache.ts';
import type { Capture } from '../copy/capture.ts';
import { captureLogs, endNewestLog, recoverCaptured } from '../copy/capture-directory.ts';
import { VarveError } from '../errors.ts';
import { TableCache } from '../tables/table-cache.ts';
import { besideWriter } from './beside-writer.ts';
import { addTable, assertShared, tablesOf } from './capture.ts';
import type { DbCore } from './core.ts';

/**
 * Captures the directory of a reader. Tables are kept open as far as there is room for their files;
 * one that is not, and that the writer has removed when its turn comes, is `STALE`.
 * @throws VarveError `CLOSED`, `BUSY`, `CORRUPTION`; any error of the `Fs`
 */
export function captureReader(core: DbCore): Promise<Capture> {
  core.assertOpen();
  assertShared(core);
  return besideWriter(core.location, async () => {
    const value = await captureOnce(core);
    return { value, failure: undefined, discard: value.release };
  });
}

async function captureOnce(core: DbCore): Promise<Capture> {
  const { fs, directory, hostLoop } = core.location;
  const { builder, ...found } = captureLogs(fs, directory);
  // Its own: the reader is open as of another moment.
  const pipeline = pipelineLike(core);
  const tables = new TableCache(fs, directory, new BlockCache(0), pipeline, 1);
  tables.onMissing = (slot) => {
    const file = tables.pathOf(slot);
    return new VarveError('STALE', `the writer has removed ${file}: do it again`, { file });
  };
  const release = () => {
    builder.release();
    tables.closeAll();
  };
  try {
    const { walRecovery } = core.settings;
    const place = { fs, directory, pipeline };
    endNewestLog({ builder, ...found }, place);
    const { manifest, findSeqno } = recoverCaptured({ builder, ...found }, place, walRecovery);
    for (const meta of tablesOf(manifest)) {
      tables.keep(tables.slot(meta));
      // Its writer may remove it.
      addTable(builder, core, tables, meta, false);
    }
    const seqno = await findSeqno(() => hostLoop.turn());
    core.assertOpen();
    return builder.build({ databaseId: found.databaseId, seqno }, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** With the same keys, which stay the reader's. */
function pipelineLike({ location }: DbCore): Pipeline {
  const { random, compression, pipeline } = location;
  const { keys, onCorrection } = pipeline;
  return new Pipeline({
    ...{ random, compression, keys, onCorrection },
    logEcc: undefined,
    logCompression: 'none',
  });
}
