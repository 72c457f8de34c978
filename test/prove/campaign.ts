/**
 * The damage campaign: several random damages at once to the files of a closed database, which may
 * be gone, or older, or changed places as well; then everything that there is for such a day.
 *
 * - It is opened and read: every value is right, or the error is typed.
 * - A scrub without the key finds the damage, changes nothing, heals what can be healed, and finds
 *   none of that again. If everything was healed, everything reads right. Where stripes give back
 *   all that was lost, every file is what it was.
 * - A repair, of what was healed or not, leaves a database that opens, holds nothing that was never
 *   written, and takes writes.
 *
 * A run follows from its seed alone.
 * @module
 */
import assert from 'node:assert/strict';
import { VarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { type ScrubReport, scrubDirectory } from '../../src/integrity/scrub-directory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { type Damage, damageOnce, isOfBytes, isWithinStripes } from './campaign-damage.ts';
import { repairAndCheck } from './campaign-repair.ts';
import type { CampaignSample } from './campaign-sample.ts';
import { contentOf, examine, fileOf } from './damage.ts';
import { DIRECTORY } from './environment.ts';

const DAMAGES_MAX = 5;

/** What became of the runs, by count. */
export interface CampaignCounts {
  runs: number;
  /** Not opened, before and after what could be healed was. */
  refused: number;
  refusedHealed: number;
  /** Opened, and some read failed, before and after. */
  failed: number;
  failedHealed: number;
  /** Findings of scrubs, those that were healed, and databases that were whole again. */
  findings: number;
  healed: number;
  whole: number;
  /** Databases of which stripes had to give back all that was lost, and did. */
  restored: number;
  /** Repairs that were done, and those that gave up. */
  repaired: number;
  unrepaired: number;
}

export function noCounts(): CampaignCounts {
  const healing = { findings: 0, healed: 0, whole: 0, restored: 0, repaired: 0, unrepaired: 0 };
  return { runs: 0, refused: 0, refusedHealed: 0, failed: 0, failedHealed: 0, ...healing };
}

/**
 * One run.
 * @throws Error that names seed, stages and damages, for a wrong value, an error that is not typed,
 * or a database that was healed and is not whole
 */
export async function runCampaign(
  samples: readonly CampaignSample[],
  seed: number,
  counts: CampaignCounts,
): Promise<void> {
  const random = new SeededRandom(seed);
  const sample = samples[random.below(samples.length)]!;
  const fs = sample.fs.clone();
  // Mostly one or two: more of them leave little to look at.
  const count = 1 + random.below(1 + random.below(DAMAGES_MAX));
  const damages = Array.from({ length: count }, () => damageOnce(sample, fs, random));
  try {
    await new CampaignRun(sample, fs, damages, counts).run(random);
  } catch (cause) {
    const what = damages.map(({ kind, file }) => `${kind} ${file}`).join(', ');
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`seed ${seed}, stages ${sample.name}, ${what}: ${why}`, { cause });
  }
  counts.runs++;
}

class CampaignRun {
  readonly #sample: CampaignSample;
  readonly #damaged: MemoryFs;
  readonly #damages: readonly Damage[];
  readonly #counts: CampaignCounts;

  constructor(
    sample: CampaignSample,
    damaged: MemoryFs,
    damages: readonly Damage[],
    counts: CampaignCounts,
  ) {
    this.#sample = sample;
    this.#damaged = damaged;
    this.#damages = damages;
    this.#counts = counts;
  }

  async run(random: SeededRandom): Promise<void> {
    const counts = this.#counts;
    const first = await examine(this.#sample, this.#damaged.clone(), random.chance(0.3));
    if (first.isRefused) counts.refused++;
    else if (first.failedReads > 0) counts.failed++;
    await this.#scrub();
    await this.#repair(random.chance(0.5));
  }

  async #repair(isHealedFirst: boolean): Promise<void> {
    const fs = this.#damaged.clone();
    if (isHealedFirst) await typed(() => scrubDirectory(fs, DIRECTORY, { heal: true }));
    const outcome = await repairAndCheck(this.#sample, fs);
    if (outcome === 'repaired') this.#counts.repaired++;
    if (outcome === 'refused') this.#counts.unrepaired++;
  }

  async #scrub(): Promise<void> {
    const counts = this.#counts;
    const fs = this.#damaged.clone();
    const looked = await typed(() => scrubDirectory(fs, DIRECTORY));
    assert.ok(isSame(fs, this.#damaged), 'a scrub that only looks has changed something');
    const report = await typed(() => scrubDirectory(fs, DIRECTORY, { heal: true }));
    if (isWithinStripes(this.#sample, this.#damages)) {
      assert.ok(isSame(fs, this.#sample.fs), 'stripes did not give back what was lost');
      counts.restored++;
    }
    if (looked === undefined || report === undefined) return;
    // Looks go on where something was healed: they may find more.
    assert.equal(report.findings.length > 0, looked.findings.length > 0, 'two looks differ');
    const healed = report.findings.filter(({ isHealed }) => isHealed).length;
    counts.findings += report.findings.length;
    counts.healed += healed;
    const again = await scrubDirectory(fs, DIRECTORY);
    const left = again.findings.filter(({ state }) => state === 'healable');
    const refusals = report.findings.filter(({ refusal }) => refusal !== undefined);
    assert.ok(left.length <= refusals.length, `healable after healing: ${left[0]?.cause}`);
    await this.#examineHealed(fs, report);
  }

  async #examineHealed(fs: MemoryFs, report: ScrubReport): Promise<void> {
    const counts = this.#counts;
    const after = await examine(this.#sample, fs.clone(), false);
    if (after.isRefused) counts.refusedHealed++;
    else if (after.failedReads > 0) counts.failedHealed++;
    else counts.whole++;
    // Without the manifest, a log that has lost its end passes for one that was not written to it.
    const isAllHealed =
      report.findings.every(({ isHealed }) => isHealed) && report.tornLogs.length === 0;
    if (!isAllHealed || !isOfBytes(this.#damages)) return;
    assert.ok(!after.isRefused, 'everything was healed, and it does not open');
    assert.equal(after.failedReads, 0, 'everything was healed, and reads fail');
  }
}

/** Undefined where it throws as it may. */
async function typed<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    return undefined;
  }
}

function isSame(fs: MemoryFs, other: MemoryFs): boolean {
  const names = fs.list(DIRECTORY).sort();
  if (names.join() !== other.list(DIRECTORY).sort().join()) return false;
  return names.every((name) =>
    Buffer.from(contentOf(fileOf(fs, name))).equals(contentOf(fileOf(other, name))),
  );
}
