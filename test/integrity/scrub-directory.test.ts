/**
 * The scrub of a closed directory: without its key it finds and heals, and the database is whole.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CHUNK_BYTES, StripeLayout } from '../../src/ecc/stripe-layout.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { type ScrubReport, scrubDirectory } from '../../src/integrity/scrub-directory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { testKeys } from '../block/pipelines.ts';
import { code } from '../db/helpers.ts';
import { contentOf, examine, fileOf, makeDeadSample, makeSample } from '../prove/damage.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';

const encryption = { suite: 'aes-256-gcm', epoch: 2, keys: testKeys(2) } as const;
const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;

function outcomes({ findings }: ScrubReport): string[] {
  return findings.map(
    ({ part, state, isHealed }) => `${part} ${state}${isHealed ? ', healed' : ''}`,
  );
}

function flip(fs: MemoryFs, name: string, at: number): void {
  const file = fileOf(fs, name);
  const byte = contentOf(file)[at]!;
  file.write(Uint8Array.of(byte ^ 0x40), 0, 1, at);
}

for (const isEncrypted of [false, true]) {
  suite(`a directory that is ${isEncrypted ? 'encrypted' : 'in the clear'}`, async () => {
    const stages = { compression: 'none', ecc, ...(isEncrypted ? { encryption } : {}) } as const;
    const sample = await makeSample(stages);
    const names = sample.files.filter((name) => !name.startsWith('LOCK'));

    test('is sound', async () => {
      const fs = sample.fs.clone();
      const told: number[][] = [];
      const onProgress = (...numbers: number[]) => told.push(numbers);
      const report = await scrubDirectory(fs, DIRECTORY, { onProgress });
      assert.deepEqual(report.findings, []);
      assert.deepEqual(report.tornLogs, []);
      assert.equal(report.fileCount, names.length);
      assert.equal(report.isManifestRead, !isEncrypted);
      const total = names.reduce((sum, name) => sum + fileOf(fs, name).size, 0);
      assert.equal(report.bytesRead, total);
      assert.deepEqual(told.at(-1), [total, total]);
    });

    test('is healed without its key, and a second scrub finds nothing', async () => {
      const fs = sample.fs.clone();
      const random = new SeededRandom(5);
      for (const name of names) {
        const { size } = fileOf(fs, name);
        for (let at = random.below(100); at < size; at += 900) flip(fs, name, at);
      }
      const damaged = new Map(names.map((name) => [name, contentOf(fileOf(fs, name))]));
      const look = await scrubDirectory(fs, DIRECTORY);
      assert.ok(look.findings.every(({ isHealed }) => !isHealed));
      for (const name of names) {
        assert.deepEqual(contentOf(fileOf(fs, name)), damaged.get(name), 'a look changes nothing');
        assert.ok(look.findings.some(({ file }) => file.endsWith(name)));
      }
      const told: unknown[] = [];
      const onFinding = (finding: unknown) => told.push(finding);
      const healed = await scrubDirectory(fs, DIRECTORY, { heal: true, onFinding });
      assert.deepEqual(told, healed.findings);
      assert.equal(healed.findings.length, look.findings.length);
      assert.ok(healed.findings.every(({ isHealed }) => isHealed));
      for (const name of names) {
        const right = contentOf(fileOf(sample.fs, name));
        assert.deepEqual(contentOf(fileOf(fs, name)), right, name);
      }
      assert.deepEqual((await scrubDirectory(fs, DIRECTORY)).findings, []);
      const { isRefused, failedReads, corrected } = await examine(sample, fs, false);
      assert.deepEqual([isRefused, failedReads, corrected], [false, 0, []]);
    });

    test('has no log that was never written, after a clean close', async () => {
      const fs = sample.fs.clone();
      const log = names.find((name) => name.endsWith('.wal'))!;
      const file = fileOf(fs, log);
      file.write(new Uint8Array(file.size), 0, file.size, 0);
      const { findings, tornLogs } = await scrubDirectory(fs, DIRECTORY);
      assert.ok(findings.some((finding) => finding.file.endsWith(log) && finding.state === 'lost'));
      assert.deepEqual(tornLogs, []);
      assert.equal((await examine(sample, fs, false)).isRefused, true);
      // Another one concerns nobody, where that is known.
      const other = sample.fs.clone();
      const more = other.open(`${DIRECTORY}/000001.wal`, 'create');
      more.write(new Uint8Array(500), 0, 500, 0);
      more.close();
      const { unnamed } = await scrubDirectory(other, DIRECTORY);
      assert.deepEqual(unnamed, isEncrypted ? [] : ['000001.wal']);
    });

    test('has a table healed whose header is lost, block for block', async () => {
      // Without the manifest nothing behind such a header can be checked.
      if (isEncrypted) return;
      const fs = sample.fs.clone();
      const table = names.find((name) => name.endsWith('.sst'))!;
      fileOf(fs, table).write(new Uint8Array(190).fill(9), 0, 190, 0);
      flip(fs, table, 230);
      const report = await scrubDirectory(fs, DIRECTORY, { heal: true });
      assert.deepEqual(outcomes(report).sort(), ['block healable, healed', 'header lost']);
      assert.ok(report.findings.every(({ refusal }) => refusal === undefined));
    });

    test('is looked at in part, where files are named', async () => {
      const fs = sample.fs.clone();
      const [table, other] = names.filter((name) => name.endsWith('.sst')) as [string, string];
      flip(fs, table, 300);
      flip(fs, other, 300);
      const report = await scrubDirectory(fs, DIRECTORY, { heal: true, files: [table] });
      assert.deepEqual(outcomes(report), ['block healable, healed']);
      assert.equal(report.fileCount, 1);
      assert.deepEqual(outcomes(await scrubDirectory(fs, DIRECTORY)), ['block healable']);
      const files = ['000099.sst'];
      await assert.rejects(scrubDirectory(fs, DIRECTORY, { files }), code('INVALID'));
    });

    test('is not healed while somebody has it open, but can be looked at', async () => {
      const fs = sample.fs.clone();
      const db = await openSeeded(fs, 8, sample.options);
      db.put('another', '1');
      await assert.rejects(scrubDirectory(fs, DIRECTORY, { heal: true }), code('LOCKED'));
      assert.deepEqual((await scrubDirectory(fs, DIRECTORY)).findings, []);
      await db.close();
      assert.deepEqual((await scrubDirectory(fs, DIRECTORY, { heal: true })).findings, []);
    });

    test('of a process that died is sound', async () => {
      const { fs } = await makeDeadSample(stages);
      const report = await scrubDirectory(fs, DIRECTORY, { heal: true });
      assert.deepEqual(report.findings, []);
    });
  });
}

test('a table that is missing is noticed where the manifest can be read', async () => {
  const sample = await makeSample();
  const name = sample.files.find((file) => file.endsWith('.sst'))!;
  sample.fs.remove(`${DIRECTORY}/${name}`);
  const report = await scrubDirectory(sample.fs, DIRECTORY, { heal: true });
  assert.deepEqual(outcomes(report), ['file lost']);
  assert.match(report.findings[0]!.cause, /missing/);
});

test('a copy made of hard links is healed, and its original stays as it was', async () => {
  const sample = await makeSample({ ecc });
  const { fs } = sample;
  const names = sample.files.filter((name) => !name.startsWith('LOCK'));
  for (const name of names) flip(fs, name, 200);
  fs.createDirectory('copy');
  for (const name of names) fs.link(`${DIRECTORY}/${name}`, `copy/${name}`);
  const report = await scrubDirectory(fs, 'copy', { heal: true });
  assert.equal(report.findings.length, names.length);
  assert.ok(report.findings.every(({ isHealed }) => isHealed));
  assert.deepEqual((await scrubDirectory(fs, 'copy')).findings, []);
  assert.equal((await scrubDirectory(fs, DIRECTORY)).findings.length, names.length);
});

test('damage without a code is told, and left as it is', async () => {
  const sample = await makeSample();
  const name = sample.files.find((file) => file.endsWith('.sst'))!;
  flip(sample.fs, name, 200);
  const before = contentOf(fileOf(sample.fs, name));
  const report = await scrubDirectory(sample.fs, DIRECTORY, { heal: true });
  assert.deepEqual(outcomes(report), ['block lost']);
  assert.deepEqual(contentOf(fileOf(sample.fs, name)), before);
});

test('a directory without a database is refused', async () => {
  const fs = new MemoryFs();
  fs.createDirectory('empty');
  await assert.rejects(scrubDirectory(fs, 'empty'), code('INVALID'));
  await assert.rejects(scrubDirectory(fs, 'none', { heal: true }), code('INVALID'));
  assert.deepEqual(fs.list('empty'), []);
  await assert.rejects(scrubDirectory(fs, 'empty', { heal: 1 as never }), TypeError);
});

test('what healed blocks bring within the budget of stripes is healed at once', async () => {
  const stripe = { data: 6, parity: 1 } as const;
  const whole = new MemoryFs();
  const db = await openSeeded(whole, 1, { compression: 'none', ecc: { ...ecc, stripe } });
  for (let i = 0; i < 400; i++) db.put(`key ${i}`, `${i} `.repeat(40));
  await db.compact();
  await db.close();
  const name = whole.list(DIRECTORY).find((file) => file.endsWith('.sst'))!;
  const bytes = contentOf(fileOf(whole, name));
  const layout = StripeLayout.ofFile(stripe, bytes.length)!;
  assert.ok(layout.chunkCount > layout.stripeCount);
  // All of a chunk, with blocks as a whole, and a bit of another chunk of its stripe.
  const fs = whole.clone();
  const file = fileOf(fs, name);
  file.write(new Uint8Array(CHUNK_BYTES).fill(0xee), 0, CHUNK_BYTES, 0);
  flip(fs, name, layout.stripeCount * CHUNK_BYTES + 300);
  const report = await scrubDirectory(fs, DIRECTORY, { heal: true });
  assert.ok(report.findings.length >= 2);
  assert.ok(
    report.findings.every(({ isHealed }) => isHealed),
    outcomes(report).join(),
  );
  assert.deepEqual(contentOf(file), bytes);
});
