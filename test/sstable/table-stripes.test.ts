/**
 * Tables with stripes: what is lost in one piece comes back, wherever it is, by stripes alone and
 * together with every other stage.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FILE_CLASS_TABLE } from '../../src/block/file-header.ts';
import { readLastHeader, stripesOf } from '../../src/block/striped-file.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { EccOptions, StripeOptions } from '../../src/ecc/options.ts';
import { CHUNK_BYTES, HEADER_COPY_BYTES } from '../../src/ecc/stripe-layout.ts';
import { isVarveError, VarveError } from '../../src/errors.ts';
import { readOwnProperties, Table } from '../../src/sstable/table.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { fsWith, noiseOf, type Sample, sampleOf, withHole } from './striped-table.ts';
import { current, TABLE_PATH } from './table-model.ts';

function open({ meta, pipeline }: Sample, bytes: Uint8Array): Table {
  const file = fsWith(bytes).open(TABLE_PATH, 'read');
  return Table.open(file, meta, new BlockCache(1 << 20), pipeline);
}

/** All entries are read as they were written, and a verification is content and tells the same. */
function expectWhole(sample: Sample, bytes: Uint8Array, what: string): void {
  const table = open(sample, bytes);
  const cursor = table.cursor();
  let isValid = cursor.first();
  for (const entry of sample.entries) {
    assert.ok(isValid, what);
    assert.deepEqual(current(cursor), entry, what);
    isValid = cursor.next();
  }
  assert.ok(!isValid, what);
  cursor.close();
  sample.corrections.length = 0;
  assert.equal(table.verify().entryCount, sample.entries.length, what);
  assert.ok(sample.corrections.length > 0, `${what}: nobody is told`);
  table.close();
}

const STRIPES: Readonly<Record<string, EccOptions & { stripe: StripeOptions }>> = {
  'stripes of 5 and 1': { scheme: 'none', stripe: { data: 5, parity: 1 } },
  'stripes of 20 and 2': { scheme: 'none', stripe: { data: 20, parity: 2 } },
  'stripes of 7 and 3, shards': {
    scheme: 'reed-solomon',
    data: 4,
    parity: 2,
    stripe: { data: 7, parity: 3 },
  },
  'stripes of 3 and 6, bits': { scheme: 'secded', stripe: { data: 3, parity: 6 } },
};

for (const [name, ecc] of Object.entries(STRIPES)) {
  for (const isSealed of [false, true]) {
    suite(`a table with ${name}${isSealed ? ', AES and LZ4' : ''}`, () => {
      test('has one hole of the largest length rebuilt, wherever it is', async () => {
        const sample = await sampleOf(ecc, noiseOf(150, 400), isSealed);
        const { bytes, layout } = sample;
        const { holeBytesMax: length, bodyBytes } = layout;
        const places = [0, 1, CHUNK_BYTES, bodyBytes - length, bodyBytes - 100, bodyBytes];
        for (const at of [...places, bytes.length - length, bytes.length - 1]) {
          const from = Math.max(0, at);
          expectWhole(sample, withHole(bytes, from, length, 0xee), `hole at ${from}`);
        }
        fc.assert(
          fc.property(fc.nat(bytes.length - 1), fc.constantFrom(0, 255, -1), (from, fill) => {
            // Zeros over the zeros of the file would be no damage.
            expectWhole(sample, withHole(bytes, from, length, fill), `hole at ${from}`);
          }),
          { numRuns: 15 },
        );
      });

      test('is read when the file has lost its end', async () => {
        const sample = await sampleOf(ecc, noiseOf(150, 400), isSealed);
        const { bytes, layout } = sample;
        for (const missing of [1, 64, 65, 4096, layout.holeBytesMax]) {
          expectWhole(sample, bytes.slice(0, -missing), `${missing} bytes are missing`);
        }
      });
    });
  }
}

test('a hole of 4 KiB comes back at every offset of a small table', async () => {
  const sample = await sampleOf(
    { scheme: 'none', stripe: { data: 4, parity: 1 } },
    noiseOf(40, 600),
  );
  for (let from = 0; from < sample.bytes.length; from += 61) {
    expectWhole(sample, withHole(sample.bytes, from, 4096, -1), `hole at ${from}`);
  }
});

test('a table of one entry stands a hole of 4 KiB too', async () => {
  for (const parity of [1, 2, 3]) {
    const stripe = { data: 20, parity };
    const sample = await sampleOf({ scheme: 'none', stripe }, noiseOf(1, 5));
    for (let from = 0; from < sample.bytes.length; from += 101) {
      expectWhole(sample, withHole(sample.bytes, from, 4096, -1), `hole at ${from}`);
    }
  }
});

test('sectors that a device does not give are rebuilt, or IO where they cannot be', async () => {
  const sample = await sampleOf(STRIPES['stripes of 20 and 2']!, noiseOf(80, 400));
  const { entries, layout, meta, pipeline } = sample;
  const openWithout = (isBad: (sector: number) => boolean): Table => {
    const file = fsWith(sample.bytes).open(TABLE_PATH, 'read');
    const worn = Object.create(file, {
      read: {
        value: (buf: Uint8Array, off: number, length: number, position: number): number => {
          for (let at = position; at < position + length; at = (Math.floor(at / 4096) + 1) * 4096) {
            if (isBad(Math.floor(at / 4096))) throw new VarveError('IO', 'bad sector');
          }
          return file.read(buf, off, length, position);
        },
      },
    });
    return Table.open(worn, meta, new BlockCache(1 << 20), pipeline);
  };
  const sectorCount = Math.ceil(sample.bytes.length / 4096);
  for (let bad = 0; bad < sectorCount; bad++) {
    const table = openWithout((sector) => sector === bad);
    const cursor = table.cursor();
    let i = 0;
    for (let more = cursor.first(); more; more = cursor.next()) {
      assert.deepEqual(current(cursor), entries[i++]);
    }
    assert.equal(i, entries.length);
    assert.equal(table.verify().entryCount, entries.length);
    table.close();
  }
  const isIo = (error: unknown) => isVarveError(error, 'IO');
  assert.throws(() => openWithout(() => true), isIo);
  const stripe = layout.stripeOf(3);
  const table = openWithout((sector) => sector > 0 && layout.stripeOf(sector) === stripe);
  const cursor = table.cursor();
  assert.throws(() => {
    for (let more = cursor.first(); more; more = cursor.next());
  }, isIo);
});

test('damage beyond the stripes is CORRUPTION, or the right entries, never others', async () => {
  const sample = await sampleOf(
    { scheme: 'none', stripe: { data: 6, parity: 1 } },
    noiseOf(90, 500),
  );
  const { bytes, layout, entries } = sample;
  let refusedCount = 0;
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededRandom(seed);
    const damaged = bytes.slice();
    for (let n = 0; n < 1 + (seed % 6); n++) {
      damaged.fill(random.below(256), random.below(bytes.length), random.below(bytes.length));
    }
    assert.ok(layout.unitCount > 0);
    try {
      const table = open(sample, damaged);
      const cursor = table.cursor();
      let i = 0;
      for (let more = cursor.first(); more; more = cursor.next()) {
        assert.deepEqual(current(cursor), entries[i++]);
      }
      assert.equal(i, entries.length);
    } catch (error) {
      assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
      refusedCount++;
    }
  }
  assert.ok(refusedCount > 10);
});

test('the last copy of the header stands for all others, without a manifest', async () => {
  const ecc = STRIPES['stripes of 20 and 2']!;
  const { bytes, pipeline, meta, corrections } = await sampleOf(ecc, noiseOf(60, 300));
  const file = fsWith(withHole(bytes, 0, 4096, 0)).open(TABLE_PATH, 'read');
  assert.equal(readOwnProperties(file, 7, pipeline)?.entryCount, 60);
  assert.ok(corrections.some(({ offset, blockType }) => offset === 0 && blockType === 0));
  assert.deepEqual(readLastHeader(file, undefined)?.salt, meta.salt);
  assert.equal(readLastHeader(file, { fileClass: FILE_CLASS_TABLE, fileNumber: 8 }), undefined);
  const end = withHole(bytes, bytes.length - HEADER_COPY_BYTES, 1, -1);
  assert.equal(readLastHeader(fsWith(end).open(TABLE_PATH, 'read'), undefined), undefined);
});

test('a unit that another table left at its place does not count', async () => {
  const ecc = { scheme: 'none', stripe: { data: 4, parity: 2 } } as const;
  const sample = await sampleOf(ecc, noiseOf(60, 300));
  const other = await sampleOf(
    ecc,
    noiseOf(60, 300).map((entry) => ({ ...entry, seqno: 9 })),
  );
  const { layout, bytes, meta } = sample;
  const foreign = bytes.slice();
  const salted = other.bytes.slice();
  // The same table under another salt: its units are sound there, and only there.
  salted[16]! ^= 1;
  foreign.set(salted.subarray(layout.bodyBytes, layout.headerCopyPosition), layout.bodyBytes);
  const file = fsWith(foreign).open(TABLE_PATH, 'read');
  const header = { fileClass: FILE_CLASS_TABLE, protection: meta.protection };
  const salt = meta.salt!.map((byte) => byte ^ 1);
  const stripes = stripesOf(
    file,
    { ...header, salt, fileNumber: 7, previousNumber: 0, baseSeqno: 0 },
    bytes.length,
  )!;
  for (let r = 0; r < layout.stripeCount; r++) {
    assert.deepEqual(stripes.check(r), { state: 'unlisted', chunks: [], units: [0, 1] });
  }
});

test('memory of a writer is bounded, and the stripes of a large table are right', async () => {
  const ecc = { scheme: 'none', stripe: { data: 10, parity: 2 } } as const;
  const sample = await sampleOf(ecc, noiseOf(1500, 4000));
  const { bytes, layout } = sample;
  assert.ok(layout.stripeCount > 100, 'there are several bands of stripes');
  const { holeBytesMax } = layout;
  assert.ok(holeBytesMax > bytes.length / 8);
  for (const from of [0, 1_000_001, bytes.length - holeBytesMax]) {
    expectWhole(sample, withHole(bytes, from, holeBytesMax, 0x33), `hole at ${from}`);
  }
});
