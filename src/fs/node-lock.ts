/**
 * The single-writer lock on Node: exclusive between processes, threads and calls, without native
 * code. For the path `<dir>/LOCK` these names are used, all of them beside it:
 *
 *     LOCK                      a record: the owner, or the last owner with state `released`
 *     LOCK.after-<token>/owner  a record: the claim of whoever follows the owner with this token
 *     LOCK.<token>.socket       answers while the owner with this token lives (node-liveness.ts)
 *     LOCK.<token>.new/owner    a claim being prepared;  LOCK.<token>.released  a release likewise
 *
 * A record is one JSON object with the fields of {@link LockRecord}. Tokens are random and never
 * used twice. Records appear complete, by a rename, and never change.
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
 * Limits: all contenders must run on one kernel. A record of another boot counts as dead, so two
 * computers that share a network directory are not kept apart. Files that begin with `LOCK` must
 * not be removed by hand while an owner lives.
 * @module
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';
import { corruption, isVarveError, VarveError } from '../errors.ts';
import { platformError, systemCode } from './node-error.ts';
import { assertNodeLockHeld, beginHold, type NodeHold } from './node-hold.ts';
import {
  currentBootId,
  type LivenessSocket,
  livenessSocketAnswers,
  openLivenessSocket,
  ownIdentity,
  type ProcessIdentity,
  processLives,
} from './node-liveness.ts';
import type { FsLock } from './port.ts';

/** Each new attempt means that another contender won; this many in a row only happens to a bug. */
const MAX_ATTEMPTS = 1000;

/** The chain grows by one for each owner in a row that dies between steps 2 and 4. */
const MAX_CHAIN = 10_000;

/** An owner, as the lock file describes it. */
interface LockRecord extends ProcessIdentity {
  readonly token: string;
  readonly state: 'held' | 'released';
  /** The program, without its arguments, which may be secret. */
  readonly command: string;
  readonly host: string;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** True when the owner answers at its socket. */
  readonly socket: boolean;
}

/** How an owner shows that it lives. */
export type LivenessMethod = 'socket' | 'process';

/**
 * Takes the lock that is named by `path`, or fails at once.
 * @param method `socket` falls back to `process` where sockets are impossible
 * @throws `LOCKED` naming the owner; `IO` or `NOSPACE` when the directory cannot be used
 */
export async function acquireNodeLock(
  path: string,
  method: LivenessMethod = 'socket',
): Promise<FsLock> {
  const names = new LockNames(resolve(path));
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const last = chainEnd(readChain(names));
      if (await ownerLives(names, last)) throw lockedError(path, last);
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
  const record = describeSelf(token, socket !== undefined);
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
  fs.writeFileSync(file, JSON.stringify({ ...record, state: 'released' }));
  fs.renameSync(file, names.head);
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

async function ownerLives(names: LockNames, owner: LockRecord): Promise<boolean> {
  if (owner.state === 'released') return false;
  const bootId = currentBootId();
  if (owner.bootId !== '' && bootId !== '' && owner.bootId !== bootId) return false;
  if (owner.socket) return livenessSocketAnswers(names.directory, names.socket(owner.token));
  return processLives(owner);
}

/** The record in `file`; undefined without one. Unreadable bytes give a released one. */
function readRecord(file: string, tokenIfUnreadable: string): LockRecord | undefined {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isLockRecord(value)) return value;
  } catch {
    // Not JSON: handled as any other record that no owner of ours has written.
  }
  return placeholder(tokenIfUnreadable);
}

function isLockRecord(value: unknown): value is LockRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  for (const [name, sample] of Object.entries(placeholder(''))) {
    if (typeof fields[name] !== typeof sample) return false;
  }
  // The token becomes part of a path; the id goes to `kill`, where 0 and below mean groups.
  const pid = Number(fields['pid']);
  const isProcessId = Number.isInteger(pid) && pid > 0 && pid < 2 ** 31;
  return isProcessId && /^[0-9a-f]{16}$/.test(String(fields['token']));
}

/** Stands for a lock that nobody holds. */
function placeholder(token: string): LockRecord {
  return {
    token,
    state: 'released',
    pid: 0,
    bootId: '',
    pidNamespace: '',
    startTime: '',
    command: '',
    host: '',
    since: '',
    socket: false,
  };
}

function describeSelf(token: string, socket: boolean): LockRecord {
  const program = [basename(process.execPath), ...process.argv.slice(1, 2)].join(' ');
  return {
    ...ownIdentity(),
    token,
    state: 'held',
    command: isMainThread ? program : `${program}, worker thread ${threadId}`,
    host: hostname(),
    since: new Date().toISOString(),
    socket,
  };
}

function lockedError(path: string, owner: LockRecord): VarveError {
  const who = `process ${owner.pid} (${owner.command}) on ${owner.host} since ${owner.since}`;
  return new VarveError('LOCKED', `${path} is held by ${who}`, { file: path });
}

/** Removes what dead owners and contenders left; best effort, the next owner tries again. */
function removeLeftovers(names: LockNames, ownToken: string): void {
  const ownSocket = names.socket(ownToken);
  let found: string[] = [];
  ignoringErrors(() => {
    found = fs.readdirSync(names.directory);
  });
  for (const name of found) {
    if (!name.startsWith(`${names.base}.`) || name === ownSocket) continue;
    const path = join(names.directory, name);
    if (name.endsWith('.socket') || name.endsWith('.released'))
      ignoringErrors(() => fs.unlinkSync(path));
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
