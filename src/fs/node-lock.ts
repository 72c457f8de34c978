/**
 * The single-writer lock on Node: exclusive between processes, threads and calls, without native
 * code. For the path `<dir>/LOCK` these names are used, all of them beside it:
 *
 *     LOCK                      a record: the owner, or the last owner with state `released`
 *     LOCK.after-<token>/owner  a record: the claim of whoever follows the owner with this token
 *     LOCK.<token>.socket       answers while the owner with this token lives (node-liveness.ts)
 *     LOCK.<token>.new/owner    a claim being prepared;  LOCK.<token>.released  a release likewise
 *
 * A record is one JSON object with the fields of `LockRecord`. Tokens are random and never used
 * twice. Records appear complete, by a rename, and never change.
 *
 * The owner is the end of a chain: start at `LOCK` (or at the token `none` where there is no such
 * file), go on to `LOCK.after-<its token>` until there is none. To take the lock:
 *
 * 1. Walk to the end. If its record is held and its owner lives, fail with `LOCKED`.
 * 2. Open the own socket, then rename a prepared directory to `LOCK.after-<token of the end>`.
 *    The rename fails if that directory has a claim in it: each record gets one successor.
 * 3. Walk again. If the walk does not end at the own record, step 1 was out of date: start over.
 * 4. Rename the own record onto `LOCK` (this shortens the chain to one) and remove the leftovers.
 *
 * To release it: rename a copy of the record with state `released` onto `LOCK`, then close the
 * socket. `LOCK` itself is never removed.
 *
 * Why no two win. A claim after token T can be made a second time only once the first was removed,
 * which its winner W does by step 4. From then on `LOCK` holds W or somebody later; tokens are not
 * reused, so no walk passes T again, and whoever claims T with an old view fails in step 3 and may
 * remove his claim. Nothing is judged from directory listings (step 4 uses one to find leftovers):
 * a listing that runs beside renames may miss both the old and the new name.
 * Why leftovers may go: a contender makes its files after it has seen the end of the chain dead or
 * released, and owners clean before they can be either. So an owner removes files of contenders
 * that are out of date only; these notice and start over.
 *
 * Hard links are not needed (FAT, some shared folders), nor fsync: after power loss every owner is
 * dead, and a record that was cut short counts as dead.
 *
 * Whether an owner lives is judged in node-owner.ts. Limits: all contenders must run on one kernel,
 * so two computers that share a network directory are not kept apart. Files that begin with `LOCK`
 * must not be removed by hand while an owner lives; {@link breakNodeLock} is there for that.
 * @module
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { platformError, systemCode } from './node-error.ts';
import { assertNodeLockHeld, beginHold, directoryNumber, type NodeHold } from './node-hold.ts';
import { type LivenessSocket, openLivenessSocket } from './node-liveness.ts';
import { describeSelf, type LockRecord, placeholder, readRecord } from './node-lock-record.ts';
import { factsOf, judge, type Verdict } from './node-owner.ts';
import type { FsLock } from './port.ts';

/** Each new attempt means that another contender won; this many in a row only happens to a bug. */
const MAX_ATTEMPTS = 1000;

/** The chain grows by one for each owner in a row that dies between steps 2 and 4. */
const MAX_CHAIN = 10_000;

/** What stands behind `LOCK.` in names of ours; others are somebody else's. */
const LEFTOVER =
  /^(after-([0-9a-f]{16}|none|unreadable)(-unreadable)*|[0-9a-f]{16}\.(new|socket|released))$/;

/** How an owner shows that it lives. */
export type LivenessMethod = 'socket' | 'process';

/**
 * Takes the lock that is named by `path`, or fails at once.
 * @param method `socket` falls back to `process` where sockets are impossible
 * @throws `LOCKED` naming the owner; `IO` or `NOSPACE` when the directory cannot be used
 */
export function acquireNodeLock(path: string, method: LivenessMethod = 'socket'): Promise<FsLock> {
  return acquire(path, method, false);
}

/** A lock as others see it. */
export interface NodeLockState {
  /** `free` also for one that was never taken. */
  readonly state: 'free' | 'held';
  /** Who holds it: process, command, host and time, for people; empty when it is free. */
  readonly owner: string;
  /** Of the owner; `dead` when it is free. A lock whose owner is dead is taken by the next open. */
  readonly life: Verdict['life'];
  readonly reason: string;
}

/**
 * Says who holds the lock that is named by `path`; changes nothing.
 * @throws `IO` when the directory cannot be read
 */
export async function inspectNodeLock(path: string): Promise<NodeLockState> {
  const names = new LockNames(resolve(path));
  try {
    const owner = chainEnd(readChain(names));
    if (owner.state === 'released') {
      return { state: 'free', owner: '', life: 'dead', reason: 'nobody holds it' };
    }
    return { state: 'held', owner: nameOf(owner), ...(await judgeOwner(names, owner)) };
  } catch (error) {
    throw platformError('look at', path, error);
  }
}

/**
 * Frees a lock of which nobody can tell whether its owner lives. If it does, it finds out before it
 * changes a file and stops with `DETACHED`; what it has written to its log since may be lost.
 * @throws `LOCKED` when the owner lives, certainly; `IO`, `NOSPACE`
 */
export async function breakNodeLock(path: string): Promise<void> {
  const lock = await acquire(path, 'socket', true);
  await lock.release();
}

/** @param mayBreak whether the lock of an owner that may live is taken */
async function acquire(path: string, method: LivenessMethod, mayBreak: boolean): Promise<FsLock> {
  const names = new LockNames(resolve(path));
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const last = chainEnd(readChain(names));
      if (last.state === 'held') {
        const verdict = await judgeOwner(names, last);
        const { life } = verdict;
        if (life === 'alive' || (life === 'unknown' && !mayBreak)) {
          throw lockedError(path, last, verdict);
        }
      }
      const lock = await contend(names, last.token, method);
      if (lock !== undefined) return lock;
    }
  } catch (error) {
    throw platformError('lock', path, error);
  }
  throw new VarveError('LOCKED', `${path} changes hands all the time`, { file: path });
}

/** The names that belong to one lock. */
class LockNames {
  readonly directory: string;
  readonly base: string;
  /** The file at the start of the chain. */
  readonly head: string;

  constructor(path: string) {
    this.directory = dirname(path);
    this.base = basename(path);
    this.head = path;
  }

  claimAfter(token: string): string {
    return `${this.head}.after-${token}`;
  }

  prepared(token: string): string {
    return `${this.head}.${token}.new`;
  }

  release(token: string): string {
    return `${this.head}.${token}.released`;
  }

  /** A bare name in `directory`. */
  socket(token: string): string {
    return `${this.base}.${token}.socket`;
  }
}

class NodeLock implements FsLock {
  private readonly names: LockNames;
  private readonly record: LockRecord;
  private readonly socket: LivenessSocket | undefined;
  private readonly hold: NodeHold;
  private released: Promise<void> | undefined;

  constructor(
    names: LockNames,
    record: LockRecord,
    socket: LivenessSocket | undefined,
    hold: NodeHold,
  ) {
    this.names = names;
    this.record = record;
    this.socket = socket;
    this.hold = hold;
    this.released = undefined;
  }

  get token(): string {
    return this.hold.token;
  }

  release(): Promise<void> {
    this.released ??= this.giveUp();
    return this.released;
  }

  private async giveUp(): Promise<void> {
    const { names, record, hold } = this;
    let failure: unknown;
    try {
      assertNodeLockHeld(names.head, hold.token);
      // Some platforms do not replace what is open.
      hold.close();
      markReleased(names, record);
    } catch (error) {
      // Where it is not ours any more there is nothing to give up.
      if (!isVarveError(error, 'DETACHED')) failure = error;
    }
    hold.close();
    // An owner without a socket is dead for all others, marked as released or not.
    await this.socket?.close();
    if (failure !== undefined && this.socket === undefined) {
      throw platformError('release', names.head, failure);
    }
  }
}

/** Steps 2 to 4. Undefined when another contender was faster. */
async function contend(
  names: LockNames,
  predecessor: string,
  method: LivenessMethod,
): Promise<FsLock | undefined> {
  const token = randomBytes(8).toString('hex');
  const useSocket = method === 'socket';
  const socket = useSocket
    ? await openLivenessSocket(names.directory, names.socket(token))
    : undefined;
  const record = describeSelf(token, socket !== undefined, directoryNumber(names.directory));
  let lock: FsLock | undefined;
  try {
    if (claim(names, predecessor, record)) {
      becomeHead(names, predecessor);
      removeLeftovers(names, token);
      lock = new NodeLock(names, record, socket, takeHold(names, record));
    }
  } finally {
    if (lock === undefined) {
      removeClaim(names.prepared(token));
      await socket?.close();
    }
  }
  return lock;
}

function takeHold(names: LockNames, record: LockRecord): NodeHold {
  try {
    return beginHold(names.head, record.token);
  } catch (error) {
    ignoringErrors(() => markReleased(names, record));
    throw error;
  }
}

function markReleased(names: LockNames, record: LockRecord): void {
  const file = names.release(record.token);
  try {
    fs.writeFileSync(file, JSON.stringify({ ...record, state: 'released' }));
    fs.renameSync(file, names.head);
  } catch (error) {
    if (!emptied(names.head)) throw error;
  }
}

/** Where there is no room for another record: one without content counts as released as well. */
function emptied(head: string): boolean {
  try {
    fs.truncateSync(head);
    return true;
  } catch {
    return false;
  }
}

function becomeHead(names: LockNames, predecessor: string): void {
  const claimed = names.claimAfter(predecessor);
  try {
    fs.renameSync(join(claimed, 'owner'), names.head);
  } catch (error) {
    removeClaim(claimed);
    throw error;
  }
}

/** Steps 2 and 3: true when the own record is now the end of the chain. */
function claim(names: LockNames, predecessor: string, record: LockRecord): boolean {
  const prepared = names.prepared(record.token);
  const target = names.claimAfter(predecessor);
  fs.mkdirSync(prepared);
  try {
    fs.writeFileSync(join(prepared, 'owner'), JSON.stringify(record));
    fs.renameSync(prepared, target);
  } catch (error) {
    if (isLostRace(systemCode(error)) || fs.existsSync(target)) return false;
    throw error;
  }
  const chain = readChain(names);
  if (chainEnd(chain).token === record.token) return true;
  const passed = chain.some((member) => member.token === record.token);
  if (!passed) removeClaim(target);
  return false;
}

/**
 * Gone: an owner took the prepared claim for a leftover. Not replaceable: there is a claim already;
 * Windows has no error of its own for that, so the caller looks for the target as well.
 */
function isLostRace(code: string | undefined): boolean {
  return code === 'ENOENT' || code === 'ENOTEMPTY' || code === 'EEXIST';
}

/** The records from the head to the end; never empty. */
function readChain(names: LockNames): LockRecord[] {
  const head = readRecord(names.head, 'unreadable') ?? placeholder('none');
  const chain = [head];
  while (chain.length < MAX_CHAIN) {
    const { token } = chainEnd(chain);
    const next = readRecord(join(names.claimAfter(token), 'owner'), `${token}-unreadable`);
    if (next === undefined) return chain;
    chain.push(next);
  }
  throw corruption('the chain of lock owners has no end', names.head, 0);
}

function chainEnd(chain: LockRecord[]): LockRecord {
  return chain[chain.length - 1]!;
}

async function judgeOwner(names: LockNames, owner: LockRecord): Promise<Verdict> {
  const facts = await factsOf(owner, names.directory, names.socket(owner.token));
  return judge(facts, owner.thread !== 0);
}

function lockedError(path: string, owner: LockRecord, { life, reason }: Verdict): VarveError {
  const doubt =
    life === 'alive'
      ? ''
      : `; whether it lives cannot be told from here (${reason}): see varve unlock --help`;
  const message = `${path} is held by ${nameOf(owner)}${doubt}`;
  return new VarveError('LOCKED', message, { file: path });
}

function nameOf(owner: LockRecord): string {
  return `process ${owner.pid} (${owner.command}) on ${owner.host} since ${owner.since}`;
}

/** Removes what dead owners and contenders left; best effort, the next owner tries again. */
function removeLeftovers(names: LockNames, ownToken: string): void {
  const ownSocket = names.socket(ownToken);
  let found: string[] = [];
  ignoringErrors(() => {
    found = fs.readdirSync(names.directory);
  });
  for (const name of found) {
    const isLeftover =
      name.startsWith(`${names.base}.`) && LEFTOVER.test(name.slice(names.base.length + 1));
    if (!isLeftover || name === ownSocket) continue;
    const path = join(names.directory, name);
    if (/\.(socket|released)$/.test(name)) ignoringErrors(() => fs.unlinkSync(path));
    else removeClaim(path);
  }
}

/** In two steps and not recursively: a claim that another contender puts there meanwhile stays. */
function removeClaim(directory: string): void {
  ignoringErrors(() => fs.unlinkSync(join(directory, 'owner')));
  ignoringErrors(() => fs.rmdirSync(directory));
}

function ignoringErrors(action: () => void): void {
  try {
    action();
  } catch {
    // Whatever stays behind stands for a dead contender and does no harm.
  }
}
