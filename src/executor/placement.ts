/**
 * Which worker of the pool takes which job.
 * @module
 */
import type { Crew } from './crew.ts';
import type { PoolClient, PoolTask } from './pool-task.ts';

/** Jobs as they get workers: the urgent ones, then the others, with which databases take turns. */
export function inTurns(waiting: readonly PoolTask[]): PoolTask[] {
  const sent = new Map<PoolClient, number>();
  const rankOf = ({ client, isUrgent }: PoolTask): number => {
    if (isUrgent) return -1;
    const before = sent.get(client) ?? countSent(client);
    sent.set(client, before + 1);
    return before;
  };
  const ranked = waiting.map((task) => ({ task, rank: rankOf(task) }));
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.map(({ task }) => task);
}

/** Jobs of a database that workers have and that are not urgent. */
function countSent({ tasks }: PoolClient): number {
  let count = 0;
  for (const task of tasks) if (!task.isUrgent && task.worker !== undefined) count++;
  return count;
}

/**
 * Who takes a job. Urgent ones go to the first worker unless it has those of other databases: one
 * that does the same again does it faster, it has the code compiled. Of the others, the next goes
 * to the last worker that has nothing to do: urgent ones would hold it up. None has a second one
 * waiting, which another might begin before.
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
    if (load > least || (load === least && task.isUrgent)) continue;
    if (load === Number.POSITIVE_INFINITY) continue;
    best = number;
    least = load;
  }
  return best;
}

/** What stands before a job at a worker; Infinity if it is not to have it. */
function loadFor(task: PoolTask, crew: Crew | undefined, mayJoinUrgent: boolean): number {
  let urgent = 0;
  let others = 0;
  let strangers = 0;
  for (const other of crew?.tasks.values() ?? []) {
    if (other.isUrgent) urgent++;
    else others++;
    if (other.isUrgent && other.client !== task.client) strangers++;
  }
  if (task.isUrgent) return strangers;
  if (others > 0 || (urgent > 0 && !mayJoinUrgent)) return Number.POSITIVE_INFINITY;
  return urgent;
}
