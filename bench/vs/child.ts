/**
 * Measures one row on one store that can do it, in a process of its own so that memory and compiled
 * code are this store's alone. Argument: a {@link ChildJob} or {@link LoadJob} as JSON. Prints a
 * line of JSON: `answer` is a {@link ChildAnswer}, or absent after a load.
 * @module
 */
import type { Durability } from '../driver/engine.ts';
import type { Measurement } from '../driver/run.ts';
import { Session } from '../driver/session.ts';
import type { WorkloadSettings } from '../driver/settings.ts';
import { workloadNamed } from '../driver/workloads.ts';
import { makeEngine } from './peers.ts';
import { type Written, writtenBy } from './process-usage.ts';

export interface ChildJob {
  readonly peer: string;
  readonly directory: string;
  readonly settings: WorkloadSettings;
  readonly workload: string;
  /** The directory holds the data; else the session makes it. */
  readonly isLoaded: boolean;
}

/** A job that only makes data. */
export interface LoadJob {
  readonly peer: string;
  readonly directory: string;
  readonly settings: WorkloadSettings;
  readonly valueBytes: number;
  /** Write as many random keys over it afterwards. */
  readonly isOverwritten: boolean;
}

export interface ChildAnswer {
  readonly measurement: Measurement;
  readonly durability: Durability;
  readonly peakRssBytes: number;
  readonly written: Written | undefined;
}

async function measure(job: ChildJob): Promise<ChildAnswer> {
  const engine = makeEngine(job.peer);
  const workload = workloadNamed(job.workload);
  const session = new Session(engine, job.directory, job.settings, { isExisting: job.isLoaded });
  const durability = engine.durability(session.isSync(workload))!;
  await session.prepare(workload);
  // Caches and compiled code are warm in what is read; a fill warms up as it goes.
  if (workload.readsOnly) await session.run(workload);
  const before = writtenBy('self');
  const measurement = await session.run(workload);
  await session.close();
  const after = writtenBy('self');
  const written =
    before === undefined || after === undefined
      ? undefined
      : {
          wcharBytes: after.wcharBytes - before.wcharBytes,
          diskBytes: after.diskBytes - before.diskBytes,
        };
  const peakRssBytes = process.resourceUsage().maxRSS * 1024;
  return { measurement, durability, peakRssBytes, written };
}

async function load(job: LoadJob): Promise<void> {
  const settings = { ...job.settings, batchSize: 1000, limitSeconds: 0 };
  const session = new Session(makeEngine(job.peer), job.directory, settings, { isExisting: false });
  await session.open();
  await session.load(job.valueBytes);
  if (job.isOverwritten) await session.run(workloadNamed('overwrite'));
  await session.close();
}

const job = JSON.parse(process.argv[2]!) as ChildJob | LoadJob;
const answer = 'workload' in job ? await measure(job) : await load(job);
process.stdout.write(`${JSON.stringify({ answer })}\n`);
