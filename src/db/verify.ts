/**
 * Checking all tables of an open database.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import type { Damage } from '../integrity/table-verification.ts';
import { type VerifyResult, verifyJob } from '../integrity/verify-job.ts';
import { newRateShare, type RateShare } from '../job/rate-limiter.ts';
import type { TableMeta } from '../sstable/table-meta.ts';
import type { PatientJobs } from './background/patient-jobs.ts';
import type { VerifyOptions, VerifyReport } from './call-options.ts';
import type { DbCore } from './core.ts';
import { noteDamage } from './damage.ts';

/** A job is given tables of so many bytes together, one at least. */
const JOB_BYTES = 0x200_0000;

/** Reads every table from disk, a part of them on each worker. */
export async function verifyDatabase(
  core: DbCore,
  jobs: PatientJobs,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const verification = new Verification(core, jobs, options);
  await verification.run();
  return verification.report;
}

/** See {@link verifyDatabase}. */
class Verification {
  readonly #core: DbCore;
  readonly #jobs: PatientJobs;
  readonly #options: VerifyOptions;
  readonly #rate: RateShare | undefined;
  readonly #parts: readonly (readonly TableMeta[])[];
  readonly #bytesTotal: number;
  /** By part. */
  readonly #results: (VerifyResult | undefined)[];
  readonly #bytesRead: number[];
  #nextPart: number;

  constructor(core: DbCore, jobs: PatientJobs, options: VerifyOptions) {
    const { bytesPerSecond } = options;
    this.#core = core;
    this.#jobs = jobs;
    this.#options = options;
    this.#rate =
      bytesPerSecond === undefined ? undefined : newRateShare(bytesPerSecond, jobs.isParallel);
    const tables = [...core.version.families.values()].flatMap(({ levels }) => levels.flat());
    this.#parts = partsOf(tables);
    this.#bytesTotal = bytesOf(tables);
    this.#results = [];
    this.#bytesRead = [];
    this.#nextPart = 0;
  }

  get report(): VerifyReport {
    const results = this.#results.filter((result) => result !== undefined);
    let tableCount = 0;
    for (const result of results) tableCount += result.tableCount;
    const corrected: Correction[] = results.flatMap((result) => result.corrected);
    const uncorrectable: Damage[] = results.flatMap((result) => result.uncorrectable);
    return { tableCount, bytesRead: this.#sumRead(), corrected, uncorrectable };
  }

  async run(): Promise<void> {
    const lanes = Array.from({ length: this.#jobs.countMax }, () => this.#runLane());
    await Promise.all(lanes);
  }

  /** Does one part after the other, until none is left. */
  async #runLane(): Promise<void> {
    try {
      while (this.#nextPart < this.#parts.length) await this.#runPart(this.#nextPart++);
    } finally {
      // After a failure the others need not begin another one.
      this.#nextPart = this.#parts.length;
    }
  }

  async #runPart(part: number): Promise<void> {
    const { version, events, location } = this.#core;
    // A compaction may have removed some while others had their turn.
    const live = version.tableNumbers();
    const tables = this.#parts[part]!.filter(({ fileNumber }) => live.has(fileNumber));
    const { signal } = this.#options;
    const onProgress = (bytesRead: number): void => this.#tell(part, bytesRead);
    const job = verifyJob(tables, this.#rate);
    const result = await this.#jobs.run(job, { memtables: [], tables }, { signal, onProgress });
    this.#results[part] = result;
    for (const correction of result.corrected) {
      location.heals.note(correction);
      events.corrected(correction);
    }
    for (const damage of result.uncorrectable) noteDamage(this.#core, damage);
    this.#tell(part, job.reads.bytes);
  }

  #tell(part: number, bytesRead: number): void {
    this.#bytesRead[part] = bytesRead;
    this.#options.onProgress?.(this.#sumRead(), this.#bytesTotal);
  }

  #sumRead(): number {
    return this.#bytesRead.reduce((sum, bytes) => sum + bytes, 0);
  }
}

/** Tables in their order, cut into parts for jobs. */
function partsOf(tables: readonly TableMeta[]): TableMeta[][] {
  const parts: TableMeta[][] = [];
  let bytes = JOB_BYTES;
  for (const table of tables) {
    if (bytes + table.sizeBytes > JOB_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(table);
    bytes += table.sizeBytes;
  }
  return parts;
}

function bytesOf(tables: readonly TableMeta[]): number {
  return tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
