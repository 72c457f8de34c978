/**
 * The kinds of jobs that there are: of each, its job, its result, and what begins its run. Nothing
 * else of the executor knows what a job does.
 * @module
 */
import { type CopyJob, CopyJobRun, type CopyResult } from '../copy/copy-job.ts';
import { type ScrubJob, ScrubJobRun, type ScrubResult } from '../integrity/scrub-job.ts';
import { type VerifyJob, VerifyJobRun, type VerifyResult } from '../integrity/verify-job.ts';
import type { JobRun } from '../job/job.ts';
import type { JobContext } from '../job/job-context.ts';
import { type MergeJob, MergeJobRun, type MergeResult } from '../merge/merge-job.ts';

/** By the `kind` of the job. */
interface Kinds {
  flush: { job: MergeJob; result: MergeResult };
  compaction: { job: MergeJob; result: MergeResult };
  copy: { job: CopyJob; result: CopyResult };
  scrub: { job: ScrubJob; result: ScrubResult };
  verify: { job: VerifyJob; result: VerifyResult };
}

type Kind = keyof Kinds;
/** A job of any kind. */
export type AnyJob = Kinds[Kind]['job'];
/** What a job of any kind has brought about; plain data. */
export type AnyResult = Kinds[Kind]['result'];
/** What a job of this type brings about. */
export type ResultOf<J extends AnyJob> = Kinds[J['kind']]['result'];

type Begin<K extends Kind> = (job: Kinds[K]['job'], context: JobContext) => JobRun<AnyResult>;

const KINDS: { readonly [K in Kind]: Begin<K> } = {
  flush: (job, context) => new MergeJobRun(job, context),
  compaction: (job, context) => new MergeJobRun(job, context),
  copy: (job, context) => new CopyJobRun(job, context),
  scrub: (job, context) => new ScrubJobRun(job, context),
  verify: (job, context) => new VerifyJobRun(job, context),
};

/** Takes a job up on this thread; nothing is opened before its first step. */
export function beginJob(job: AnyJob, context: JobContext): JobRun<AnyResult> {
  const begin = KINDS[job.kind] as (job: AnyJob, context: JobContext) => JobRun<AnyResult>;
  return begin(job, context);
}
