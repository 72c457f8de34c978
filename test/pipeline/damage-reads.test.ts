import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BLOCK_HEADER_BYTES } from '../../src/block/block-format.ts';
import { decodeFileHeader } from '../../src/block/file-header.ts';
import { RecordFrame } from '../../src/block/record-frame.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { VarintReader } from '../../src/bytes/varint.ts';
import { BlockCache } from '../../src/cache/block-cache.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import type { Cursor } from '../../src/key/cursor.ts';
import { Manifest } from '../../src/manifest/manifest.ts';
import { Table } from '../../src/sstable/table.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { turn } from '../db/held-workers.ts';
import { contentOf, fileOf } from '../prove/damage.ts';
import { DIRECTORY, openSeeded } from '../prove/environment.ts';
import { lookAt } from './damage-look.ts';
import { expectRound } from './damage-rounds.ts';
import {
  contentOfDb,
  makeSample,
  RS_4_2,
  type Sample,
  SECDED,
  STAGES,
  XOR_3,
} from './damage-sample.ts';
import type { Unit } from './damage-units.ts';
import { pipelineFor, type Target, targetOf, WAYS, type Wound, wound } from './damage-ways.ts';

/** Damages as many shards of these units as their budget allows, chosen by the seed. */
function woundAll(target: Target, fs: MemoryFs, units: readonly Unit[], seed: number): Wound[] {
  const random = new SeededRandom(seed);
  return units.map((unit) => {
    const count = Math.min(unit.budget, 2, unit.shards.length);
    const first = random.below(unit.shards.length);
    const shards = Array.from({ length: count }, (_, i) => (first + i) % unit.shards.length);
    const ways = shards.map(() => WAYS[random.below(WAYS.length)]!);
    return wound(target, fs, unit, shards, ways, random);
  });
}

function isTableUnit({ file }: Unit): boolean {
  return file.endsWith('.sst');
}

describe('damage that can be put right', () => {
  test('is gone after a compaction of the tables', async () => {
    for (const stages of Object.values(STAGES)) {
      const sample = await makeSample(RS_4_2, stages);
      const target = await targetOf(sample, sample.closed);
      const fs = sample.closed.clone();
      woundAll(target, fs, target.units, 5);
      const db = await openSeeded(fs, 3, sample.options);
      await db.compact();
      assert.deepEqual(contentOfDb(db), sample.content);
      const { corrected, uncorrectable } = await db.verify();
      assert.deepEqual([corrected, uncorrectable], [[], []]);
      await db.close();
    }
  });

  test('does not matter to any mode of recovery', async () => {
    const sample = await makeSample(RS_4_2, STAGES['aes, lz4']!);
    for (const state of ['dead', 'closed'] as const) {
      const target = await targetOf(sample, sample[state]);
      for (const walRecovery of ['absolute', 'tolerate-tail', 'point-in-time', 'skip'] as const) {
        for (const seed of [2, 3, 4]) {
          const fs = sample[state].clone();
          const wounds = woundAll(target, fs, target.units, seed);
          await expectRound(sample, fs, wounds, { walRecovery });
        }
      }
    }
  });

  test('is told even if the listener throws, and the read does not fail', async () => {
    const sample = await makeSample(RS_4_2, STAGES['plain']!);
    const target = await targetOf(sample, sample.closed);
    const fs = sample.closed.clone();
    woundAll(target, fs, target.units, 8);
    let told = 0;
    const onEvent = ({ type }: DbEvent) => {
      if (type === 'corrected') told++;
      throw new Error('a listener that fails');
    };
    const db = await openSeeded(fs, 3, { ...sample.options, onEvent });
    assert.deepEqual(contentOfDb(db), sample.content);
    await turn();
    assert.ok(told > 20);
    assert.equal(db.stats().counters.corrections, told);
    await db.close();
  });

  test('may come up while a cursor stands in a block that was read with others', async () => {
    for (const stages of Object.values(STAGES)) {
      const sample = await makeSample(RS_4_2, stages);
      const target = await targetOf(sample, sample.closed);
      const file = target.units.filter(isTableUnit).reduce((a, b) => (a.to > b.to ? a : b)).file;
      const blocks = target.units.filter((unit) => unit.file === file && unit.blockType === 1);
      assert.ok(blocks.length >= 2);
      const fs = sample.closed.clone();
      const whole = await cursorOf(sample, sample.closed, file);
      const damaged = await cursorOf(sample, fs, file);
      walkBoth(whole, damaged, (step) => {
        if (step % 16 !== 0) return;
        fileOf(fs, file).write(target.files.get(file)!, 0, target.files.get(file)!.length, 0);
        woundAll(target, fs, blocks, step);
      });
    }
  });

  test('is put right in tables of all codes side by side, whatever new files have', async () => {
    const sample = await makeSample(RS_4_2, STAGES['plain']!);
    const fs = sample.closed;
    let content = sample.content;
    for (const [i, ecc] of [XOR_3, SECDED, false as const].entries()) {
      const options = { ...sample.options, ecc, columnFamilies: ['other'] };
      const db = await openSeeded(fs, 20 + i, options);
      for (let j = 0; j < 12; j++) db.put(`new-${i}${j}`, new Uint8Array(100).fill(i + j));
      await db.flush();
      db.put(`log-${i}`, new Uint8Array(50));
      content = contentOfDb(db);
      await db.close();
    }
    const last = { ...sample, content, options: { ...sample.options, ecc: false as const } };
    const target = await targetOf(last, fs);
    const schemes = new Set(target.units.filter(isTableUnit).map((unit) => schemeOf(target, unit)));
    assert.deepEqual([...schemes].sort(), [1, 2, 3]);
    for (let seed = 0; seed < 12; seed++) {
      const copy = fs.clone();
      const wounds = woundAll(target, copy, target.units, seed);
      await expectRound(last, copy, wounds, { readOnly: seed % 2 === 0 });
    }
  });

  test('is put right in blocks of more than a megabyte', async () => {
    const sample = await makeSample(RS_4_2, STAGES['plain']!);
    const db = await openSeeded(sample.closed, 3, sample.options);
    const random = new SeededRandom(1);
    for (const key of ['large-1', 'large-2']) {
      const value = new Uint8Array(1_300_000);
      random.fill(value);
      db.put(key, value);
      if (key === 'large-1') await db.flush();
    }
    await db.sync();
    const grown = { ...sample, content: contentOfDb(db) };
    const dead = sample.closed.clone();
    await db.close();
    const target = await targetOf(grown, dead);
    for (let seed = 0; seed < 12; seed++) {
      const fs = dead.clone();
      const wounds = woundAll(target, fs, target.units, seed);
      await expectRound(grown, fs, wounds, { readOnly: true });
    }
  });
});

describe('damage that cannot be put right', () => {
  test('in all copies of both slots of CURRENT is a typed error that writes nothing', async () => {
    const sample = await makeSample(RS_4_2, STAGES['aes, lz4']!);
    const target = await targetOf(sample, sample.dead);
    const slots = target.units.filter(({ kind }) => kind === 'slot');
    for (const way of WAYS) {
      const fs = sample.dead.clone();
      for (const [i, slot] of slots.entries()) {
        const copies = slot.shards.map((_, shard) => shard);
        const ways = copies.map(() => (way === 'bit' ? 'noise' : way));
        wound(target, fs, slot, copies, ways, new SeededRandom(i));
      }
      const before = fs.list(DIRECTORY).sort();
      const { errors } = await lookAt(sample, fs);
      assert.deepEqual([errors.length, errors[0]?.code], [1, 'CORRUPTION'], way);
      assert.deepEqual(
        fs
          .list(DIRECTORY)
          .filter((name) => name !== 'LOCK')
          .sort(),
        before,
      );
    }
  });

  test('in all lengths of a record and in its block is a typed error', async () => {
    for (const ecc of [RS_4_2, XOR_3, SECDED]) {
      const sample = await makeSample(ecc, STAGES['plain']!);
      const target = await targetOf(sample, sample.dead);
      for (const [i, frame] of target.units.entries()) {
        const block = target.units[i + 1];
        const isLast = target.units[i + 2]?.file !== frame.file;
        if (frame.kind !== 'frame' || block === undefined || isLast) continue;
        const fs = sample.dead.clone();
        const random = new SeededRandom(i);
        // The block alone could be put right: the next frame shows where it ends.
        const some = block.shards.slice(0, block.budget + 1);
        for (const [unit, shards] of [
          [frame, frame.shards],
          [block, some],
        ] as const) {
          const numbers = [...shards.keys()];
          const ways = shards.map(() => 'every bit');
          wound(target, fs, unit, numbers, ways, random);
        }
        const { errors } = await lookAt(sample, fs, { readOnly: true });
        const found = errors.map(({ code, file, offset }) => ({ code, file, offset }));
        const file = `${DIRECTORY}/${frame.file}`;
        assert.deepEqual(found, [{ code: 'CORRUPTION', file, offset: frame.from }]);
      }
    }
  });

  test('a length that somebody made up is a typed error, however large it is', async () => {
    const sample = await makeSample(RS_4_2, STAGES['plain']!);
    const target = await targetOf(sample, sample.dead);
    const frame = target.units.find(({ file, kind }) => file.endsWith('.wal') && kind === 'frame')!;
    const log = target.files.get(frame.file)!;
    const salt = decodeFileHeader(log, log.length, frame.file)!.salt;
    for (const length of [0, 23, 24, 25, 1000, 0x4000_0000, 0xffff_ffff]) {
      const fs = sample.dead.clone();
      const copies = new Uint8Array(frame.to - frame.from);
      new RecordFrame(RS_4_2, salt).write(copies, 0, length, frame.from);
      fileOf(fs, frame.file).write(copies, 0, copies.length, frame.from);
      const { errors } = await lookAt(sample, fs, { readOnly: true });
      assert.deepEqual([errors.length, errors[0]?.code], [1, 'CORRUPTION'], `${length}`);
    }
  });

  test('in the lengths of an index under a right checksum is a typed error', async () => {
    const sample = await makeSample(RS_4_2, STAGES['plain']!);
    const target = await targetOf(sample, sample.dead);
    const indexes = target.units.filter((unit) => isTableUnit(unit) && unit.blockType === 2);
    for (const index of indexes) {
      const bytes = target.files.get(index.file)!;
      const content = bytes.slice(index.from + BLOCK_HEADER_BYTES, index.dataEnd - 8);
      const [first, second] = lengthsAt(content);
      for (const change of [1, -1, 32, -128]) {
        const fs = sample.dead.clone();
        const forged = content.slice();
        forged[first!] = forged[first!]! + change;
        // What one block has more the next one has less: they still fill the file.
        if (second !== undefined) forged[second] = forged[second]! - change;
        await reseal(sample, fs, index, forged);
        const { errors, report } = await lookAt(sample, fs, { readOnly: true });
        assert.ok(errors.length > 0);
        for (const { code } of errors) assert.equal(code, 'CORRUPTION');
        const files = new Set(report!.uncorrectable.map(({ file }) => file));
        assert.deepEqual([...files], [`${DIRECTORY}/${index.file}`]);
      }
    }
    assert.ok(indexes.some(({ file }) => target.units.filter(isDataOf(file)).length > 1));
  });
});

function isDataOf(file: string): (unit: Unit) => boolean {
  return (unit) => unit.file === file && unit.blockType === 1;
}

/** Where the lengths of the first two data blocks stand in the content of an index. */
function lengthsAt(content: Uint8Array): (number | undefined)[] {
  const reader = new VarintReader(content, 0, content.length);
  const count = reader.next();
  reader.skip(reader.next());
  return Array.from({ length: 2 }, (_, i) => {
    const at = reader.off;
    if (i >= count) return undefined;
    reader.next();
    reader.next();
    reader.skip(reader.next());
    return at;
  });
}

function schemeOf({ files }: Target, { file }: Unit): number {
  return files.get(file)![52]!;
}

/** A cursor that reads several blocks at once. */
async function cursorOf(sample: Sample, fs: MemoryFs, file: string): Promise<Cursor> {
  const pipeline = await pipelineFor(sample, contentOf(fileOf(fs, 'CURRENT')));
  const { version } = Manifest.recover(fs, DIRECTORY, pipeline);
  const metas = [...version.families.values()].flatMap(({ levels }) => levels.flat());
  const meta = metas.find(({ fileNumber }) => fileNumber === Number.parseInt(file, 10))!;
  const handle = fs.open(`${DIRECTORY}/${file}`, 'read');
  const table = Table.open(handle, meta, new BlockCache(0), pipeline);
  return table.cursor({ fillCache: false, readAheadBytes: 3000 });
}

/** Moves both in the same way, at random, and compares where they stand. */
function walkBoth(whole: Cursor, damaged: Cursor, before: (step: number) => void): void {
  const random = new SeededRandom(3);
  for (let step = 0; step < 600; step++) {
    before(step);
    const move =
      MOVES[whole.valid ? random.below(20) : 0] ?? (random.chance(0.5) ? 'next' : 'prev');
    assert.equal(damaged[move](), whole[move]());
    if (!whole.valid) continue;
    for (const cursor of [whole, damaged]) assert.ok(cursor.valid);
    assert.deepEqual(entryOf(damaged), entryOf(whole), `step ${step}`);
  }
}

const MOVES = ['first', 'last'] as const;

function entryOf(cursor: Cursor): unknown[] {
  const { keyBuf, keyOff, keyLen, seqno, kind, valBuf, valOff, valLen } = cursor;
  const key = keyBuf.slice(keyOff, keyOff + keyLen);
  return [key, seqno, kind, valBuf.slice(valOff, valOff + valLen)];
}

/** Puts a block with this content, and all that belongs to it, in the place of another. */
async function reseal(
  sample: Sample,
  fs: MemoryFs,
  unit: Unit,
  content: Uint8Array,
): Promise<void> {
  const pipeline = await pipelineFor(sample, contentOf(fileOf(fs, 'CURRENT')));
  const file = fileOf(fs, unit.file);
  const bytes = contentOf(file);
  const header = decodeFileHeader(bytes, bytes.length, unit.file)!;
  const out = new ByteWriter(unit.to - unit.from);
  out.reset(BLOCK_HEADER_BYTES);
  out.bytes(content, 0, content.length);
  pipeline.writer(unit.file, header).seal(unit.blockType, out, BLOCK_HEADER_BYTES, unit.from);
  file.write(out.buf, 0, out.length, unit.from);
}
