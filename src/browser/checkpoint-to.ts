/**
 * A checkpoint of a page's database in another directory of OPFS, where it is opened by its name.
 * @module
 */
import { captureBytes } from '../copy/capture.ts';
import { type CheckpointReport, writeCapture } from '../copy/checkpoint.ts';
import { type CopyOptions, CopyPace } from '../copy/pace.ts';
import { Db } from '../db/database.ts';
import { systemClock, systemHostLoop } from '../env/system.ts';
import { mountOpfs } from '../fs/opfs.ts';
import type { OpfsPlatform } from '../fs/opfs-platform.ts';

/** Of a database in its mount. */
export const DIRECTORY = 'db';

/** @throws VarveError as `Db.checkpoint`; `LOCKED` while the directory is open somewhere */
export async function checkpointTo(
  platform: OpfsPlatform | undefined,
  db: Db,
  name: string,
  options: CopyOptions,
): Promise<CheckpointReport> {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError('the name of a checkpoint must be a string that is not empty');
  }
  const capture = await Db.capture(db);
  try {
    const ports = { hostLoop: systemHostLoop, clock: systemClock, limiter: Db.limiterOf(db) };
    const pace = new CopyPace(ports, captureBytes(capture), options);
    const fs = await mountOpfs({ directory: name, ...(platform !== undefined && { platform }) });
    try {
      pace.assertGoesOn();
      return { seqno: capture.seqno!, ...(await writeCapture(fs, capture, DIRECTORY, pace)) };
    } finally {
      await fs.close();
    }
  } finally {
    capture.release();
  }
}
