/**
 * How much processor time child processes have taken, with all that they started. Unlike the time
 * on the clock it does not grow because something else keeps the machine busy. Read from /proc, so
 * known on Linux only.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel counts in: USER_HZ, 100 on every Linux. */
const TICKS_PER_SECOND = 100;
/** In what follows the name of a process: its parent, and utime, stime, cutime, cstime. */
const PARENT = 1;
const TIMES = [11, 12, 13, 14];

/**
 * The children of this process: their arguments, and the seconds of processor time that each has
 * taken with all below it.
 * @returns {{ args: string[], seconds: number }[]} none where the system does not tell
 */
export function childProcesses() {
  const own = new Map();
  const below = new Map();
  for (const pid of processIds()) {
    const fields = readProcess(pid, 'stat')?.split(') ').at(-1).split(' ');
    if (fields === undefined) continue;
    own.set(
      pid,
      TIMES.reduce((sum, field) => sum + Number(fields[field]), 0),
    );
    const parent = fields[PARENT];
    below.set(parent, [...(below.get(parent) ?? []), pid]);
  }
  const ticksOf = (pid) =>
    (below.get(pid) ?? []).reduce((sum, child) => sum + ticksOf(child), own.get(pid) ?? 0);
  return (below.get(`${process.pid}`) ?? []).map((pid) => ({
    args: readProcess(pid, 'cmdline')?.split('\0') ?? [],
    seconds: ticksOf(pid) / TICKS_PER_SECOND,
  }));
}

function processIds() {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** A file of /proc, or undefined when the process has ended. */
function readProcess(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
