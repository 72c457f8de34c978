/**
 * A contender for a lock in a process or worker thread of its own. Reads lines, answers lines:
 * `take` -> `held` or the error's code and message; `check` -> the same of a lock that was taken;
 * `look` -> how it knows what it knows of the owner; `release` -> `released`; `block` -> `blocked`,
 * then it never returns to its event loop.
 * @module
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parentPort, workerData } from 'node:worker_threads';
import { VarveError } from '../../src/errors.ts';
import { assertNodeLockHeld } from '../../src/fs/node-hold.ts';
import { acquireNodeLock, inspectNodeLock, type LivenessMethod } from '../../src/fs/node-lock.ts';
import type { FsLock } from '../../src/fs/port.ts';

const [path, method] = (workerData ?? process.argv.slice(2)) as [string, LivenessMethod];
let lock: FsLock | undefined;

async function answer(line: string): Promise<string> {
  if (line === 'release') {
    await lock?.release();
    return 'released';
  }
  if (line === 'look') return (await inspectNodeLock(path)).reason;
  try {
    if (line === 'check') assertNodeLockHeld(path, lock!.token);
    else lock = await acquireNodeLock(path, method);
    return 'held';
  } catch (error) {
    return error instanceof VarveError ? `${error.code} ${error.message}` : String(error);
  }
}

if (parentPort !== null) {
  const port = parentPort;
  port.on('message', async (line: string) => port.postMessage(await answer(line)));
} else {
  for await (const line of createInterface(process.stdin)) {
    if (line !== 'block') {
      writeSync(1, `${await answer(line)}\n`);
      continue;
    }
    writeSync(1, 'blocked\n');
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  }
}
