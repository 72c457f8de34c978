/**
 * Blocks with every combination of compression, encryption and parity: they read back, and cost
 * nothing where a stage is off.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  BLOCK_DATA,
  BLOCK_FILTER,
  BLOCK_HEADER_BYTES,
  BLOCK_INDEX,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PROPERTIES,
} from '../../src/block/block-format.ts';
import type { BlockReader, Correction } from '../../src/block/block-reader.ts';
import type { BlockCompression } from '../../src/block/block-writer.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { Room } from '../../src/bytes/room.ts';
import { ZstdDictionary } from '../../src/compress/zstd-dictionary.ts';
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { CryptoPrimitives, SuiteName } from '../../src/crypto/port.ts';
import { jsonContent, noise } from '../compress/contents.ts';
import { BlockFile, contentOf, ECC_CHOICES, eccName, type PlacedBlock } from './block-file.ts';
import { codecSettings, pipelineOf } from './pipelines.ts';

const SUITES: readonly (SuiteName | undefined)[] = [undefined, 'aes-256-gcm', 'chacha20-poly1305'];
const CODECS = ['none', 'lz4', 'zstd', 'zstd with a dictionary'] as const;
const DICTIONARY = new ZstdDictionary(jsonContent(4096, 99));

const corrections: Correction[] = [];
/** By implementation and suite. */
const pipelines = new Map<string, Pipeline>();
for (const [name, crypto] of Object.entries({ node: nodeCrypto(), noble: nobleCrypto })) {
  for (const suiteName of SUITES) {
    pipelines.set(`${name} ${suiteName}`, await newPipeline(crypto, suiteName));
  }
}

function newPipeline(crypto: CryptoPrimitives, suite: SuiteName | undefined): Promise<Pipeline> {
  return pipelineOf({ crypto, corrections, ...(suite === undefined ? {} : { suite }) });
}

function compressionOf(
  pipeline: Pipeline,
  codec: (typeof CODECS)[number],
): BlockCompression | undefined {
  if (codec === 'zstd with a dictionary') {
    return pipeline.compression(codecSettings('zstd'), pipeline.dictionary(DICTIONARY));
  }
  return pipeline.compression(codecSettings(codec), undefined);
}

/** A reader that knows the dictionary, as that of a table does. */
function readerOf(file: BlockFile, pipeline: Pipeline): BlockReader {
  const reader = file.reader(pipeline);
  reader.useDictionary(DICTIONARY.id, pipeline.dictionaryCodec(pipeline.dictionary(DICTIONARY))!);
  return reader;
}

const contents = fc.array(
  fc.tuple(
    fc.constantFrom(BLOCK_DATA, BLOCK_INDEX, BLOCK_FILTER, BLOCK_PROPERTIES),
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.tuple(fc.nat(6000), fc.nat(50)).map(([length, seed]) => jsonContent(length, seed)),
      fc.tuple(fc.nat(3000), fc.nat(50)).map(([length, seed]) => noise(length, seed)),
      fc.tuple(fc.nat(20_000), fc.nat(255)).map(([n, byte]) => new Uint8Array(n).fill(byte)),
    ),
  ),
  { minLength: 1, maxLength: 5 },
);

/** That one reader reads the block in each of its ways, from a buffer it may and may not keep. */
function assertReads(file: BlockFile, reader: BlockReader, block: PlacedBlock, room: number): void {
  const { type, content, position, length } = block;
  reader.read(type, length, position);
  assert.deepEqual(contentOf(reader), content);
  const before = 3;
  const stored = new Uint8Array(before + length + 5).fill(0xee);
  stored.set(file.bytes(position, length), before);
  const given = stored.slice();
  reader.open(type, given, before, length, position, undefined);
  assert.deepEqual(contentOf(reader), content);
  assert.deepEqual(given.subarray(0, before), stored.subarray(0, before));
  assert.deepEqual(given.subarray(before + length), stored.subarray(before + length));
  const lent = stored.slice();
  const reuse = new Room(new Uint8Array(room));
  reader.open(type, lent, before, length, position, reuse);
  assert.deepEqual(contentOf(reader), content);
  assert.deepEqual(lent, stored, 'a block that is lent stays as it is');
  if (reader.buf !== lent && room >= content.length) assert.equal(reader.buf, reuse.buf);
  const shared = new Uint8Array(stored.length + room + 7).fill(0xee);
  shared.set(stored);
  reader.open(type, shared, before, length, position, new Room(shared, stored.length, room));
  assert.deepEqual(contentOf(reader), content);
  assert.deepEqual(
    shared.subarray(0, stored.length),
    stored,
    'nor does a room beside it change it',
  );
  assert.ok(shared.subarray(stored.length + room).every((byte) => byte === 0xee));
  assert.equal(reader.inspect(lent, before, lent.length, position), 'none');
  assert.deepEqual([reader.blockType, reader.blockLen], [type, length]);
  assert.equal(reader.decode(lent, undefined), 'none');
  assert.deepEqual(contentOf(reader), content);
}

function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from(part));
}

suite('blocks read back', () => {
  for (const ecc of ECC_CHOICES) {
    for (const suiteName of SUITES) {
      for (const codec of CODECS) {
        test(`with ${eccName(ecc)}, ${suiteName ?? 'in the clear'}, ${codec}`, () => {
          corrections.length = 0;
          fc.assert(
            fc.property(contents, fc.nat(8000), fc.boolean(), (list, room, isNode) => {
              const [one, other] = isNode ? ['node', 'noble'] : ['noble', 'node'];
              const pipeline = pipelines.get(`${one} ${suiteName}`)!;
              const file = new BlockFile(pipeline, ecc);
              const compression = compressionOf(pipeline, codec);
              for (const [type, content] of list) file.add(type, content, compression);
              const reader = readerOf(file, pipelines.get(`${other} ${suiteName}`)!);
              for (const block of file.blocks) assertReads(file, reader, block, room);
              // In any order.
              for (const block of file.blocks.toReversed()) {
                reader.read(block.type, block.length, block.position);
                assert.deepEqual(contentOf(reader), block.content);
              }
            }),
            { numRuns: 8 },
          );
          assert.deepEqual(corrections, []);
        });
      }
    }
  }
});

suite('a stage', () => {
  const json = jsonContent(4000, 5);
  const plain = pipelines.get('node undefined')!;
  const sealed = pipelines.get('node aes-256-gcm')!;

  test('that is off leaves no trace', () => {
    const file = new BlockFile(plain);
    const block = file.add(BLOCK_DATA, json);
    assert.equal(file.storedBytes(block), json.length + BLOCK_OVERHEAD_BYTES);
    assert.deepEqual([...file.bytes(block.position, 8)], [BLOCK_DATA, 0, 0, 1, 0, 0, 0, 0]);
    assert.ok(includes(file.bytes(), json));
  });

  test('of encryption costs 16 bytes and hides the content', () => {
    const file = new BlockFile(sealed);
    const block = file.add(BLOCK_DATA, json);
    assert.equal(file.storedBytes(block), json.length + BLOCK_OVERHEAD_BYTES + 16);
    assert.deepEqual([...file.bytes(block.position, 8)], [BLOCK_DATA, 0, 1, 1, 1, 0, 0, 0]);
    const bytes = file.bytes();
    for (let at = 0; at + 8 <= json.length; at += 8) {
      assert.ok(!includes(bytes, json.subarray(at, at + 8)));
    }
  });

  test('of encryption gives equal contents different bytes', () => {
    const file = new BlockFile(sealed);
    const other = new BlockFile(sealed);
    const blocks = [file.add(BLOCK_DATA, json), file.add(BLOCK_DATA, json)];
    const payloads = [...blocks.map((block) => [file, block] as const)];
    payloads.push([other, other.add(BLOCK_DATA, json)]);
    const found = payloads.map(([where, { position, length }]) =>
      Buffer.from(where.bytes(position + 16, length - 24)).toString('hex'),
    );
    assert.equal(new Set(found).size, 3);
  });

  test('of encryption refuses to go back, before it seals', () => {
    const writer = sealed.writer('d/x', new BlockFile(sealed).header);
    const out = new ByteWriter(100);
    const sealAt = (position: number): void => {
      out.reset(BLOCK_HEADER_BYTES + 10);
      writer.seal(BLOCK_DATA, out, BLOCK_HEADER_BYTES, position);
    };
    sealAt(200);
    for (const position of [200, 199, 0]) assert.throws(() => sealAt(position), /sealed twice/);
    sealAt(201);
  });

  test('of parity adds its section and changes nothing else', () => {
    for (const pipeline of [plain, sealed]) {
      const ecc = { scheme: 'reed-solomon', data: 4, parity: 2 } as const;
      const file = new BlockFile(pipeline, ecc);
      const block = file.add(BLOCK_DATA, json);
      const tag = pipeline === plain ? 0 : 16;
      assert.equal(block.length, json.length + BLOCK_OVERHEAD_BYTES + tag);
      assert.ok(file.storedBytes(block) > block.length * 1.5);
      assert.equal(
        file.reader(pipeline).parityBytes(block.length),
        file.storedBytes(block) - block.length,
      );
    }
  });

  test('of compression is left out for a content that shrinks by less than 1/8', () => {
    const contentOfNoise = (bytes: number): Uint8Array => {
      const content = noise(4000, 9);
      content.fill(0, 0, bytes);
      return content;
    };
    for (const codec of CODECS.slice(1)) {
      const file = new BlockFile(plain);
      const compression = compressionOf(plain, codec);
      const stored = [0, 300, 800].map(
        (bytes) => file.add(BLOCK_DATA, contentOfNoise(bytes), compression).length,
      );
      assert.deepEqual(stored.slice(0, 2), [4024, 4024], codec);
      assert.ok(stored[2]! < 3524, codec);
      const codecs = file.blocks.map(({ position }) => file.bytes(position, 2)[1]);
      assert.deepEqual(codecs, [0, 0, compression!.codec.id], codec);
    }
  });

  test('of compression with a dictionary finds in it what the block repeats', () => {
    const file = new BlockFile(plain);
    const small = jsonContent(300, 7);
    const alone = file.add(BLOCK_DATA, small, compressionOf(plain, 'zstd')).length;
    const helped = file.add(BLOCK_DATA, small, compressionOf(plain, CODECS[3])).length;
    assert.ok(helped < alone, `${helped} < ${alone}`);
  });
});
