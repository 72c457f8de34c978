import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { inspectionJson } from '../../src/cli/inspect-json.ts';
import { inspectionText } from '../../src/cli/inspect-text.ts';
import type { DbOptions } from '../../src/index.ts';
import type { InspectionPart, SummaryPart } from '../../src/inspect/parts.ts';
import {
  bytesOf,
  ENCRYPTION,
  filesOf,
  inspectionOf,
  MARK,
  makeDatabase,
  partsNamed,
  partsOf,
  SETTINGS,
  withBytes,
} from './inspect-fixture.ts';

type MemoryFs = Awaited<ReturnType<typeof makeDatabase>>;

const SLOT_BYTES = 1024;

interface Sample {
  readonly name: string;
  readonly settings: DbOptions;
  readonly fs: MemoryFs;
  readonly files: readonly string[];
}

const samples: Sample[] = [];
for (const [name, settings] of Object.entries(SETTINGS)) {
  const fs = await makeDatabase(settings);
  samples.push({ name, settings, fs, files: filesOf(fs) });
}

/** Inspects, renders everything, and checks that no byte of the file was passed over. */
async function inspectAll(fs: MemoryFs, file: string, hasKey: boolean): Promise<InspectionPart[]> {
  const options = await inspectionOf(fs, hasKey ? ENCRYPTION : undefined);
  const parts = partsOf(file, options);
  for (const part of parts) {
    for (const text of inspectionText(part, 'utf8')) assert.ok(text.endsWith('\n'));
    JSON.parse(inspectionJson(part, 'hex')[0]!);
  }
  assert.equal(parts[0]!.part, 'file');
  assert.equal(parts.at(-1)!.part, 'summary');
  assertTiled(parts);
  return parts;
}

/** Blocks, frames, parity sections and gaps follow each other without holes up to the end. */
function assertTiled(parts: readonly InspectionPart[]): void {
  const [file] = partsNamed(parts, 'file');
  const [header] = partsNamed(parts, 'header');
  if (header?.facts === undefined) return;
  let at = header.sizeBytes;
  for (const part of parts) {
    if (part.part === 'gap') {
      assert.equal(part.offset, at);
      at += part.sizeBytes;
    } else if (part.part === 'block') {
      assert.equal(part.frame?.offset ?? part.offset, at);
      at = part.offset + part.sizeBytes + (part.parity?.sizeBytes ?? 0);
    }
  }
  assert.ok(at >= file!.sizeBytes, `the inspection ends at ${at} of ${file!.sizeBytes}`);
}

function summaryOf(parts: readonly InspectionPart[]): SummaryPart {
  return partsNamed(parts, 'summary')[0]!;
}

/** What the blocks hold, wherever they stand. */
function contentsOf(parts: readonly InspectionPart[]): InspectionPart[] {
  const names = ['entry', 'separator', 'properties', 'edit', 'record', 'footer', 'filter'];
  return parts.filter(({ part }) => names.includes(part));
}

const pick = fc.nat({ max: 0xffff_ffff });
/** Of a sample, one of its files, and whether there is a key. */
const choice = { sample: fc.nat({ max: samples.length - 1 }), file: pick, hasKey: fc.boolean() };

function fileIn({ files }: Sample, number: number): string {
  return files[number % files.length]!;
}

for (const sample of samples) {
  test(`a sound database has no damage: ${sample.name}`, async () => {
    for (const file of sample.files) {
      const isSealed = sample.settings.encryption !== undefined;
      for (const hasKey of [true, false]) {
        const parts = await inspectAll(sample.fs, file, hasKey);
        const { blockCount, ...health } = summaryOf(parts);
        assert.deepEqual(health, {
          part: 'summary',
          correctedCount: 0,
          damageCount: 0,
          isTorn: false,
          isSealed: isSealed && !hasKey,
        });
        if (file === 'CURRENT') continue;
        assert.ok(blockCount > 4);
        assert.equal(contentsOf(parts).length > 0, hasKey || !isSealed);
        const text = parts.map((part) => inspectionJson(part, 'utf8')[0]).join('');
        assert.ok(!text.includes(MARK) || hasKey || !isSealed, text);
      }
    }
  });

  test(`a changed byte never goes unnoticed: ${sample.name}`, async () => {
    const property = fc.asyncProperty(
      choice.file,
      pick,
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (number, place, flip, hasKey) => {
        const file = fileIn(sample, number);
        const bytes = bytesOf(sample.fs, file);
        bytes[place % bytes.length]! ^= flip;
        const parts = await inspectAll(withBytes(sample.fs, file, bytes), file, hasKey);
        const { correctedCount, damageCount } = summaryOf(parts);
        assert.ok(correctedCount + damageCount > 0, `${file} at ${place % bytes.length}`);
      },
    );
    await fc.assert(property);
  });
}

for (const sample of samples.filter(({ settings }) => settings.ecc !== undefined)) {
  test(`a flipped bit is corrected, and contents are what they were: ${sample.name}`, async () => {
    const flip = { file: pick, place: pick, bit: fc.nat({ max: 7 }), hasKey: fc.boolean() };
    const property = fc.asyncProperty(fc.record(flip), async ({ place, bit, hasKey, ...run }) => {
      const file = fileIn(sample, run.file);
      const bytes = bytesOf(sample.fs, file);
      bytes[place % bytes.length]! ^= 1 << bit;
      const parts = await inspectAll(withBytes(sample.fs, file, bytes), file, hasKey);
      const sound = await inspectAll(sample.fs, file, hasKey);
      const { blockCount, damageCount } = summaryOf(parts);
      assert.equal(damageCount, 0, `${file} at ${place % bytes.length}`);
      assert.equal(blockCount, summaryOf(sound).blockCount);
      assert.deepEqual(contentsOf(parts), contentsOf(sound));
    });
    await fc.assert(property);
  });
}

test('a length that is lost is found again from what stands around the block', async () => {
  const { fs, files } = samples.find(({ name }) => name === 'encrypted, with reed-solomon')!;
  for (const file of files.filter((name) => name !== 'CURRENT')) {
    const sound = await inspectAll(fs, file, false);
    for (const { offset, frame } of partsNamed(sound, 'block')) {
      const bytes = bytesOf(fs, file);
      // In a table sealed without its key the header alone has it, in a log the frame as well.
      for (let at = frame?.offset ?? offset; at < offset + 16; at++) bytes[at]! ^= 0x5a;
      const parts = await inspectAll(withBytes(fs, file, bytes), file, false);
      const { blockCount, correctedCount, damageCount } = summaryOf(parts);
      assert.deepEqual([correctedCount, damageCount], [1, 0], `${file} at ${offset}`);
      assert.equal(blockCount, summaryOf(sound).blockCount);
    }
  }
});

const damage = fc.record({
  kind: fc.constantFrom('flip', 'noise', 'zeros', 'cut', 'insert', 'remove', 'copy'),
  at: pick,
  from: pick,
  length: fc.integer({ min: 1, max: 700 }),
  noise: fc.uint8Array({ minLength: 1, maxLength: 64 }),
});

function damaged(bytes: Uint8Array, done: typeof damage extends fc.Arbitrary<infer T> ? T : never) {
  const at = done.at % (bytes.length + 1);
  const end = Math.min(bytes.length, at + done.length);
  const copy = bytes.slice();
  const repeated = Uint8Array.from(
    { length: end - at },
    (_, i) => done.noise[i % done.noise.length]!,
  );
  switch (done.kind) {
    case 'flip':
      if (at < copy.length) copy[at]! ^= done.noise[0]!;
      return copy;
    case 'noise':
      copy.set(repeated, at);
      return copy;
    case 'zeros':
      return copy.fill(0, at, end);
    case 'cut':
      return copy.slice(0, at);
    case 'insert':
      return Uint8Array.from([...copy.subarray(0, at), ...done.noise, ...copy.subarray(at)]);
    case 'remove':
      return Uint8Array.from([...copy.subarray(0, at), ...copy.subarray(end)]);
    default: {
      const from = done.from % (bytes.length + 1);
      copy.set(bytes.subarray(from, Math.min(bytes.length, from + end - at)), at);
      return copy;
    }
  }
}

test('whatever is damaged, all of the file is told and nothing else is thrown', async () => {
  const damages = fc.array(damage, { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(fc.record({ ...choice, damages }), async (run) => {
    const { hasKey } = run;
    const sample = samples[run.sample]!;
    const file = fileIn(sample, run.file);
    const bytes = run.damages.reduce(damaged, bytesOf(sample.fs, file));
    await inspectAll(withBytes(sample.fs, file, bytes), file, hasKey);
  });
  await fc.assert(property, { numRuns: 400 });
});

test('any bytes under any name are told, and never thrown at', async () => {
  const names = ['000009.sst', '000009.wal', 'MANIFEST-000009', 'CURRENT', 'LOCK', 'notes.txt'];
  const magic = fc.constantFrom('', 'VARVET', 'VARVEW', 'VARVEM', 'VARVECUR');
  const property = fc.asyncProperty(
    fc.constantFrom(...names),
    magic,
    fc.uint8Array({ maxLength: 3000 }),
    async (file, begin, rest) => {
      const bytes = Uint8Array.from([...new TextEncoder().encode(begin), ...rest]);
      const parts = await inspectAll(withBytes(samples[0]!.fs, file, bytes), file, false);
      if (file.endsWith('.sst')) assert.ok(summaryOf(parts).damageCount > 0);
    },
  );
  await fc.assert(property);
});

test('the fields of a block or header are all of its bytes, each once', async () => {
  const property = fc.asyncProperty(
    fc.record({ ...choice, block: pick, done: fc.option(damage) }),
    async (run) => {
      const { hasKey, done } = run;
      const sample = samples[run.sample]!;
      const file = fileIn(sample, run.file);
      const bytes = bytesOf(sample.fs, file);
      const stored = done === null ? bytes : damaged(bytes, done);
      const options = await inspectionOf(
        withBytes(sample.fs, file, stored),
        hasKey ? ENCRYPTION : undefined,
      );
      const block = run.block % 9 === 8 ? 'header' : run.block % 8;
      const [, part] = partsOf(file, { ...options, block });
      const fields = [];
      for (const field of partsOf(file, { ...options, block })) {
        if (field.part === 'field' && field.area === 'file') fields.push(field);
      }
      if (fields.length === 0) return;
      let at = fields[0]!.offset;
      if (part?.part === 'block') assert.equal(at, part.frame?.offset ?? part.offset);
      if (part?.part === 'header') assert.equal(at, 0);
      if (part?.part === 'slot') assert.equal(at, part.slot * SLOT_BYTES);
      for (const { offset, bytes: shown } of fields) {
        assert.equal(offset, at);
        assert.deepEqual(shown, stored.subarray(at, at + shown.length));
        at += shown.length;
      }
      if (part?.part !== 'block') return;
      const end = part.offset + part.sizeBytes + (part.parity?.sizeBytes ?? 0);
      assert.equal(at, Math.min(end, stored.length));
    },
  );
  await fc.assert(property);
});

test('a wrong key is an error, and a key for another epoch leaves contents sealed', async () => {
  const { fs } = samples.find(({ name }) => name === 'encrypted')!;
  const wrong = { ...ENCRYPTION, keys: { 1: new Uint8Array(32).fill(8) } };
  await assert.rejects(inspectionOf(fs, wrong), { code: 'KEY' });
  const other = { ...ENCRYPTION, epoch: 2, keys: { 2: new Uint8Array(32).fill(8) } };
  const options = await inspectionOf(fs, other);
  for (const file of filesOf(fs)) {
    assert.ok(summaryOf(partsOf(file, options)).isSealed);
  }
});

test('a file of another database under the same name is told', async () => {
  for (const settings of [SETTINGS['plain']!, SETTINGS['reed-solomon']!]) {
    const fs = await makeDatabase(settings);
    const other = await makeDatabase(settings, 6);
    for (const name of filesOf(fs)) {
      if (name === 'CURRENT') continue;
      const messages = async (of: MemoryFs) =>
        partsNamed(partsOf(name, await inspectionOf(of, undefined)), 'problem').map(
          ({ message }) => message,
        );
      assert.deepEqual(await messages(fs), []);
      const [message] = await messages(withBytes(fs, name, bytesOf(other, name)));
      assert.match(message!, /another file than the one that the database names/, name);
    }
  }
});
