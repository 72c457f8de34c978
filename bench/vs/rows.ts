/**
 * The rows of the comparison: workloads with their settings, and the data that each begins with.
 * @module
 */
import type { WorkloadSettings } from '../driver/settings.ts';
import { workloadNamed } from '../driver/workloads.ts';

/**
 * What a store holds when a row begins: nothing; `entries`: every key once, loaded in random order
 * and compacted; `overwritten`: as many random keys over these, not compacted; `records`: as
 * `entries`, with the values of YCSB.
 */
export type Dataset = 'empty' | 'entries' | 'overwritten' | 'records';

export interface Row {
  readonly name: string;
  readonly workload: string;
  readonly dataset: Dataset;
  readonly settings: Partial<WorkloadSettings>;
}

const BATCH = { batchSize: 1000 };

export const ROWS: readonly Row[] = [
  row('fillseq-1000', 'fillseq', 'empty', BATCH),
  row('fillrandom-1000', 'fillrandom', 'empty', BATCH),
  row('fillrandom', 'fillrandom', 'empty'),
  row('fillsync', 'fillsync', 'empty', { histogram: true }),
  row('readrandom', 'readrandom'),
  row('readrandom-borrow', 'readrandom-borrow'),
  row('readmissing', 'readmissing'),
  row('readhot', 'readhot'),
  row('multiread-100', 'multireadrandom', 'entries', { batchSize: 100 }),
  row('readseq', 'readseq'),
  row('readseq-entries', 'readseq-entries'),
  row('readreverse', 'readreverse'),
  row('seek-10', 'seekrandom', 'entries', { seekNexts: 10 }),
  row('prefixscan', 'prefixscan'),
  row('overwrite-1000', 'overwrite', 'entries', BATCH),
  row('updaterandom', 'updaterandom'),
  row('readwhilewriting', 'readwhilewriting'),
  row('deleterandom', 'deleterandom'),
  row('queue', 'queue'),
  row('compact', 'compact', 'overwritten'),
  row('open', 'open'),
  row('ycsba', 'ycsba', 'records'),
  row('ycsbb', 'ycsbb', 'records'),
  row('ycsbc', 'ycsbc', 'records'),
  row('ycsbd', 'ycsbd', 'records'),
  row('ycsbe', 'ycsbe', 'records'),
  row('ycsbf', 'ycsbf', 'records'),
];

function row(
  name: string,
  workload: string,
  dataset: Dataset = 'entries',
  settings: Partial<WorkloadSettings> = {},
): Row {
  return { name, workload, dataset, settings };
}

/** The row of a name, or all rows of a workload. @throws RangeError when there is none */
export function rowsNamed(name: string): Row[] {
  const found = ROWS.filter((one) => one.name === name || one.workload === name);
  if (found.length === 0) {
    const names = ROWS.map((one) => one.name).join(', ');
    throw new RangeError(`there is no row ${name}; there are ${names}`);
  }
  return found;
}

/** Whether the data can be used again after the row. */
export function leavesDataAlone(one: Row): boolean {
  return workloadNamed(one.workload).readsOnly;
}

export function valueBytesOf(dataset: Dataset, settings: WorkloadSettings): number {
  return settings.valueSize ?? (dataset === 'records' ? 1000 : 100);
}
