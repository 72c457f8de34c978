/**
 * Stripes are read in bands, and a hole is healed in parts: calls and memory do not grow with the
 * hole as its chunks do.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BAND_BYTES } from '../../src/block/stripe-band.ts';
import { StripeReader } from '../../src/block/stripe-reader.ts';
import { CHUNK_BYTES } from '../../src/ecc/stripe-layout.ts';
import type { Fs } from '../../src/fs/port.ts';
import { expectedTable } from '../../src/integrity/expected-files.ts';
import { FileCheck } from '../../src/integrity/file-check.ts';
import type { Finding } from '../../src/integrity/finding.ts';
import { healByReplacing, healFile } from '../../src/integrity/heal.ts';
import { DATABASE_ID } from '../block/pipelines.ts';
import { observed } from '../prove/observed-fs.ts';
import { fsWith, noiseOf, type Sample, sampleOf, withHole } from '../sstable/striped-table.ts';
import { TABLE_PATH } from '../sstable/table-model.ts';
import { lossyDisk, SECTOR_BYTES } from './lossy-disk.ts';

const STRIPE = { data: 3, parity: 1 } as const;
const ENOUGH = 1 << 24;
/** What healing holds: bytes to be written, and what a place that is looked at may add to them. */
const WRITE_BYTES_MAX = 1.3 * 1024 * 1024;

/** Reads and writes of a table's file. */
interface Calls {
  reads: number;
  readBytes: number;
  writes: number[];
}

function counted(disk: Fs, calls: Calls): Fs {
  return observed<Fs>(disk, {
    before: (operation, _, args) => {
      const length = args[2] as number;
      if (operation === 'read') {
        calls.reads++;
        calls.readBytes += length;
      }
      if (operation === 'write') calls.writes.push(length);
      return false;
    },
  });
}

function noCalls(): Calls {
  return { reads: 0, readBytes: 0, writes: [] };
}

function findingsIn(fs: Fs, { meta }: Sample): Finding[] {
  const found: Finding[] = [];
  const file = fs.open(TABLE_PATH, 'read');
  const check = new FileCheck(file, expectedTable(meta, DATABASE_ID), (one) => found.push(one));
  while (check.step(ENOUGH));
  file.close();
  return found;
}

function contentOf(fs: ReturnType<typeof fsWith>): Uint8Array {
  const file = fs.fileAt(TABLE_PATH)!;
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** 10 MB in 840 stripes, and a hole of 3.3 MB from the body into the units. */
async function largeSample() {
  const sample = await sampleOf({ scheme: 'none', stripe: STRIPE }, noiseOf(1000, 10_000));
  const { bytes, layout } = sample;
  const length = layout.holeBytesMax;
  assert.ok(length > 3e6);
  const from = layout.bodyBytes - Math.floor(length / 2);
  return { sample, from, length, damaged: withHole(bytes, from, length, 0xee) };
}

suite('a large hole in a table with stripes', async () => {
  const { sample, from, length, damaged } = await largeSample();
  const { layout, meta, bytes } = sample;
  const expected = expectedTable(meta, DATABASE_ID);
  const bandStripes = Math.floor(BAND_BYTES / (4 * CHUNK_BYTES));
  const bands = Math.ceil(layout.stripeCount / bandStripes);

  test('is looked at in bands', () => {
    const calls = noCalls();
    const findings = findingsIn(counted(fsWith(damaged), calls), sample);
    assert.ok(findings.length >= Math.floor(length / CHUNK_BYTES));
    // Four ranges for each band, the same for the chunks that windows of 256 KiB show, and each
    // damaged chunk and unit once to be compared.
    const forStripes = 2 * 4 * bands + findings.length;
    assert.ok(calls.reads < forStripes + 300, `${calls.reads} reads, ${forStripes} of stripes`);
  });

  test('is read by a block in bands', () => {
    const calls = noCalls();
    const file = counted(fsWith(damaged), calls).open(TABLE_PATH, 'read');
    const stripes = new StripeReader(file, layout, meta.salt!);
    const count = Math.floor(length / 2 / CHUNK_BYTES) - 1;
    const position = (Math.floor(from / CHUNK_BYTES) + 1) * CHUNK_BYTES;
    const hole = new Uint8Array(count * CHUNK_BYTES);
    assert.equal(stripes.restore(hole, 0, hole.length, position), count);
    assert.ok(Buffer.compare(hole, bytes.subarray(position, position + hole.length)) === 0);
    const most = 4 * (Math.ceil(count / bandStripes) + 1);
    assert.ok(calls.reads <= most, `${calls.reads} reads, at most ${most}`);
  });

  test('is healed in parts, none of which is large', () => {
    const calls = noCalls();
    const disk = fsWith(damaged);
    const findings = findingsIn(disk, sample);
    const { healed, left, refusal } = healFile(
      counted(disk, calls),
      TABLE_PATH,
      expected,
      findings,
    );
    assert.deepEqual([left, refusal, healed.length], [[], undefined, findings.length]);
    assert.ok(Buffer.compare(contentOf(disk), bytes) === 0);
    assert.ok(calls.writes.length >= 3, `${calls.writes.length} writes`);
    assert.ok(Math.max(...calls.writes) < WRITE_BYTES_MAX, `${Math.max(...calls.writes)} at once`);
    // Found and attested: all of each stripe twice and the hole twice; and all of the file, before
    // units are made anew.
    const most = 10 * length + 3 * bytes.length;
    assert.ok(calls.readBytes < most, `${calls.readBytes} bytes read, at most ${most}`);
    assert.ok(calls.reads < 3 * findings.length, `${calls.reads} reads`);
  });

  test('is healed where its sectors have to be written as a whole', () => {
    for (const isReplaced of [false, true]) {
      const lost = new Set<number>();
      const sectorEnd = Math.floor((from + length) / SECTOR_BYTES);
      for (let n = Math.ceil(from / SECTOR_BYTES); n < sectorEnd; n++) lost.add(n);
      const disk = fsWith(bytes);
      const lossy = lossyDisk(disk, TABLE_PATH, bytes.length, lost);
      const findings = findingsIn(lossy, sample);
      assert.ok(findings.every(({ state }) => state === 'healable'));
      const name = TABLE_PATH.slice(4);
      const { left, refusal } = isReplaced
        ? healByReplacing(lossy, 'dir', name, expected, findings)
        : healFile(lossy, TABLE_PATH, expected, findings);
      assert.deepEqual([left, refusal], [[], undefined]);
      assert.ok(Buffer.compare(contentOf(disk), bytes) === 0);
      if (!isReplaced) assert.equal(lost.size, 0);
    }
  });
});

test('a hole is healed with other damage, whatever the order of the findings', async () => {
  const ecc = { scheme: 'secded', stripe: { data: 6, parity: 2 } } as const;
  const sample = await sampleOf(ecc, noiseOf(300, 400), true);
  const { bytes, layout, meta } = sample;
  let damaged = withHole(bytes, 3 * CHUNK_BYTES, 2 * CHUNK_BYTES, 0);
  damaged = withHole(damaged, layout.bodyBytes + 10, layout.unitBytes, 0xaa);
  damaged = withHole(damaged, 2, 40, 0);
  const expected = expectedTable(meta, DATABASE_ID);
  const disk = fsWith(damaged);
  const findings = findingsIn(disk, sample).reverse();
  const { healed, left } = healFile(disk, TABLE_PATH, expected, findings);
  assert.deepEqual([left, healed.length], [[], findings.length]);
  assert.ok(Buffer.compare(contentOf(disk), bytes) === 0);
});
