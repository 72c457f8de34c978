/**
 * Blocks that are damaged within the budget of their file's code: readers do not notice, and the
 * damage is reported. Beyond it they get an error and never a wrong content.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_DATA, BLOCK_INDEX } from '../../src/block/block-format.ts';
import type { Correction } from '../../src/block/block-reader.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { Room } from '../../src/bytes/room.ts';
import { createEccCodec } from '../../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { jsonContent, noise } from '../compress/contents.ts';
import {
  assertCorrupt,
  BlockFile,
  contentOf,
  ECC_CHOICES,
  eccName,
  FILE_PATH,
  type PlacedBlock,
} from './block-file.ts';
import { codecSettings, pipelineOf } from './pipelines.ts';

const corrections: Correction[] = [];
const PIPELINES: readonly [string, Pipeline][] = [
  ['in the clear', await pipelineOf({ corrections })],
  ['encrypted', await pipelineOf({ corrections, suite: 'chacha20-poly1305' })],
];
const CODES = ECC_CHOICES.filter((ecc): ecc is BlockCodeOptions => ecc !== undefined);
const SHARD_CODES = CODES.filter(({ scheme }) => scheme !== 'secded');

/** A file of three blocks; the middle one is going to be damaged. */
function fileOf(
  pipeline: Pipeline,
  ecc: BlockCodeOptions,
): { file: BlockFile; block: PlacedBlock } {
  const file = new BlockFile(pipeline, ecc);
  const compression = pipeline.compression(codecSettings('lz4'), undefined);
  file.add(BLOCK_DATA, noise(200, 1));
  const block = file.add(BLOCK_DATA, jsonContent(500, 2), compression);
  file.add(BLOCK_DATA, noise(200, 3));
  return { file, block };
}

/** Begin and end, from the start of the block, of its data shards and then its parity shards. */
function shardsOf(ecc: BlockCodeOptions, length: number): [from: number, to: number][] {
  const layout = createEccCodec(ecc).layout(length);
  const data = Array.from({ length: layout.dataShards }, (_, i): [number, number] => [
    i * layout.dataShardBytes,
    Math.min((i + 1) * layout.dataShardBytes, length),
  ]);
  const parity = Array.from({ length: layout.parityShards }, (_, j): [number, number] => [
    length + j * layout.parityShardBytes,
    length + (j + 1) * layout.parityShardBytes,
  ]);
  return [...data, ...parity];
}

/** All ways to choose up to `max` of the numbers below `count`. */
function* choices(count: number, max: number, from = 0): Generator<number[]> {
  yield [];
  if (max === 0) return;
  for (let i = from; i < count; i++) {
    for (const rest of choices(count, max - 1, i + 1)) yield [i, ...rest];
  }
}

type Damage = (bytes: Uint8Array, from: number, to: number) => void;

const DAMAGES: readonly Damage[] = [
  (bytes, from, to) => bytes.fill(0, from, to),
  (bytes, from, to) => bytes.fill(0xff, from, to),
  (bytes, from, to) => bytes.set(noise(to - from, from + 1), from),
  (bytes, from) => {
    bytes[from]! ^= 0x80;
  },
  (bytes, _, to) => {
    bytes[to - 1]! ^= 1;
  },
];

function open(file: BlockFile, pipeline: Pipeline, block: PlacedBlock): Uint8Array {
  const reader = file.reader(pipeline);
  reader.read(block.type, block.length, block.position);
  return contentOf(reader);
}

for (const [name, pipeline] of PIPELINES) {
  suite(`a damaged block, ${name}`, () => {
    for (const ecc of SHARD_CODES) {
      test(`with ${eccName(ecc)} reads back whichever shards are damaged`, () => {
        const { file, block } = fileOf(pipeline, ecc);
        const { position, length, content } = block;
        const written = file.bytes(position, file.storedBytes(block));
        const shards = shardsOf(ecc, length);
        const dataCount = createEccCodec(ecc).layout(length).dataShards;
        const budget = ecc.scheme === 'reed-solomon' ? Math.min(ecc.parity, 3) : 1;
        for (const chosen of choices(shards.length, budget)) {
          for (const damage of DAMAGES) {
            const bytes = written.slice();
            for (const i of chosen) damage(bytes, ...shards[i]!);
            const isBlockDamaged = !bytes
              .subarray(0, length)
              .every((byte, i) => byte === written[i]);
            const damagedData = chosen.filter((i) => {
              const [from, to] = shards[i]!;
              return (
                i < dataCount &&
                bytes.subarray(from, to).some((byte, j) => byte !== written[from + j])
              );
            });
            file.change(position, bytes);
            corrections.length = 0;
            assert.deepEqual(open(file, pipeline, block), content, `shards ${chosen}`);
            if (!isBlockDamaged) {
              assert.deepEqual(corrections, []);
              continue;
            }
            assert.deepEqual(corrections, [
              {
                file: FILE_PATH,
                offset: position,
                blockType: BLOCK_DATA,
                correctedShards: damagedData.length,
                correctedBits: 0,
              },
            ]);
          }
        }
        file.change(position, written);
        assert.deepEqual(open(file, pipeline, block), content);
      });

      test(`with ${eccName(ecc)} is an error if one shard more is damaged`, () => {
        const { file, block } = fileOf(pipeline, ecc);
        const { position, length } = block;
        const written = file.bytes(position, file.storedBytes(block));
        const shards = shardsOf(ecc, length);
        const budget = ecc.scheme === 'reed-solomon' ? ecc.parity : 1;
        const dataCount = createEccCodec(ecc).layout(length).dataShards;
        for (let start = 0; start < shards.length; start++) {
          const bytes = written.slice();
          const chosen = Array.from({ length: budget + 1 }, (_, i) => (start + i) % shards.length);
          for (const i of chosen) DAMAGES[2]!(bytes, ...shards[i]!);
          file.change(position, bytes);
          corrections.length = 0;
          if (chosen.some((i) => i < dataCount)) {
            assertCorrupt(() => open(file, pipeline, block), position);
            assert.deepEqual(corrections, []);
          } else {
            assert.deepEqual(open(file, pipeline, block), block.content);
          }
        }
      });
    }

    test('with SEC-DED reads back with one wrong bit in each word and its check byte', () => {
      const { file, block } = fileOf(pipeline, { scheme: 'secded' });
      const { position, length } = block;
      const written = file.bytes(position, file.storedBytes(block));
      const words = Math.ceil(length / 8);
      const bits = fc.array(fc.integer({ min: -1, max: 71 }), {
        minLength: words,
        maxLength: words,
      });
      fc.assert(
        fc.property(bits, (list) => {
          const bytes = written.slice();
          let wrongBits = 0;
          for (const [word, bit] of list.entries()) {
            if (bit < 0) continue;
            const at = bit < 64 ? word * 8 + (bit >> 3) : length + word;
            if (bit < 64 && at >= length) continue;
            bytes[at]! ^= 1 << (bit & 7);
            if (bit < 64) wrongBits++;
          }
          file.change(position, bytes);
          corrections.length = 0;
          assert.deepEqual(open(file, pipeline, block), block.content);
          assert.deepEqual(
            corrections.map(({ correctedShards, correctedBits }) => [
              correctedShards,
              correctedBits,
            ]),
            wrongBits === 0 ? [] : [[0, wrongBits]],
          );
        }),
      );
    });

    test('with SEC-DED is an error with two wrong bits in a word', () => {
      const { file, block } = fileOf(pipeline, { scheme: 'secded' });
      const { position, length } = block;
      for (let at = 0; at < length; at++) {
        const byte = file.bytes(position + at, 1)[0]!;
        file.change(position + at, Uint8Array.of(byte ^ 0b101));
        assertCorrupt(() => open(file, pipeline, block), position);
        file.change(position + at, Uint8Array.of(byte));
      }
    });

    for (const ecc of CODES) {
      test(`with ${eccName(ecc)} is never a wrong one, however it is damaged`, () => {
        const { file, block } = fileOf(pipeline, ecc);
        const { position, content } = block;
        const written = file.bytes();
        const end = written.length - position;
        const change = fc.tuple(fc.nat(end - 1), fc.uint8Array({ minLength: 1, maxLength: 40 }));
        fc.assert(
          fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (list) => {
            file.change(0, written);
            for (const [at, bytes] of list) {
              file.change(position + at, bytes.subarray(0, end - at));
            }
            try {
              assert.deepEqual(open(file, pipeline, block), content);
            } catch (error) {
              assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
            }
          }),
        );
      });

      test(`with ${eccName(ecc)} is not replaced by another sound block`, () => {
        const { file, block } = fileOf(pipeline, ecc);
        const [first] = file.blocks;
        const whole = file.bytes(first!.position, file.storedBytes(first!));
        file.change(block.position, whole);
        const there: PlacedBlock = { ...first!, position: block.position };
        assertCorrupt(() => open(file, pipeline, there), block.position);
        const wrongType: PlacedBlock = { ...first!, type: BLOCK_INDEX };
        assertCorrupt(() => open(file, pipeline, wrongType), first!.position, /expected/);
      });
    }
  });
}

suite('a repair', () => {
  const [, pipeline] = PIPELINES[1]!;
  const ecc: BlockCodeOptions = { scheme: 'reed-solomon', data: 4, parity: 2 };

  test('leaves the bytes around the block and a lent buffer as they are', () => {
    const { file, block } = fileOf(pipeline, ecc);
    const { type, position, length } = block;
    file.change(position, new Uint8Array(20));
    const buf = new Uint8Array(length + 9).fill(0xee);
    buf.set(file.bytes(position, length), 4);
    const reuse = new Room(new Uint8Array(2000));
    const reader = file.reader(pipeline);
    reader.open(type, buf, 4, length, position, reuse);
    assert.deepEqual(contentOf(reader), block.content);
    assert.equal(reader.buf, reuse.buf);
    assert.ok(buf.subarray(0, 4).every((byte) => byte === 0xee));
    assert.ok(buf.subarray(4 + length).every((byte) => byte === 0xee));
    // The block in the buffer is whole now, and the file has its damage still.
    assert.equal(reader.inspect(buf, 4, 4 + length, position), 'none');
    assert.ok(file.bytes(position, 20).every((byte) => byte === 0));
  });

  test('of a file that was cut short takes zeros for what is missing', () => {
    const file = new BlockFile(pipeline, ecc);
    const block = file.add(BLOCK_DATA, noise(1000, 5));
    const stored = file.storedBytes(block);
    const [, shardEnd] = shardsOf(ecc, block.length)[0]!;
    for (const missing of [1, 8, stored - block.length, stored - block.length - shardEnd]) {
      file.fs.fileAt(FILE_PATH)!.resize(block.position + stored - missing);
      assert.deepEqual(open(file, pipeline, block), block.content, `${missing} bytes`);
    }
    file.fs.fileAt(FILE_PATH)!.resize(block.position + block.length - 2 * shardEnd);
    assertCorrupt(() => open(file, pipeline, block), block.position);
  });

  test('reads zeros, not what the buffer held, for what is missing', () => {
    const file = new BlockFile(pipeline, ecc);
    const { position } = file.add(BLOCK_DATA, noise(100, 5));
    file.fs.fileAt(FILE_PATH)!.resize(position + 10);
    const buf = new Uint8Array(40).fill(0xee);
    file.reader(pipeline).fill(buf, 5, 30, position);
    assert.deepEqual(buf.slice(5, 15), file.bytes(position, 10));
    assert.ok(buf.subarray(15, 35).every((byte) => byte === 0));
    assert.ok(buf.subarray(35).every((byte) => byte === 0xee));
  });

  test('gives no block of another length than was asked for', () => {
    const file = new BlockFile(pipeline, ecc);
    const { type, position, length } = file.add(BLOCK_DATA, noise(100, 5));
    const longer = length + 8;
    const buf = new Uint8Array(1000);
    buf.set(file.bytes(position, length));
    createEccCodec(ecc).append(buf, 0, longer);
    buf[3]! ^= 1;
    const damaged = buf.slice();
    assert.equal(file.reader(pipeline).repair(type, buf, 0, longer, position), false);
    assert.deepEqual(buf, damaged);
  });

  test('without parity does not happen, and a file that is cut short is an error', () => {
    const file = new BlockFile(pipeline);
    const block = file.add(BLOCK_DATA, noise(100, 5));
    const reader = file.reader(pipeline);
    const bytes = file.bytes(block.position, block.length);
    bytes[20]! ^= 1;
    assert.equal(reader.repair(block.type, bytes, 0, block.length, block.position), false);
    assert.equal(reader.isRestorable, false);
    file.fs.fileAt(FILE_PATH)!.resize(block.position + 50);
    assertCorrupt(() => open(file, pipeline, block), block.position + 50, /cut short/);
  });

  test('of a parity section writes what belongs there, and reports only what was wrong', () => {
    for (const code of CODES) {
      const { file, block } = fileOf(pipeline, code);
      const { type, position, length } = block;
      const stored = file.bytes(position, file.storedBytes(block));
      const reader = file.reader(pipeline);
      corrections.length = 0;
      const buf = stored.slice();
      reader.restoreParity(type, buf, 0, length, position);
      assert.deepEqual(corrections, []);
      for (let at = length; at < stored.length; at += 7) {
        buf[at]! ^= 0x10;
        reader.restoreParity(type, buf, 0, length, position);
        assert.deepEqual(buf, stored);
        assert.equal(corrections.length, 1);
        corrections.length = 0;
      }
    }
  });
});
