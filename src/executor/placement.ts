/**
 * Which worker of the pool takes which job.
 * @module
 */
import type { PoolClient, PoolTask } from './pool-task.ts';
import type { WorkerEndpoint } from './worker-threads.ts';

/** A worker that has been started. */
export interface Crew {
  readonly number: number;
  readonly endpoint: WorkerEndpoint;
  readonly tasks: Map<number, PoolTask>;
  /** It has said that it takes orders. */
  isReady: boolean;
  heartbeat: number;
  heardAtMs: number;
  /** When it was last without a job. */
  idleAtMs: number;
}

/** Jobs as they get workers: flushes, then compactions, with which databases take turns. */
export function inTurns(waiting: readonly PoolTask[]): PoolTask[] {
  const compactions = new Map<PoolClient, number>();
  const rankOf = ({ client, isFlush }: PoolTask): number => {
    if (isFlush) return -1;
    const before = compactions.get(client) ?? countSent(client);
    compactions.set(client, before + 1);
    return before;
  };
  const ranked = waiting.map((task) => ({ task, rank: rankOf(task) }));
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.map(({ task }) => task);
}

/** Compactions that workers have. */
function countSent({ tasks }: PoolClient): number {
  let count = 0;
  for (const task of tasks) if (!task.isFlush && task.worker !== undefined) count++;
  return count;
}

/**
 * Who takes a job. Flushes go to the first worker unless it has those of other databases: one that
 * does the same again does it faster, it has the code compiled. The next compaction goes to the
 * last of those that have nothing to do: flushes would hold it up. None has a second one waiting,
 * which another might begin before.
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
  const mayJoinFlush = Math.min(count, client.workerCount) === 1;
  let best: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let number = 0; number < count; number++) {
    const crew = crews[number];
    if ((isFull && !used.has(number)) || (crew === undefined && !mayStart)) continue;
    const load = loadFor(task, crew, mayJoinFlush);
    if (load > least || (load === least && task.isFlush)) continue;
    if (load === Number.POSITIVE_INFINITY) continue;
    best = number;
    least = load;
  }
  return best;
}

/** What stands before a job at a worker; Infinity if it is not to have it. */
function loadFor(task: PoolTask, crew: Crew | undefined, mayJoinFlush: boolean): number {
  let flushes = 0;
  let compactions = 0;
  let strangers = 0;
  for (const other of crew?.tasks.values() ?? []) {
    if (other.isFlush) flushes++;
    else compactions++;
    if (other.isFlush && other.client !== task.client) strangers++;
  }
  if (task.isFlush) return strangers;
  if (compactions > 0 || (flushes > 0 && !mayJoinFlush)) return Number.POSITIVE_INFINITY;
  return flushes;
}
