/**
 * Zstd: the traps of zstd-codec and of node:zlib, which must not be felt, and dictionaries.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import zlib from 'node:zlib';
import { nodeCompression } from '../../src/compress/node.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import { trainDictionary } from '../../src/compress/train-dictionary.ts';
import { DICTIONARY_BYTES_MAX, ZstdDictionary } from '../../src/compress/zstd-dictionary.ts';
import { frameContentBytes, NO_CONTENT_SIZE, NO_FRAME } from '../../src/compress/zstd-frame.ts';
import { ZSTD_CONTENT_BYTES_MAX } from '../../src/compress/zstd-limits.ts';
import { loadZstdModule } from '../../src/compress/zstd-module.ts';
import { isVarveError } from '../../src/errors.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { compressed, decompressed, jsonDictionary } from './codecs.ts';
import { halfContent, jsonContent, jsonRecord, noise } from './contents.ts';

await portableCompression.loadZstd();
const [portable, node] = [portableCompression.zstd(3), nodeCompression().zstd(3)];

test('no level and size fills the heap, whatever dictionaries are in use', () => {
  const dictionaries = Array.from(
    { length: 20 },
    (_, seed) => new ZstdDictionary(jsonContent(DICTIONARY_BYTES_MAX, seed + 1)),
  );
  for (const size of [16_384, 65_536, 131_072, 131_073, 262_144, ZSTD_CONTENT_BYTES_MAX]) {
    const content = Buffer.concat([jsonContent(size >> 1), halfContent(size - (size >> 1))]);
    for (const level of [1, 3, 9, 13, 19]) {
      const plain = compressed(portableCompression.zstd(level), content)!;
      assert.ok(Buffer.from(decompressed(portable, plain, size)!).equals(content));
      const dictionary = dictionaries[level % 3]!;
      const stored = compressed(portableCompression.zstd(level, dictionary), content)!;
      for (const other of dictionaries) {
        const read = decompressed(portableCompression.zstd(3, other), stored, size);
        if (other === dictionary) assert.ok(Buffer.from(read!).equals(content));
      }
    }
  }
});

test('higher levels give smaller blocks', () => {
  const content = jsonContent(65_536);
  const sizes = [1, 9, 19].map(
    (level) => compressed(portableCompression.zstd(level), content)!.length,
  );
  assert.ok(sizes[0]! > sizes[1]! && sizes[1]! > sizes[2]!, sizes.join());
});

test('a frame that states another content size is refused before anything is decompressed', () => {
  const content = jsonContent(5000);
  const stored = compressed(portable, content)!;
  assert.equal(stored[4], 0x60, 'a single segment with a content size of two bytes');
  for (const forged of [4999, 5001, 65_791]) {
    const frame = Uint8Array.from(stored);
    new DataView(frame.buffer).setUint16(5, forged - 256, true);
    for (const codec of [portable, node]) {
      assert.equal(decompressed(codec, frame, 5000), undefined);
      assert.equal(decompressed(codec, frame, forged), undefined);
    }
  }
});

test('any zstd reads our frames, where the runtime has another', (t) => {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (buf: Uint8Array) => Uint8Array };
  if (zstdDecompressSync === undefined) return t.diagnostic('node:zlib has no zstd');
  for (const content of [jsonContent(300), jsonContent(70_000), noise(4096)]) {
    for (const codec of [portable, node]) {
      const stored = compressed(codec, content)!;
      assert.ok(Buffer.from(zstdDecompressSync(stored)).equals(content));
    }
  }
});

test('a frame that asks for gigabytes is refused', () => {
  const sized = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0xff, 1, 0, 0);
  const windowed = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x80, 0xff, 0, 0x40, 0, 0, 1, 0, 0);
  for (const codec of [portable, node]) {
    assert.equal(decompressed(codec, sized, 20_000), undefined);
    assert.equal(decompressed(codec, windowed, 0x4000), undefined);
  }
});

test('the content size of a frame is read in all of its forms', () => {
  const magic = [0x28, 0xb5, 0x2f, 0xfd];
  const cases: [number[], number][] = [
    [[0x20, 77], 77],
    [[0x60, 1, 0], 257],
    [[0x40, 9, 1, 0], 257],
    [[0xa0, 1, 0, 1, 0], 65_537],
    [[0x80, 9, 1, 0, 1, 0], 65_537],
    [[0xe0, 1, 0, 0, 0, 1, 0, 0, 0], 2 ** 32 + 1],
    [[0xe0, 1, 0, 0, 0, 1, 0, 0, 255], NO_FRAME],
    [[0x21, 5, 77], 77],
    [[0x22, 5, 5, 77], 77],
    [[0x23, 5, 5, 5, 5, 77], 77],
    [[0x24, 77], 77],
    [[0x00, 9], NO_CONTENT_SIZE],
    [[0x28, 77], NO_FRAME],
  ];
  for (const [rest, expected] of cases) {
    const header = Uint8Array.of(...magic, ...rest);
    assert.equal(frameContentBytes(header, 0, header.length), expected, rest.join());
    for (let length = 0; length < header.length; length++) {
      assert.equal(frameContentBytes(header, 0, length), NO_FRAME);
    }
  }
  assert.equal(frameContentBytes(Uint8Array.of(0x29, 0xb5, 0x2f, 0xfd, 0x20, 1), 0, 6), NO_FRAME);
});

test('a second start changes nothing', async () => {
  const stored = compressed(portable, jsonContent(5000))!;
  await loadZstdModule();
  assert.deepEqual(decompressed(portable, stored, 5000), jsonContent(5000));
});

test('where code may not be made from text, starting fails with UNSUPPORTED', async () => {
  const original = globalThis.Function;
  // Another instance of the module, which has not been started.
  const fresh = new URL('../../src/compress/zstd-module.js?fresh', import.meta.url).href;
  const { loadZstdModule: load } = (await import(fresh)) as {
    loadZstdModule: typeof loadZstdModule;
  };
  globalThis.Function = class {
    constructor() {
      throw new EvalError('refused');
    }
  } as unknown as FunctionConstructor;
  try {
    await assert.rejects(load(), (error) => isVarveError(error, 'UNSUPPORTED'));
  } finally {
    globalThis.Function = original;
  }
  await load();
});

test('a dictionary makes small blocks of records smaller, and only it reads them', () => {
  const content = jsonContent(4096, 7);
  const plain = compressed(portable, content)!.length;
  const codec = portableCompression.zstd(3, jsonDictionary);
  const stored = compressed(codec, content)!;
  assert.ok(stored.length < plain * 0.9, `${stored.length} of ${plain}`);
  assert.deepEqual(decompressed(codec, stored, 4096), content);
  const other = portableCompression.zstd(3, new ZstdDictionary(noise(8192)));
  for (const wrong of [portable, other]) {
    assert.notDeepEqual(decompressed(wrong, stored, 4096), content);
  }
});

test('dictionaries in turns beyond those that stay prepared give the right bytes', () => {
  const dictionaries = Array.from(
    { length: 40 },
    (_, seed) => new ZstdDictionary(jsonContent(1000 + seed, seed + 1)),
  );
  const contents = dictionaries.map((_, i) => jsonContent(3000, 100 + i));
  const stored = dictionaries.map(
    (dictionary, i) => compressed(portableCompression.zstd(3, dictionary), contents[i]!)!,
  );
  const random = new SeededRandom(1);
  for (let n = 0; n < 300; n++) {
    const i = random.below(40);
    const codec = portableCompression.zstd(3, dictionaries[i]!);
    assert.deepEqual(decompressed(codec, stored[i]!, 3000), contents[i]);
  }
});

test('the id of a dictionary is the XXH32 of its bytes, and its bytes are a copy', () => {
  const bytes = new TextEncoder().encode('Nobody inspects the spammish repetition');
  const dictionary = new ZstdDictionary(bytes);
  assert.equal(dictionary.id, 0xe229_3b2f);
  bytes.fill(0);
  assert.equal(dictionary.bytes[0], 'N'.charCodeAt(0));
});

test('a dictionary of a wrong size or type is refused', () => {
  assert.throws(() => new ZstdDictionary(new Uint8Array(7)), RangeError);
  assert.throws(() => new ZstdDictionary(new Uint8Array(DICTIONARY_BYTES_MAX + 1)), RangeError);
  assert.throws(() => new ZstdDictionary('dictionary' as unknown as Uint8Array), TypeError);
});

test("a damaged dictionary in zstd's own format is refused", () => {
  const bytes = Uint8Array.of(0x37, 0xa4, 0x30, 0xec, ...noise(100));
  assert.throws(() => portableCompression.zstd(3, new ZstdDictionary(bytes)), TypeError);
  assert.deepEqual(decompressed(portable, compressed(portable, bytes)!, bytes.length), bytes);
});

test('a trained dictionary makes small blocks of records smaller by a tenth', () => {
  const random = new SeededRandom(3);
  const samples = Array.from({ length: 4000 }, (_, id) => jsonRecord(random, id));
  const bytes = trainDictionary(samples, 16_384);
  assert.ok(bytes.length > 0 && bytes.length <= 16_384, `${bytes.length}`);
  const codec = portableCompression.zstd(3, new ZstdDictionary(bytes));
  const content = jsonContent(4096 * 20, 77);
  let [plain, better] = [0, 0];
  for (let at = 0; at < content.length; at += 4096) {
    const block = content.subarray(at, at + 4096);
    plain += compressed(portable, block)!.length;
    better += compressed(codec, block)!.length;
  }
  assert.ok(better < plain * 0.9, `${better} of ${plain}`);
});
