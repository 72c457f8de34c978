/**
 * Blocks that someone made up or moved, with the right checksum and parity over them: an encrypted
 * file takes none of them, and no file lets a wrong length allocate.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_CONTENT_BYTES_MAX, BLOCK_DATA, BLOCK_INDEX } from '../../src/block/block-format.ts';
import { BlockReader } from '../../src/block/block-reader.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { readU32, writeU16, writeU32 } from '../../src/bytes/fixed.ts';
import type { Compressor } from '../../src/compress/port.ts';
import { ZstdDictionary } from '../../src/compress/zstd-dictionary.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import { isVarveError } from '../../src/errors.ts';
import { jsonContent } from '../compress/contents.ts';
import {
  assertCorrupt,
  BlockFile,
  contentOf,
  ECC_CHOICES,
  FILE_PATH,
  type PlacedBlock,
} from './block-file.ts';
import { codecSettings, DATABASE_ID, pipelineOf } from './pipelines.ts';

const SUITES = ['aes-256-gcm', 'chacha20-poly1305'] as const;
const RS42: BlockCodeOptions = { scheme: 'reed-solomon', data: 4, parity: 2 };
const sealedPipelines: Pipeline[] = [];
for (const suiteName of SUITES) {
  sealedPipelines.push(await pipelineOf({ suite: suiteName, epoch: 2 }));
}
const plain = await pipelineOf({});
const DICTIONARIES = [1, 2].map((seed) => new ZstdDictionary(jsonContent(2000, seed)));

/** Three compressed blocks of one type and length class. */
function fileOf(pipeline: Pipeline, ecc?: BlockCodeOptions): BlockFile {
  const file = new BlockFile(pipeline, ecc);
  const compression = pipeline.compression(codecSettings('lz4'), undefined);
  for (let seed = 1; seed <= 3; seed++) file.add(BLOCK_DATA, jsonContent(900, seed), compression);
  return file;
}

function read(file: BlockFile, pipeline: Pipeline, block: PlacedBlock, type = block.type): void {
  const reader = file.reader(pipeline);
  reader.read(type, block.length, block.position);
}

suite('an encrypted block', () => {
  for (const pipeline of sealedPipelines) {
    const name = SUITES[pipeline.keys!.suiteId - 1];
    for (const ecc of [undefined, RS42]) {
      const ways = ecc === undefined ? name : `${name} and parity`;

      test(`relabelled in any field of its header is not authentic (${ways})`, () => {
        const changes: [string, (bytes: Uint8Array) => void][] = [
          ['no codec', (bytes) => (bytes[1] = 0)],
          ['another codec', (bytes) => (bytes[1] = 2)],
          ['the dictionary', (bytes) => (bytes[1] = 3)],
          ['a codec of the future', (bytes) => (bytes[1] = 77)],
          ['no suite', (bytes) => (bytes[2] = 0)],
          ['the other suite', (bytes) => (bytes[2] = 3 - bytes[2]!)],
          ['another epoch', (bytes) => writeU16(bytes, 4, 1)],
          ['no suite and no epoch', (bytes) => writeU32(bytes, 2, 0x0100)],
          ['a longer content', (bytes) => writeU32(bytes, 12, readU32(bytes, 12) + 1)],
          ['a huge content', (bytes) => writeU32(bytes, 12, BLOCK_CONTENT_BYTES_MAX)],
          ['an empty content', (bytes) => writeU32(bytes, 12, 0)],
        ];
        for (const [what, change] of changes) {
          const file = fileOf(pipeline, ecc);
          const block = file.blocks[1]!;
          file.forge(block, change);
          assertCorrupt(() => read(file, pipeline, block), block.position, /not authentic/, what);
        }
        const file = fileOf(pipeline, ecc);
        const block = file.blocks[1]!;
        file.forge(block, (bytes) => (bytes[0] = BLOCK_INDEX));
        const { position } = block;
        assertCorrupt(() => read(file, pipeline, block, BLOCK_INDEX), position, /not authentic/);
        assertCorrupt(() => read(file, pipeline, block), position, /expected/);
      });

      test(`with any changed bit of its payload is not authentic (${ways})`, () => {
        const file = fileOf(pipeline, ecc);
        const block = file.blocks[0]!;
        const written = file.bytes();
        fc.assert(
          fc.property(fc.nat((block.length - 24) * 8 - 1), (bit) => {
            file.change(0, written);
            file.forge(block, (bytes) => {
              bytes[16 + (bit >> 3)]! ^= 1 << (bit & 7);
            });
            assertCorrupt(() => read(file, pipeline, block), block.position, /not authentic/);
          }),
        );
      });

      test(`that was moved is not authentic (${ways})`, () => {
        const file = fileOf(pipeline, ecc);
        const [, to, from] = file.blocks;
        const moved: PlacedBlock = { ...to!, length: from!.length };
        const bytes = file.bytes(from!.position, file.storedBytes(from!));
        file.change(to!.position, bytes);
        // As it is, the checksum tells; with another checksum, the tag does.
        assertCorrupt(() => read(file, pipeline, moved), to!.position);
        file.forge(moved, () => {});
        assertCorrupt(() => read(file, pipeline, moved), to!.position, /not authentic/);
      });

      test(`of another file or database is not authentic (${ways})`, () => {
        const file = fileOf(pipeline, ecc);
        const block = file.blocks[1]!;
        const own = file.header;
        const others = {
          number: { ...own, fileNumber: 8 },
          class: { ...own, fileClass: 0x57 },
          salt: { ...own, salt: Uint8Array.from(own.salt, (byte, i) => byte ^ (i === 15 ? 1 : 0)) },
          base: { ...own, databaseId: undefined, baseSeqno: 1 },
          predecessor: { ...own, databaseId: undefined, previousNumber: 1 },
          database: { ...own, databaseId: DATABASE_ID.map((byte) => byte ^ 2) },
        };
        for (const header of Object.values(others)) {
          const reader = file.reader(pipeline, header);
          assertCorrupt(
            () => reader.read(BLOCK_DATA, block.length, block.position),
            block.position,
            /not authentic/,
          );
        }
        pipeline.databaseId = DATABASE_ID.map((byte) => byte ^ 1);
        assertCorrupt(() => read(file, pipeline, block), block.position, /not authentic/);
        pipeline.databaseId = DATABASE_ID;
        read(file, pipeline, block);
      });
    }

    test(`too short for its tag is not authentic (${name})`, () => {
      for (const length of [0, 15, 16]) {
        const file = new BlockFile(pipeline);
        const block = file.add(BLOCK_DATA, new Uint8Array(100));
        const short: PlacedBlock = { ...block, length: 24 + length };
        file.forge(short, (bytes) => {
          writeU32(bytes, 8, length);
          writeU32(bytes, 12, 0);
        });
        assertCorrupt(() => read(file, pipeline, short), block.position, /not authentic/);
      }
    });
  }

  test('of a file whose protection was changed in its header is not authentic', () => {
    const [aes] = sealedPipelines;
    const file = fileOf(aes!);
    const block = file.blocks[0]!;
    const { protection } = file.header;
    const changes = [
      { ...protection, suiteId: 2 },
      { ...protection, epoch: 1 },
      { ...protection, ecc: RS42 },
    ];
    for (const other of changes) {
      const reader = file.reader(aes!, { ...file.header, protection: other });
      const open = (): void => reader.read(BLOCK_DATA, block.length, block.position);
      assertCorrupt(open, block.position, /not authentic/);
    }
    const clear = { suiteId: 0, epoch: 0, ecc: undefined };
    const reader = file.reader(plain, { ...file.header, protection: clear });
    assertCorrupt(
      () => reader.read(BLOCK_DATA, block.length, block.position),
      block.position,
      /not authentic/,
    );
  });

  test('stays closed to a reader without the key, which still finds and repairs it', async () => {
    const corrections: unknown[] = [];
    const keyless = await pipelineOf({ corrections: corrections as never[] });
    const [aes] = sealedPipelines;
    const file = fileOf(aes!, RS42);
    const { type, position, length } = file.blocks[1]!;
    const reader = keyless.blindReader(file.fs.open(FILE_PATH, 'read'), file.header);
    const buf = file.bytes(position, file.storedBytes(file.blocks[1]!));
    buf.fill(0, 0, 40);
    assert.ok(reader.repair(type, buf, 0, length, position));
    assert.equal(reader.inspect(buf, 0, length, position), 'none');
    assert.equal(reader.decode(buf, undefined), 'forged');
    assert.equal(corrections.length, 1);
    assert.throws(
      () => keyless.reader(file.fs.open(FILE_PATH, 'read'), file.header),
      (error) => isVarveError(error, 'KEY'),
    );
  });
});

suite('a block in the clear', () => {
  const codecs = { lz4: 1, zstd: 2 } as const;

  for (const codec of ['lz4', 'zstd'] as const) {
    test(`(${codec}) that declares another content does not hold what it declares`, () => {
      for (const ecc of ECC_CHOICES) {
        for (const length of [0, 1, 899, 901, 70_000, 0x10_0000, BLOCK_CONTENT_BYTES_MAX]) {
          const file = new BlockFile(plain, ecc);
          const compression = plain.compression(codecSettings(codec), undefined);
          const block = file.add(BLOCK_DATA, jsonContent(900, 1), compression);
          assert.equal(file.bytes(block.position, 2)[1], codecs[codec]);
          file.forge(block, (bytes) => writeU32(bytes, 12, length));
          assertCorrupt(() => read(file, plain, block), block.position, /declares/);
        }
      }
    });

    test(`(${codec}) with any payload under a right checksum is read or refused`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(300), (junk, at) => {
          const file = new BlockFile(plain);
          const compression = plain.compression(codecSettings(codec), undefined);
          const block = file.add(BLOCK_DATA, jsonContent(900, 1), compression);
          file.forge(block, (bytes) => {
            bytes.set(junk.subarray(0, block.length - 24 - at), 16 + at);
          });
          try {
            read(file, plain, block);
          } catch (error) {
            assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
          }
        }),
      );
    });
  }

  test('has no content longer than its codec makes of its bytes, before room is made', () => {
    const asked: number[] = [];
    const codec: Compressor = {
      id: 1,
      name: 'lz4',
      isThorough: false,
      compress: () => assert.fail(),
      decompress: () => assert.fail('room was made'),
      contentBytesMax: (storedLen) => {
        asked.push(storedLen);
        return 3999;
      },
    };
    const file = new BlockFile(plain);
    const block = file.add(BLOCK_DATA, new Uint8Array(100));
    file.forge(block, (bytes) => {
      bytes[1] = 1;
      writeU32(bytes, 12, 4000);
    });
    const reader = new BlockReader(file.fs.open(FILE_PATH, 'read'), {
      salt: file.header.salt,
      cipher: undefined,
      ecc: undefined,
      decompressor: () => codec,
      onCorrection: () => assert.fail(),
    });
    const open = (): void => reader.read(BLOCK_DATA, block.length, block.position);
    assertCorrupt(open, block.position, /declares/);
    assert.deepEqual(asked, [100]);
  });

  test('that needs a dictionary is damaged without it, or with another', () => {
    const [one, other] = DICTIONARIES.map((found) => plain.dictionary(found));
    const file = new BlockFile(plain);
    const compression = plain.compression(codecSettings('zstd'), one);
    const block = file.add(BLOCK_DATA, jsonContent(600, 1), compression);
    assertCorrupt(() => read(file, plain, block), block.position, /declares/);
    const reader = file.reader(plain);
    reader.useDictionary(other!.id, plain.dictionaryCodec(other!)!);
    try {
      reader.read(BLOCK_DATA, block.length, block.position);
      // Zstd does not tell dictionaries without an id apart; that tables pin them by id does.
      assert.notDeepEqual(contentOf(reader), block.content);
    } catch (error) {
      assert.ok(isVarveError(error, 'CORRUPTION'));
    }
    reader.useDictionary(one!.id, plain.dictionaryCodec(one!)!);
    reader.read(BLOCK_DATA, block.length, block.position);
    assert.deepEqual(contentOf(reader), block.content);
  });

  test('that is encrypted is bound to its dictionary', () => {
    const [aes] = sealedPipelines;
    const [one, other] = DICTIONARIES.map((found) => aes!.dictionary(found));
    const file = new BlockFile(aes!);
    const compression = aes!.compression(codecSettings('zstd'), one);
    const block = file.add(BLOCK_DATA, jsonContent(600, 1), compression);
    const reader = file.reader(aes!);
    const open = (): void => reader.read(BLOCK_DATA, block.length, block.position);
    assertCorrupt(open, block.position, /not authentic/);
    reader.useDictionary(other!.id, aes!.dictionaryCodec(other!)!);
    assertCorrupt(open, block.position, /not authentic/);
    reader.useDictionary(one!.id, aes!.dictionaryCodec(one!)!);
    open();
    assert.deepEqual(contentOf(reader), block.content);
  });
});
