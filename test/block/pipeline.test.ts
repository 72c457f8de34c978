/**
 * The pipeline of an open database: files of different settings side by side, keys that are there,
 * missing or wrong.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BLOCK_DATA } from '../../src/block/block-format.ts';
import type { Correction } from '../../src/block/block-reader.ts';
import { FILE_CLASS_TABLE, FILE_CLASS_WAL } from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { Pipeline } from '../../src/block/pipeline.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import { ZstdDictionary } from '../../src/compress/zstd-dictionary.ts';
import { KeyRing } from '../../src/crypto/key-ring.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { SuiteName } from '../../src/crypto/port.ts';
import { type ErrorCode, isVarveError } from '../../src/errors.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { jsonContent, noise } from '../compress/contents.ts';
import {
  assertCorrupt,
  BlockFile,
  contentOf,
  ECC_CHOICES,
  FILE_NUMBER,
  FILE_PATH,
} from './block-file.ts';
import { codecSettings, DATABASE_ID, pipelineOf } from './pipelines.ts';

const CONTENT = jsonContent(300);

async function ring(
  epoch: number,
  keys: Record<number, Uint8Array>,
  suiteName: SuiteName = 'aes-256-gcm',
): Promise<KeyRing> {
  return KeyRing.open(nodeCrypto(), { suite: suiteName, epoch, keys });
}

function keyOf(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

async function pipelineWith(
  keys: KeyRing | undefined,
  corrections: Correction[] = [],
): Promise<Pipeline> {
  // For the checksums.
  await pipelineOf({});
  const pipeline = new Pipeline({
    random: new SeededRandom(5),
    compression: portableCompression,
    keys,
    logEcc: undefined,
    logCompression: 'none',
    onCorrection: (correction) => corrections.push(correction),
  });
  pipeline.databaseId = DATABASE_ID;
  return pipeline;
}

function read(file: BlockFile, pipeline: Pipeline): Uint8Array {
  const { type, length, position } = file.blocks[0]!;
  const reader = file.reader(pipeline);
  reader.read(type, length, position);
  return contentOf(reader);
}

function oneBlock(pipeline: Pipeline, ecc = ECC_CHOICES[0]): BlockFile {
  const file = new BlockFile(pipeline, ecc);
  file.add(BLOCK_DATA, CONTENT);
  return file;
}

function failure(code: ErrorCode, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isVarveError(error, code), String(error));
    assert.match(error.message, text);
    assert.equal(error.file, FILE_PATH);
    return true;
  };
}

suite('a new file', () => {
  test('is protected as the settings of the day say', async () => {
    const ecc = { scheme: 'xor', data: 3 } as const;
    const clear = await pipelineWith(undefined);
    assert.equal(clear.protection(true, undefined), UNPROTECTED);
    assert.deepEqual(clear.protection(true, ecc), { suiteId: 0, epoch: 0, ecc });
    const sealed = await pipelineWith(await ring(4, { 4: keyOf(4) }, 'chacha20-poly1305'));
    assert.deepEqual(sealed.protection(true, ecc), { suiteId: 2, epoch: 4, ecc });
    assert.deepEqual(sealed.protection(false, ecc), { suiteId: 0, epoch: 0, ecc });
    assert.equal(sealed.protection(false, undefined), UNPROTECTED);
    assert.deepEqual(sealed.logProtection, { suiteId: 2, epoch: 4, ecc: undefined });
  });

  test('has a salt of its own', async () => {
    const pipeline = await pipelineWith(undefined);
    const salts = Array.from({ length: 50 }, () => new BlockFile(pipeline).header.salt.join());
    assert.equal(new Set(salts).size, 50);
  });
});

suite('files of different settings', () => {
  test('are read side by side', async () => {
    const first = await pipelineWith(await ring(1, { 1: keyOf(1) }));
    const second = await pipelineWith(
      await ring(2, { 1: keyOf(1), 2: keyOf(2) }, 'chacha20-poly1305'),
    );
    const third = await pipelineWith(await ring(3, { 1: keyOf(1), 2: keyOf(2), 3: keyOf(3) }));
    const files = ECC_CHOICES.flatMap((ecc) => [
      oneBlock(first, ecc),
      oneBlock(second, ecc),
      oneBlock(third, ecc),
    ]);
    const epochs = new Set(files.map(({ header }) => header.protection.epoch));
    assert.deepEqual([...epochs], [1, 2, 3]);
    for (const file of files) assert.deepEqual(read(file, third), CONTENT);
    for (const file of files.filter(({ header }) => header.protection.epoch < 3)) {
      assert.deepEqual(read(file, second), CONTENT);
    }
  });

  test('share one memory of each code, whichever file is repaired', async () => {
    const corrections: Correction[] = [];
    const pipeline = await pipelineWith(undefined, corrections);
    const codes = ECC_CHOICES.slice(1, 4);
    const files = [...codes, ...codes].map((ecc) => oneBlock(pipeline, ecc));
    for (const file of files) {
      file.change(file.blocks[0]!.position, noise(20));
      assert.deepEqual(read(file, pipeline), CONTENT);
      oneBlock(pipeline, codes[0]);
    }
    assert.equal(corrections.length, files.length);
  });
});

suite('a key', () => {
  test('that is missing is named by its epoch, with the file that needs it', async () => {
    const file = oneBlock(await pipelineWith(await ring(1, { 1: keyOf(1) })));
    const keyless = await pipelineWith(undefined);
    assert.throws(() => read(file, keyless), failure('KEY', /epoch 1, and no keys were given/));
    const retired = await pipelineWith(await ring(2, { 2: keyOf(2) }));
    assert.throws(() => read(file, retired), failure('KEY', /epoch 1/));
    // Without the block's content, one can look at the file all the same.
    file.reader(keyless, { ...file.header, protection: UNPROTECTED }).close();
    keyless.blindReader(file.fs.open(FILE_PATH, 'read'), file.header).close();
  });

  test('that is wrong is found out by its check, and without one by the block', async () => {
    const right = await ring(1, { 1: keyOf(1) });
    const file = oneBlock(await pipelineWith(right));
    const check = right.keyCheck(1, DATABASE_ID, FILE_PATH);
    const wrong = await pipelineWith(await ring(2, { 1: keyOf(9), 2: keyOf(2) }));
    assertCorrupt(() => read(file, wrong), file.blocks[0]!.position, /not authentic/);
    wrong.keyChecks = new Map([[1, check]]);
    const isRefused = failure('KEY', /the key of epoch 1 is not the one/);
    assert.throws(() => wrong.expectEpoch(1, FILE_PATH), isRefused);
    assert.throws(() => read(file, wrong), isRefused);
    const again = await pipelineWith(await ring(2, { 1: keyOf(1), 2: keyOf(2) }));
    again.keyChecks = new Map([[1, check]]);
    for (let i = 0; i < 2; i++) again.expectEpoch(1, FILE_PATH);
    assert.deepEqual(read(file, again), CONTENT);
    // Of an epoch that no file has used yet nothing is known.
    again.expectEpoch(2, FILE_PATH);
  });

  test('of another database is another key', async () => {
    const right = await ring(1, { 1: keyOf(1) });
    const pipeline = await pipelineWith(right);
    pipeline.keyChecks = new Map([[1, right.keyCheck(1, keyOf(3).subarray(0, 16), FILE_PATH)]]);
    assert.throws(() => pipeline.expectEpoch(1, FILE_PATH), failure('KEY', /not the one/));
  });

  test('is forgotten when the pipeline closes, but not by files that are open', async () => {
    const pipeline = await pipelineWith(await ring(1, { 1: keyOf(1) }));
    const file = oneBlock(pipeline);
    const { type, length, position } = file.blocks[0]!;
    const reader = file.reader(pipeline);
    pipeline.close();
    pipeline.close();
    reader.read(type, length, position);
    assert.deepEqual(contentOf(reader), CONTENT);
    assert.throws(
      () => file.reader(pipeline),
      (error) => isVarveError(error, 'CLOSED'),
    );
    reader.close();
    reader.close();
  });

  test('of a suite that is not known is of no use', async () => {
    const pipeline = await pipelineWith(await ring(1, { 1: keyOf(1) }));
    const file = oneBlock(pipeline);
    const protection = { ...file.header.protection, suiteId: 9 };
    assert.throws(
      () => file.reader(pipeline, { ...file.header, protection }),
      failure('UNSUPPORTED', /suite 9 is not known/),
    );
  });
});

suite('zstd', () => {
  test('that is not ready reads nothing, and says so without guessing', async () => {
    const ready = await pipelineOf({});
    const file = new BlockFile(ready);
    file.add(BLOCK_DATA, CONTENT, ready.compression(codecSettings('zstd'), undefined));
    const cold = await pipelineWith(undefined);
    assert.throws(
      () => read(file, cold),
      (error) => isVarveError(error, 'UNSUPPORTED') && error.file === FILE_PATH,
    );
    const dictionary = new ZstdDictionary(noise(100));
    assert.equal(cold.dictionaryCodec(dictionary), undefined);
    await cold.loadZstd();
    assert.deepEqual(read(file, cold), CONTENT);
    assert.equal(cold.dictionaryCodec(dictionary)!.id, 3);
  });

  test('prepares a dictionary once, whatever object its bytes come in', async () => {
    const pipeline = await pipelineOf({});
    const [one, same, other] = [1, 1, 2].map((seed) => new ZstdDictionary(noise(100, seed)));
    assert.equal(pipeline.dictionary(one!), one);
    assert.equal(pipeline.dictionary(same!), one);
    assert.equal(pipeline.dictionary(other!), other);
    assert.equal(pipeline.dictionary(one!), one);
  });
});

suite('the header of a file', () => {
  test('is read from what is left of it, and damage is reported once', async () => {
    for (const ecc of ECC_CHOICES) {
      const corrections: Correction[] = [];
      const pipeline = await pipelineWith(undefined, corrections);
      const file = new BlockFile(pipeline, ecc);
      const handle = file.fs.open(FILE_PATH, 'read');
      assert.deepEqual(pipeline.readHeader(handle, FILE_CLASS_TABLE, FILE_NUMBER), file.header);
      assert.deepEqual(corrections, []);
      file.change(20, Uint8Array.of(1, 2, 3));
      assert.deepEqual(pipeline.readHeader(handle, FILE_CLASS_TABLE, FILE_NUMBER), file.header);
      assert.deepEqual(corrections, [
        { file: FILE_PATH, offset: 0, blockType: 0, correctedShards: 1, correctedBits: 0 },
      ]);
    }
  });

  test('must be the one of that file', async () => {
    const pipeline = await pipelineWith(undefined);
    const file = new BlockFile(pipeline);
    const handle = file.fs.open(FILE_PATH, 'read');
    assertCorrupt(
      () => pipeline.readHeader(handle, FILE_CLASS_WAL, FILE_NUMBER),
      0,
      /another file/,
    );
    assertCorrupt(() => pipeline.readHeader(handle, FILE_CLASS_TABLE, 8), 0, /another file/);
    file.change(0, new Uint8Array(128));
    assertCorrupt(() => pipeline.readHeader(handle, FILE_CLASS_TABLE, FILE_NUMBER), 0, /damaged/);
  });
});
