/**
 * How one Node process or thread can tell whether another one still lives.
 *
 * First choice: a listening socket (a named pipe on Windows). The kernel closes it with its owner,
 * however that dies, and answers a connection attempt for it while its event loop is blocked or
 * the process is stopped. It works between threads, between containers that share a directory,
 * and is immune to recycled process ids.
 *
 * Where a file system takes no sockets, or one cannot be reached: the process id with its start
 * time, within one boot and one pid namespace. This cannot notice the end of a worker thread whose
 * process lives on. What follows from all that is judged in node-owner.ts.
 * @module
 */
import { chmodSync, closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { systemCode } from './node-error.ts';

/** Of the 104 (macOS, BSD) or 108 bytes (Linux) of `sun_path`, with room for the final zero. */
const MAX_SOCKET_PATH_BYTES = 100;

/** A pipe may stay busy without an answer; an owner that is busy is alive. */
const PROBE_LIMIT_MS = 2000;

/** What identifies a process beyond its id; parts that the platform hides are empty. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Changes with every start of the kernel. */
  readonly bootId: string;
  /** Process ids mean the same only within one namespace. */
  readonly pidNamespace: string;
  /** In clock ticks since boot: tells a process from a later one with the same id. */
  readonly startTime: string;
}

/** A socket that answers until it is closed or its thread dies; it keeps no process running. */
export interface LivenessSocket {
  /** Stops answering and removes the socket's name. */
  close(): Promise<void>;
}

/** Starts to answer under `name` in `directory`; undefined where that is impossible. */
export function openLivenessSocket(
  directory: string,
  name: string,
): Promise<LivenessSocket | undefined> {
  const address = socketAddress(directory, name);
  if (address === undefined) return Promise.resolve(undefined);
  const server = createServer((connection) => connection.destroy());
  return new Promise((resolve) => {
    server.once('error', () => {
      address.release();
      resolve(undefined);
    });
    // Exclusive: in a cluster the primary process would own the socket otherwise.
    server.listen({ path: address.path, exclusive: true }, () => {
      server.removeAllListeners('error');
      // A failed accept (no descriptors left) changes nothing: the kernel answers all the same.
      server.on('error', () => {});
      server.unref();
      openToAll(address.path);
      resolve({ close: () => closeServer(server, address) });
    });
  });
}

function closeServer(server: Server, address: SocketAddress): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      address.release();
      resolve();
    });
  });
}

/** Whoever can reach the directory may ask: a connection tells nothing and is closed at once. */
function openToAll(path: string): void {
  if (process.platform === 'win32') return;
  try {
    chmodSync(path, 0o777);
  } catch {
    // Then processes of other users get no answer, and judge by the process.
  }
}

/**
 * - `answers` somebody listens, certainly
 * - `refused` nobody listens, certainly
 * - `missing` there is no such name
 * - `unreachable` it may be either: no permission, no descriptors left, no address that is short
 *   enough
 */
export type SocketAnswer = 'answers' | 'refused' | 'missing' | 'unreachable';

/** Asks whether somebody listens under `name` in `directory`. */
export function askLivenessSocket(directory: string, name: string): Promise<SocketAnswer> {
  const address = socketAddress(directory, name);
  if (address === undefined) return Promise.resolve('unreachable');
  return new Promise((resolve) => {
    const socket = connect(address.path);
    const finish = (answer: SocketAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      address.release();
      resolve(answer);
    };
    const timer = setTimeout(finish, PROBE_LIMIT_MS, 'answers');
    socket.once('connect', () => finish('answers'));
    socket.on('error', (error) => finish(answerOf(systemCode(error))));
  });
}

function answerOf(code: string | undefined): SocketAnswer {
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ENOENT') return 'missing';
  // So many ask that it cannot take them all.
  return code === 'EAGAIN' ? 'answers' : 'unreachable';
}

/** Where a socket can be reached, and what to give back afterwards. */
interface SocketAddress {
  readonly path: string;
  /** Ends the validity of `path`; may be called twice. */
  release(): void;
}

/** Undefined when no address for the socket fits into what the platform allows. */
function socketAddress(directory: string, name: string): SocketAddress | undefined {
  if (process.platform === 'win32') {
    return { path: `\\\\.\\pipe\\varve-${name}`, release: () => {} };
  }
  const path = join(directory, name);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return { path, release: () => {} };
  if (process.platform !== 'linux') return undefined;
  return addressThroughDescriptor(directory, name);
}

/** `/proc/self/fd/7/name`: short for any directory, for as long as descriptor 7 is open. */
function addressThroughDescriptor(directory: string, name: string): SocketAddress | undefined {
  let fd = openSync(directory, 'r');
  const release = (): void => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
  };
  const through = `/proc/self/fd/${fd}`;
  if (existsSync(through)) return { path: join(through, name), release };
  release();
  return undefined;
}

/** Describes the calling process. */
export function ownIdentity(): ProcessIdentity {
  const { pid } = process;
  return {
    pid,
    bootId: currentBootId(),
    pidNamespace: pidNamespace(),
    startTime: readProcess(pid)?.startTime ?? '',
  };
}

/** Identifies the set of process ids that are seen here; empty where the platform has only one. */
export function pidNamespace(): string {
  return readOrEmpty(() => readlinkSync('/proc/self/ns/pid'));
}

/** Identifies this start of the kernel; empty where the platform does not tell. */
export function currentBootId(): string {
  return readOrEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

/** `unknown`: some process has the id, and its start time cannot be compared. */
export type ProcessState = 'runs' | 'ended' | 'unknown';

/** What has become of a process; only for one of this boot and pid namespace. */
export function processState(identity: ProcessIdentity): ProcessState {
  const found = readProcess(identity.pid);
  if (found === undefined || identity.startTime === '') {
    return signalReaches(identity.pid) ? 'unknown' : 'ended';
  }
  return !found.ended && found.startTime === identity.startTime ? 'runs' : 'ended';
}

function readProcess(pid: number): { startTime: string; ended: boolean } | undefined {
  const stat = readOrEmpty(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // Field 2, the command in parentheses, may hold anything: count fields from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTime = fields[19];
  if (startTime === undefined) return undefined;
  return { startTime, ended: state === 'Z' || state === 'X' };
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

function readOrEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
