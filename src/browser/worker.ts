/**
 * The program of the worker in which a page has its database; started by client.ts.
 * @module
 */
import { portableCompression } from '../compress/portable.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { openDatabase } from '../db/open.ts';
import { systemClock, systemHostLoop, systemRandom } from '../env/system.ts';
import { mountOpfs } from '../fs/opfs.ts';
import { type Call, type Message, START_ID, type WorkerStart } from './protocol.ts';
import { DatabaseServer, failureOf } from './server.ts';

/** Of the database in its mount. */
const DIRECTORY = 'db';

addEventListener('message', ({ data }: MessageEvent<WorkerStart>) => void start(data), {
  once: true,
});

async function start(order: WorkerStart): Promise<void> {
  const post = (message: Message, transfer: Transferable[] = []): void => {
    postMessage(message, { transfer });
  };
  try {
    await holdUntilDeath(order.lifeLock);
    const server = await open(order, post);
    // The page asks for nothing before it has the answer.
    addEventListener('message', ({ data }: MessageEvent<Call[]>) => server.receive(data));
    post({ answers: [[START_ID, undefined]] });
  } catch (error) {
    post({ answers: [[START_ID, undefined, failureOf(error)]] });
  }
}

function holdUntilDeath(lock: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const hold = (): Promise<never> => {
      resolve();
      return new Promise(() => {});
    };
    if (navigator.locks === undefined) resolve();
    else navigator.locks.request(lock, hold).catch(reject);
  });
}

async function open(
  { name, db: options, handlesMax, persist, hasEvents }: WorkerStart,
  post: (message: Message, transfer?: Transferable[]) => void,
): Promise<DatabaseServer> {
  const fs = await mountOpfs({
    directory: name,
    ...(handlesMax !== undefined && { handlesMax }),
    ...(persist !== undefined && { persist }),
  });
  try {
    const onEvent = hasEvents
      ? { onEvent: (event: Message['event']) => post({ event: event! }) }
      : {};
    const db = await openDatabase(
      DIRECTORY,
      { ...options, ...onEvent },
      {
        fs,
        clock: systemClock,
        random: systemRandom,
        hostLoop: systemHostLoop,
        compression: portableCompression,
        crypto: nobleCrypto,
      },
    );
    return new DatabaseServer(db, post, () => fs.close());
  } catch (error) {
    await fs.close();
    throw error;
  }
}
