/**
 * Checking the files of an open database.
 * @module
 */
import type { Correction } from '../block/block-reader.ts';
import { isVarveError } from '../errors.ts';
import { FileVerification } from '../integrity/file-verification.ts';
import {
  contentFinding,
  type Damage,
  plainDamage,
  type VerifyFile,
} from '../integrity/verify-file.ts';
import { type VerifyResult, verifyJob } from '../integrity/verify-job.ts';
import { newRateShare, type RateShare } from '../job/rate-limiter.ts';
import { CURRENT_NAME } from '../manifest/file-names.ts';
import { recoverState } from '../manifest/manifest-recovery.ts';
import type { Version } from '../manifest/version.ts';
import { inParts, type PatientJobs } from './background/patient-jobs.ts';
import type { VerifyOptions, VerifyReport } from './call-options.ts';
import type { DbCore } from './core.ts';
import { noteDamage } from './damage.ts';
import { isLive, logsToVerify, tablesToVerify } from './verify-files.ts';

/** Beside a writer, logs that look damaged are looked at again: it may be in the midst of them. */
const LOOKS_MAX = 4;
const CURRENT_BYTES = 2048;

/** Reads files whole, a part of them on each worker. */
export async function verifyDatabase(
  core: DbCore,
  jobs: PatientJobs,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const verification = new Verification(core, jobs, options);
  await verification.run();
  return verification.report();
}

/** See {@link verifyDatabase}. */
class Verification {
  readonly #core: DbCore;
  readonly #jobs: PatientJobs;
  readonly #options: VerifyOptions;
  readonly #rate: RateShare | undefined;
  /** Of CURRENT, the manifest and logs. */
  #logDamages: readonly Damage[];
  #logCount: number;
  #results: (VerifyResult | undefined)[];
  /** By part of the tables, behind that of the logs. */
  readonly #bytesRead: number[];
  #bytesTotal: number;

  constructor(core: DbCore, jobs: PatientJobs, options: VerifyOptions) {
    const { bytesPerSecond } = options;
    this.#core = core;
    this.#jobs = jobs;
    this.#options = options;
    this.#rate =
      bytesPerSecond === undefined ? undefined : newRateShare(bytesPerSecond, jobs.isParallel);
    this.#logDamages = [];
    this.#logCount = 0;
    this.#results = [];
    this.#bytesRead = [];
    this.#bytesTotal = 0;
  }

  async run(): Promise<void> {
    const isAll = this.#options.files !== 'tables';
    const logs = isAll ? logsToVerify(this.#core) : [];
    const logBytes = bytesOf(logs) + (isAll ? CURRENT_BYTES : 0);
    this.#bytesTotal = logBytes + bytesOf(tablesToVerify(this.#core));
    if (isAll) await this.#runLogs(logs);
    // The tables of now: meanwhile a compaction may have replaced those of the beginning.
    const tables = tablesToVerify(this.#core);
    this.#bytesTotal = logBytes + bytesOf(tables);
    await this.#jobs.runParts(inParts(tables), async (part, i) => {
      this.#results[i] = await this.#runFiles(part, 1 + i);
    });
  }

  report(): VerifyReport {
    const results = this.#results.filter((result) => result !== undefined);
    const damages = [...this.#logDamages, ...results.flatMap((result) => result.damages)];
    const corrections = new Map(
      results.flatMap((result) => result.corrections.map((one) => [placeOf(one), one])),
    );
    const corrected = damages.filter(({ state }) => state === 'healable');
    const uncorrectable = damages.filter(({ state }) => state === 'lost');
    for (const damage of corrected) this.#note(damage, corrections.get(placeOf(damage)));
    for (const damage of uncorrectable) noteDamage(this.#core, damage);
    const tableCount = sumOf(results, ({ fileCount }) => fileCount);
    return {
      fileCount: this.#logCount + tableCount,
      tableCount,
      bytesRead: this.#bytesRead.reduce((sum, bytes) => sum + bytes, 0),
      corrected,
      uncorrectable,
      omittedCount: sumOf(results, ({ omittedCount }) => omittedCount),
    };
  }

  /** CURRENT, which is written in place, in one piece with nothing between; then the others. */
  async #runLogs(first: readonly VerifyFile[]): Promise<void> {
    let logs = first;
    // Nobody else writes to the files of this process.
    const looksMax = this.#core.manifest === undefined ? LOOKS_MAX : 1;
    for (let look = 1; ; look++) {
      const current = this.#verifyCurrent();
      const { damages } = await this.#runFiles(logs, 0);
      const manifest = this.#options.depth === 'checksums' ? [] : this.#verifyManifest(damages);
      const all = [...current, ...manifest, ...damages];
      const gone = new Set(
        logs.filter((file) => !isLive(this.#core, file)).map(({ name }) => name),
      );
      this.#logDamages = all.filter(({ file }) => !gone.has(nameOf(file)));
      this.#logCount = logs.length + 1;
      if (this.#logDamages.length === 0 || look === looksMax) break;
      logs = logsToVerify(this.#core);
    }
    this.#tell(0, bytesOf(logs) + CURRENT_BYTES);
  }

  #verifyCurrent(): Damage[] {
    const damages: Damage[] = [];
    const file: VerifyFile = {
      ...{ name: CURRENT_NAME, sizeBytes: CURRENT_BYTES, epoch: undefined },
      ...{ table: undefined, columnFamily: undefined },
      expected: { fileClass: 'current', fileNumber: 0 },
    };
    const look = new FileVerification(file, this.#core.jobContext(), (one) => damages.push(one));
    try {
      while (look.step(Number.POSITIVE_INFINITY));
    } finally {
      look.close();
    }
    return damages;
  }

  /** That what the manifest says is what the database works with. */
  #verifyManifest(known: readonly Damage[]): Damage[] {
    const { fs, location, pipeline, version, manifest, backgroundError } = this.#core;
    const isLost = known.some((one) => one.fileClass === 'manifest' && one.state === 'lost');
    if (isLost) return [];
    const file = { expected: { fileClass: 'manifest', fileNumber: 0 } } as const;
    let path = location.directory;
    let cause: string | undefined;
    try {
      const quiet = pipeline.telling(() => undefined);
      const { state } = recoverState(fs, location.directory, quiet);
      // Of a reader it may be later; after a failure it may hold an edit that did not count.
      const isOwn = manifest !== undefined && backgroundError === undefined;
      if (isOwn && !isSameTree(state.version, version)) cause = 'manifest is not what was written';
    } catch (error) {
      if (!isVarveError(error) || error.code === 'DETACHED') throw error;
      path = error.file ?? path;
      cause = error.message;
    }
    return cause === undefined ? [] : [plainDamage(contentFinding(path, file, 0, cause))];
  }

  async #runFiles(wanted: readonly VerifyFile[], part: number): Promise<VerifyResult> {
    // A compaction may have removed some while others had their turn.
    const files = wanted.filter((file) => isLive(this.#core, file));
    const tables = files.flatMap(({ table }) => (table === undefined ? [] : [table]));
    const { signal, depth = 'full' } = this.#options;
    const onProgress = (bytesRead: number): void => this.#tell(part, bytesRead);
    const job = verifyJob(files, depth, this.#rate);
    const result = await this.#jobs.run(job, { memtables: [], tables }, { signal, onProgress });
    this.#tell(part, job.reads.bytes);
    return result;
  }

  #tell(part: number, bytesRead: number): void {
    this.#bytesRead[part] = bytesRead;
    const sum = this.#bytesRead.reduce((total, bytes) => total + bytes, 0);
    this.#options.onProgress?.(sum, this.#bytesTotal);
  }

  /** What can be corrected is told as when a read corrects it, and has it healed. */
  #note({ file, offset, blockType, ranges }: Damage, correction: Correction | undefined): void {
    const { events, location } = this.#core;
    const correctedShards = Math.max(1, ranges.length);
    const seen = correction ?? { file, offset, blockType, correctedShards, correctedBits: 0 };
    location.heals.note(seen);
    events.corrected(seen);
  }
}

function placeOf({ file, offset }: { readonly file: string; readonly offset: number }): string {
  return `${file}@${offset}`;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True if two versions have the same tables in the same levels of the same families. */
function isSameTree(a: Version, b: Version): boolean {
  const [one, other] = [a, b].map(({ families }) =>
    [...families.values()].map(({ id, name, levels }) => [
      ...[id, name],
      levels.map((tables) => tables.map(({ fileNumber, sizeBytes }) => [fileNumber, sizeBytes])),
    ]),
  );
  return JSON.stringify(one) === JSON.stringify(other);
}

function bytesOf(files: readonly VerifyFile[]): number {
  return sumOf(files, ({ sizeBytes }) => sizeBytes);
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
