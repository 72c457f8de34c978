/**
 * Damage to tables with stripes is found without a key, told, and healed in place: what stripes
 * restore, what only parity of blocks restores, and the parity of stripes itself.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { EccOptions, StripeOptions } from '../../src/ecc/options.ts';
import { CHUNK_BYTES } from '../../src/ecc/stripe-layout.ts';
import { expectedTable } from '../../src/integrity/expected-files.ts';
import { FileCheck } from '../../src/integrity/file-check.ts';
import type { ExpectedFile, Finding } from '../../src/integrity/finding.ts';
import { healFile } from '../../src/integrity/heal.ts';
import { ScrubJobRun, scrubJob } from '../../src/integrity/scrub-job.ts';
import type { JobContext } from '../../src/job/job-context.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { DATABASE_ID } from '../block/pipelines.ts';
import { fsWith, noiseOf, type Sample, sampleOf, withHole } from '../sstable/striped-table.ts';
import { TABLE_PATH } from '../sstable/table-model.ts';

type Striped = EccOptions & { stripe: StripeOptions };

const ALONE: Striped = { scheme: 'none', stripe: { data: 6, parity: 2 } };
const ONE: Striped = { scheme: 'none', stripe: { data: 6, parity: 1 } };
const BOTH: Striped = {
  scheme: 'reed-solomon',
  data: 4,
  parity: 2,
  stripe: { data: 6, parity: 1 },
};

/** What the manifest says, and what is known without it. */
function expectations({ meta }: Sample): ExpectedFile[] {
  return [expectedTable(meta, DATABASE_ID), { fileClass: 'table', fileNumber: 7, isClosed: true }];
}

function findingsIn(fs: ReturnType<typeof fsWith>, expected: ExpectedFile): Finding[] {
  const found: Finding[] = [];
  const file = fs.open(TABLE_PATH, 'read');
  const check = new FileCheck(file, expected, (finding) => found.push(finding));
  for (let goesOn = true; goesOn; ) {
    const before = check.position;
    goesOn = check.step(20_000);
    assert.ok(check.position >= before, 'a check goes on, and never back');
  }
  assert.equal(check.position, check.sizeBytes);
  file.close();
  return found;
}

/** Heals until nothing is found, and compares with the table as it was written. */
function expectHealed(
  { bytes }: Sample,
  damaged: Uint8Array,
  expected: ExpectedFile,
  what: string,
) {
  const fs = fsWith(damaged);
  let isFound = false;
  for (let pass = 0; pass < 3; pass++) {
    const findings = findingsIn(fs, expected);
    if (findings.length === 0) break;
    isFound = true;
    const lost = findings.filter(({ state }) => state === 'lost');
    assert.deepEqual(lost, [], what);
    const result = healFile(fs, TABLE_PATH, expected, findings);
    assert.deepEqual([result.left, result.refusal], [[], undefined], what);
    assert.ok(result.healed.length > 0, what);
  }
  assert.ok(isFound, `${what}: nothing is found`);
  const file = fs.fileAt(TABLE_PATH)!;
  const healed = new Uint8Array(file.size);
  file.read(healed, 0, healed.length, 0);
  assert.ok(Buffer.compare(healed, bytes) === 0, `${what}: healed to other bytes`);
}

for (const [name, ecc, isSealed] of [
  ['stripes alone', ALONE, false],
  ['stripes of one unit', ONE, true],
  ['stripes, shards and AES', BOTH, true],
] as const) {
  suite(`a table with ${name}`, () => {
    test('has any hole of the largest length healed in place', async () => {
      const sample = await sampleOf(ecc, noiseOf(80, 400), isSealed);
      const { bytes, layout } = sample;
      const length = layout.holeBytesMax;
      const random = new SeededRandom(1);
      for (const expected of expectations(sample)) {
        assert.deepEqual(findingsIn(fsWith(bytes), expected), []);
        const last = bytes.length - length;
        for (const from of [0, 1, layout.bodyBytes - 1, last, random.below(last)]) {
          const hole = withHole(bytes, Math.max(0, from), length, 0xee);
          expectHealed(sample, hole, expected, `hole at ${from}`);
        }
      }
    });

    test('is scrubbed by one job, in steps', async () => {
      const sample = await sampleOf(ecc, noiseOf(80, 400), isSealed);
      const { bytes, layout } = sample;
      const hole = withHole(bytes, 5000, layout.holeBytesMax, 0xee);
      const context = {
        fs: fsWith(hole),
        directory: TABLE_PATH.slice(0, TABLE_PATH.lastIndexOf('/')),
        clock: new SimulatedClock(0),
        limiter: undefined,
      } as unknown as JobContext;
      const name = TABLE_PATH.slice(TABLE_PATH.lastIndexOf('/') + 1);
      const [known] = expectations(sample);
      const run = new ScrubJobRun(scrubJob(name, known!, 0, 4096), context);
      let [steps, before] = [0, 0];
      for (let result = run.step(4096); ; result = run.step(4096)) {
        steps++;
        if (result !== undefined) {
          assert.deepEqual([result.position, result.isDone], [bytes.length, true]);
          assert.ok(result.findings.length > 0);
          assert.ok(result.findings.every(({ state }) => state === 'healable'));
          break;
        }
        // A stripe, or a block, more than was asked for.
        assert.ok(run.bytesRead - before < 80_000, `a step over ${run.bytesRead - before} bytes`);
        before = run.bytesRead;
      }
      assert.ok(steps > 2, `${steps} steps`);
    });

    test('has every changed byte healed', async () => {
      const sample = await sampleOf(ecc, noiseOf(10, 300), isSealed);
      const [known, unknown] = expectations(sample);
      for (let at = 0; at < sample.bytes.length; at += 97) {
        const expected = at % 2 === 0 ? known! : unknown!;
        expectHealed(sample, withHole(sample.bytes, at, 1, -1), expected, `byte ${at}`);
      }
    });

    test('gets a lost end back, if somebody knows its size, and is not cut further', async () => {
      const sample = await sampleOf(ecc, noiseOf(80, 400), isSealed);
      const { bytes, layout } = sample;
      const [known, unknown] = expectations(sample);
      for (const missing of [1, 64, 4096, layout.holeBytesMax]) {
        const cut = bytes.slice(0, -missing);
        expectHealed(sample, cut, known!, `${missing} bytes are missing`);
        const findings = findingsIn(fsWith(cut), unknown!);
        assert.deepEqual(
          findings.map(({ part, state }) => [part, state]),
          [['end', 'lost']],
        );
      }
    });

    test('loses what stands behind it', async () => {
      const sample = await sampleOf(ecc, noiseOf(20, 400), isSealed);
      const longer = Buffer.concat([sample.bytes, new Uint8Array(5000).fill(3)]);
      expectHealed(sample, longer, expectations(sample)[0]!, 'behind the end');
    });
  });
}

test('what two units and shards of a block undo together is healed', async () => {
  const sample = await sampleOf(BOTH, noiseOf(80, 400));
  const { bytes, layout } = sample;
  // Two chunks of one stripe are beyond it; what is wrong of each is within the block's parity.
  const chunk = 2;
  const stripe = layout.stripeOf(chunk);
  let damaged = bytes;
  for (let c = chunk; c < layout.chunkCount; c += layout.stripeCount) {
    assert.equal(layout.stripeOf(c), stripe);
    damaged = withHole(damaged, c * CHUNK_BYTES + 900, 20, -1);
  }
  // And its unit: nobody lists the chunks any more.
  for (const at of [undefined, layout.unitPosition(stripe, 0)]) {
    const both = at === undefined ? damaged : withHole(damaged, at, 50, -1);
    for (const expected of expectations(sample)) {
      expectHealed(sample, both, expected, `unit ${at === undefined ? 'sound' : 'damaged'}`);
    }
  }
});

test('units are not made anew of a body that is damaged', async () => {
  const sample = await sampleOf(ONE, noiseOf(80, 400));
  const { bytes, layout } = sample;
  const stripe = layout.stripeOf(3);
  let damaged = withHole(bytes, 3 * CHUNK_BYTES + 100, 2000, -1);
  damaged = withHole(damaged, layout.unitPosition(stripe, 0), 50, -1);
  for (const expected of expectations(sample)) {
    const fs = fsWith(damaged);
    const findings = findingsIn(fs, expected);
    assert.ok(findings.some(({ state, part }) => state === 'lost' && part === 'block'));
    assert.ok(!findings.some(({ part }) => part === 'stripe'), 'the unit is left as it is');
    healFile(fs, TABLE_PATH, expected, findings);
    assert.ok(findingsIn(fs, expected).some(({ state }) => state === 'lost'));
  }
});

test('units are not made anew of a chunk whose copy of the header is damaged', async () => {
  for (const ecc of [ONE, BOTH]) {
    const sample = await sampleOf(ecc, noiseOf(80, 400));
    const { bytes, layout } = sample;
    const damagedUnit = layout.unitPosition(layout.stripeOf(0), 0) + 30;
    const damaged = withHole(withHole(bytes, 98, 1, -1), damagedUnit, 50, -1);
    for (const expected of expectations(sample)) expectHealed(sample, damaged, expected, 'both');
  }
});
