/**
 * All workloads.
 * @module
 */
import { MIXED_WORKLOADS } from './mixed-workloads.ts';
import { READ_WORKLOADS } from './read-workloads.ts';
import type { Workload } from './workload.ts';
import { WRITE_WORKLOADS } from './write-workloads.ts';

export const WORKLOADS: readonly Workload[] = [
  ...WRITE_WORKLOADS,
  ...READ_WORKLOADS,
  ...MIXED_WORKLOADS,
];

/** @throws RangeError for a name that no workload has */
export function workloadNamed(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name);
  if (found === undefined) {
    const names = WORKLOADS.map((workload) => workload.name).join(', ');
    throw new RangeError(`there is no workload ${name}; there are ${names}`);
  }
  return found;
}
