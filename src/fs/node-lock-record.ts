/**
 * The records of the lock on Node: who owns it or owned it last, as one JSON object. See
 * node-lock.ts for the protocol.
 * @module
 */
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';
import { systemCode } from './node-error.ts';
import { ownIdentity, type ProcessIdentity } from './node-liveness.ts';

/** An owner, as the lock file describes it. */
export interface LockRecord extends ProcessIdentity {
  readonly token: string;
  readonly state: 'held' | 'released';
  /** The program, without its arguments, which may be secret. */
  readonly command: string;
  readonly host: string;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** True when the owner answers at its socket. */
  readonly socket: boolean;
  /** 0 for the main thread of the process. */
  readonly thread: number;
  /** Device and number of the directory; tells a record from a copy of it in another one. */
  readonly directory: string;
}

/** Fields that a record may lack. */
const LATER_FIELDS = { thread: 0, directory: '' };

/** The record in `file`; undefined without one. Unreadable bytes give a released one. */
export function readRecord(file: string, tokenIfUnreadable: string): LockRecord | undefined {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = { ...LATER_FIELDS, ...JSON.parse(text) };
    if (isLockRecord(value)) return value;
  } catch {
    // Not JSON: handled as any other record that no owner of ours has written.
  }
  return placeholder(tokenIfUnreadable);
}

function isLockRecord(value: unknown): value is LockRecord {
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
export function placeholder(token: string): LockRecord {
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
    ...LATER_FIELDS,
  };
}

/** The record of a lock that this thread takes. */
export function describeSelf(token: string, socket: boolean, directory: string): LockRecord {
  const program = [basename(process.execPath), ...process.argv.slice(1, 2)].join(' ');
  return {
    ...ownIdentity(),
    token,
    state: 'held',
    command: isMainThread ? program : `${program}, worker thread ${threadId}`,
    host: hostname(),
    since: new Date().toISOString(),
    socket,
    thread: threadId,
    directory,
  };
}
