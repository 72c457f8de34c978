/**
 * Which worker of the pool takes which job.
 * @module
 */
import { NORMAL, PATIENT, URGENT, type Urgency } from '../job/job.ts';
import type { Crew } from './crew.ts';
import type { PoolClient, PoolTask } from './pool-task.ts';

/**
 * Jobs as they get workers: the urgent ones, then those of compactions, with which databases take
 * turns, then the patient ones.
 */
export function inTurns(waiting: readonly PoolTask[]): PoolTask[] {
  const sent = new Map<PoolClient, number>();
  const rankOf = ({ client, urgency }: PoolTask): number => {
    if (urgency === URGENT) return -1;
    if (urgency === PATIENT) return Number.POSITIVE_INFINITY;
    const before = sent.get(client) ?? countSent(client);
    sent.set(client, before + 1);
    return before;
  };
  const ranked = waiting.map((task) => ({ task, rank: rankOf(task) }));
  ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank));
  return ranked.map(({ task }) => task);
}

/** Jobs of compactions of a database that workers have. */
function countSent({ tasks }: PoolClient): number {
  let count = 0;
  for (const { urgency, worker } of tasks) if (urgency === NORMAL && worker !== undefined) count++;
  return count;
}

/**
 * Who takes a job. Urgent ones go to the first worker unless it has those of other databases: one
 * that does the same again does it faster, it has the code compiled. A compaction's goes to the
 * last worker that has nothing to do: urgent ones would hold it up. None has a second one waiting,
 * which another might begin before. A patient job, which all others go before, goes to whoever has
 * the least to do.
 * @param crews by number; undefined for one that would have to be started
 * @returns the number of the worker; undefined while there is none
 */
export function workerFor(
  task: PoolTask,
  clients: Iterable<PoolClient>,
  crews: readonly (Crew | undefined)[],
  mayStart: boolean,
): number | undefined {
  const { client } = task;
  let count = 0;
  for (const { workerCount } of clients) count = Math.max(count, workerCount);
  const used = new Set<number | undefined>();
  for (const { worker } of client.tasks) if (worker !== undefined) used.add(worker);
  const isFull = used.size >= client.workerCount;
  const mayJoinUrgent = Math.min(count, client.workerCount) === 1;
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let number = 0; number < count; number++) {
    const crew = crews[number];
    if ((isFull && !used.has(number)) || (crew === undefined && !mayStart)) continue;
    const load = loadFor(task, crew, mayJoinUrgent);
    if (load > least || (load === least && task.urgency === URGENT)) continue;
    if (load === Number.POSITIVE_INFINITY) continue;
    best = number;
    least = load;
  }
  return best;
}

/** What stands before a job at a worker; Infinity if it is not to have it. */
function loadFor(task: PoolTask, crew: Crew | undefined, mayJoinUrgent: boolean): number {
  const { urgency, client } = task;
  const countOf = (wanted: Urgency): number => {
    let count = 0;
    for (const other of crew?.tasks.values() ?? []) if (other.urgency === wanted) count++;
    return count;
  };
  if (urgency === URGENT) {
    let strangers = 0;
    for (const other of crew?.tasks.values() ?? []) {
      if (other.urgency === URGENT && other.client !== client) strangers++;
    }
    return strangers;
  }
  if (urgency === PATIENT) return crew?.tasks.size ?? 0;
  const urgent = countOf(URGENT);
  if (countOf(NORMAL) > 0 || (urgent > 0 && !mayJoinUrgent)) return Number.POSITIVE_INFINITY;
  return urgent + countOf(PATIENT);
}
