/**
 * Whether the owner of a lock lives, judged of all that the kernel tells about it.
 *
 * The socket is asked first, because its answer is certain: the kernel gives it for a process that
 * is stopped, in another container, of another user, or behind another boot id (LXC and
 * systemd-nspawn give their containers one each). Only where there is no answer do boot id, pid
 * namespace, process id and start time count. What they leave open is `unknown`: such a lock is
 * not taken, but may be broken by hand (`breakNodeLock`).
 * @module
 */
import { directoryNumber } from './node-hold.ts';
import {
  askLivenessSocket,
  currentBootId,
  type ProcessState,
  pidNamespace,
  processState,
  type SocketAnswer,
} from './node-liveness.ts';
import type { LockRecord } from './node-lock-record.ts';

/** What is known of an owner, apart from its record. */
export interface OwnerFacts {
  /** What its socket says; undefined for an owner that has none. */
  readonly socket: SocketAnswer | undefined;
  /** False when its boot id is another than ours. */
  readonly isSameBoot: boolean;
  /** False when its process id means another process here. */
  readonly isSameNamespace: boolean;
  /** False when the record was copied here from another directory. */
  readonly isHere: boolean;
  /** Of the process with its id and start time, here. */
  readonly process: ProcessState;
}

/** What follows from that. */
export interface Verdict {
  readonly life: 'alive' | 'dead' | 'unknown';
  /** Why, to follow the name of the owner. */
  readonly reason: string;
}

/** Looks at everything that can be looked at. */
export async function factsOf(
  record: LockRecord,
  directory: string,
  socketName: string,
): Promise<OwnerFacts> {
  const bootId = currentBootId();
  return {
    socket: record.socket ? await askLivenessSocket(directory, socketName) : undefined,
    isSameBoot: bootId === '' || record.bootId === '' || bootId === record.bootId,
    isSameNamespace: record.pidNamespace === pidNamespace(),
    isHere: record.directory === directoryNumber(directory),
    process: processState(record),
  };
}

/** @param isThread whether the owner is a thread that may end before its process */
export function judge(facts: OwnerFacts, isThread: boolean): Verdict {
  const { socket, isSameBoot, isHere } = facts;
  if (socket === 'answers') return { life: 'alive', reason: 'it answers at its socket' };
  if (socket === 'refused') return { life: 'dead', reason: 'nobody listens at its socket' };
  if (socket === 'missing') {
    if (isThread || !isHere || !isSameBoot) return { life: 'dead', reason: 'its socket is gone' };
    // Somebody may have swept it away under the owner.
    return judgeProcess(facts);
  }
  if (socket === undefined && !isSameBoot) {
    return { life: 'dead', reason: 'it belongs to an earlier start of the system' };
  }
  if (socket === 'unreachable' && !isSameBoot) {
    const reason = 'its socket cannot be reached, and its boot id is not the one here';
    return { life: 'unknown', reason };
  }
  return judgeProcess(facts);
}

function judgeProcess({ isSameNamespace, process }: OwnerFacts): Verdict {
  if (!isSameNamespace) {
    return { life: 'unknown', reason: 'its process belongs to another container' };
  }
  if (process === 'runs') return { life: 'alive', reason: 'its process runs' };
  if (process === 'ended') return { life: 'dead', reason: 'its process has ended' };
  return { life: 'unknown', reason: 'a process with its id runs, which may be another one' };
}
