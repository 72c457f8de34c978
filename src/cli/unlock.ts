/**
 * `varve unlock`: who holds a database, and a way to free the lock of an owner of which nobody can
 * tell whether it lives.
 * @module
 */
import { Command } from 'commander';
import { NodeFs } from '../fs/node.ts';
import { breakNodeLock, inspectNodeLock, type NodeLockState } from '../fs/node-lock.ts';
import { joinPath } from '../fs/port.ts';
import { LOCK_NAME } from '../manifest/file-names.ts';
import { refuseForeign } from '../manifest/foreign.ts';
import { CommandError, EXIT_LOCKED } from './failure.ts';
import { addJson, type CommonOptions } from './options.ts';
import type { Output } from './output.ts';
import { requireDatabase } from './session.ts';

interface UnlockOptions extends CommonOptions {
  readonly force?: boolean;
}

const HELP = `
The lock of a process that has ended is free, however it ended: there is nothing to do. --force is
for a lock of which nobody can tell that from here, such as that of a container on a file system
without sockets. Make sure first that the process has ended. Should it live all the same, it finds
out before it changes a file and stops with DETACHED; what it has written by then that is not
in the files that the next open reads is lost. The lock of a process that certainly lives is never
freed.

Exit code 3: the lock is held, and was not freed.`;

/** The command, which prints to `output`. */
export function unlockCommand(output: Output): Command {
  const command = new Command('unlock')
    .description('say who holds the lock; --force frees it if its owner does not certainly live')
    .argument('<db>', 'directory of the database')
    .option('--force', 'free the lock of an owner that may have ended')
    .addHelpText('after', HELP)
    .action(async (path: string, options: UnlockOptions) => {
      const lockPath = lockOf(path);
      const before = await inspectNodeLock(lockPath);
      const isBroken = options.force === true && before.life === 'unknown';
      if (isBroken) await breakNodeLock(lockPath);
      const { state, owner, life, reason } = before;
      if (options.json) await output.json({ state, owner, life, reason, isBroken });
      else await output.text(`${textOf(before)}\n${isBroken ? 'the lock was freed\n' : ''}`);
      if (state === 'held' && life !== 'dead' && !isBroken) {
        throw new CommandError('LOCKED', refusalOf(before), EXIT_LOCKED);
      }
    });
  return addJson(command);
}

/** The lock of the database in a directory. */
function lockOf(path: string): string {
  requireDatabase(path);
  const fs = new NodeFs();
  const directory = fs.resolve(path);
  refuseForeign(fs, directory, true);
  return joinPath(directory, LOCK_NAME);
}

function textOf({ state, owner, life, reason }: NodeLockState): string {
  if (state === 'free') return 'nobody holds the lock';
  if (life === 'alive') return `held by ${owner}, which lives: ${reason}`;
  if (life === 'dead') return `left behind by ${owner}, which has ended: ${reason}; it is free`;
  return `held by ${owner}, which may live: ${reason}`;
}

function refusalOf({ life }: NodeLockState): string {
  return life === 'alive'
    ? 'the lock is held; end that process to free it'
    : 'if that process has certainly ended, --force frees the lock';
}
