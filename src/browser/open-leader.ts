/**
 * Opens the database of a page in a worker, and serves it.
 * @module
 */
import { portableCompression } from '../compress/portable.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import type { Db } from '../db/database.ts';
import type { DbEvent } from '../db/events.ts';
import { openDatabase } from '../db/open.ts';
import { systemClock, systemHostLoop, systemRandom } from '../env/system.ts';
import { mountOpfs, type OpfsFs } from '../fs/opfs.ts';
import { DIRECTORY } from './checkpoint-to.ts';
import { Leader, type LeaderHost } from './leader.ts';
import { holdLock } from './locks.ts';
import type { Link, WorkerNews, WorkerStart } from './protocol.ts';
import { failureOf } from './server.ts';

/** Who opens a database for the first time waits so long for an owner that is just ending. */
const FIRST_WAIT_MS = 10_000;

/** What the worker needs of its browser. */
export interface WorkerHost extends LeaderHost {
  /** Tells the page that has started the worker. */
  tell(news: WorkerNews): void;
}

/** @param link to the page that has started the worker */
export async function openLeader(host: WorkerHost, start: WorkerStart, link: Link): Promise<void> {
  try {
    await holdLock(host.locks, start.lifeLock);
    host.tell({ isAlive: true });
    const fs = await mount(host, start);
    try {
      let leader: Leader | undefined;
      const db = await open(fs, start, (event) => leader?.tell(event));
      leader = new Leader(host, db, () => fs.close(), start);
      await leader.begin(link);
    } catch (error) {
      await fs.close();
      throw error;
    }
  } catch (error) {
    host.tell({ failure: failureOf(error) });
  }
}

function mount(
  { platform }: WorkerHost,
  { name, handlesMax, persist, leader, isTakeover }: WorkerStart,
): Promise<OpfsFs> {
  const firstWaitMs = leader === undefined ? 0 : FIRST_WAIT_MS;
  return mountOpfs({
    directory: name,
    waitMs: isTakeover ? Number.POSITIVE_INFINITY : firstWaitMs,
    ...(handlesMax !== undefined && { handlesMax }),
    ...(persist !== undefined && { persist }),
    ...(platform !== undefined && { platform }),
  });
}

function open(fs: OpfsFs, { db }: WorkerStart, onEvent: (event: DbEvent) => void): Promise<Db> {
  return openDatabase(
    DIRECTORY,
    { ...db, onEvent },
    {
      fs,
      clock: systemClock,
      random: systemRandom,
      hostLoop: systemHostLoop,
      compression: portableCompression,
      crypto: nobleCrypto,
    },
  );
}
