/**
 * The compression option: what it means, and what is refused.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type CompressionOptions,
  needsZstd,
  parseCompression,
  settingsFor,
} from '../../src/compress/options.ts';

const LEVELS = 7;

function codecs(options: CompressionOptions | false | undefined, lastLevel: number): string {
  const policy = parseCompression(options, LEVELS);
  return Array.from({ length: lastLevel + 1 }, (_, level) => {
    const { codec, level: zstdLevel } = settingsFor(policy, level);
    return codec === 'zstd' ? `zstd${zstdLevel}` : codec;
  }).join(' ');
}

test('the default is lz4', () => {
  assert.equal(codecs(undefined, 3), 'lz4 lz4 lz4 lz4');
});

test('one choice is for all levels, and false for none', () => {
  assert.equal(codecs('lz4', 2), 'lz4 lz4 lz4');
  assert.equal(codecs('zstd', 1), 'zstd3 zstd3');
  assert.equal(codecs('none', 1), 'none none');
  assert.equal(codecs(false, 1), 'none none');
  assert.equal(codecs({ codec: 'zstd', level: 19 }, 1), 'zstd19 zstd19');
});

test('a list is from L0 down, and its last entry repeats', () => {
  assert.equal(codecs(['none', 'lz4', { codec: 'zstd', level: 9 }], 3), 'none lz4 zstd9 zstd9');
  assert.equal(codecs(['none'], 2), 'none none none');
});

test('whether zstd is needed is known', () => {
  const needs = (options: CompressionOptions | undefined) =>
    needsZstd(parseCompression(options, LEVELS));
  assert.deepEqual(
    [undefined, 'lz4', 'zstd', ['none', 'lz4'], ['none', 'zstd']].map((options) =>
      needs(options as CompressionOptions | undefined),
    ),
    [false, false, true, false, true],
  );
});

test('dictionaries are taken as bytes or as the size of one to be trained', () => {
  const bytes = new Uint8Array(100);
  const given = parseCompression({ codec: 'zstd', dictionary: bytes }, LEVELS)[0]!;
  assert.deepEqual(given.dictionary?.bytes, bytes);
  assert.notEqual(given.dictionary?.bytes, bytes);
  assert.equal(given.trainedBytes, 0);
  const dictionary = { trainedBytes: 16_384 };
  const trained = parseCompression({ codec: 'zstd', dictionary }, LEVELS)[0]!;
  assert.equal(trained.dictionary, undefined);
  assert.equal(trained.trainedBytes, 16_384);
});

test('wrong types and unknown names are TypeErrors that name their place', () => {
  const cases: [unknown, RegExp][] = [
    ['snappy', /compression: unknown codec "snappy"/],
    ['', /unknown codec/],
    [null, /compression/],
    [true, /compression/],
    [3, /compression/],
    [{}, /compression\.codec/],
    [{ codec: 'lz4' }, /compression\.codec/],
    [{ codec: 'zstd', leval: 3 }, /leval/],
    [{ codec: 'zstd', level: '3' }, /compression\.level/],
    [{ codec: 'zstd', dictionary: 'words' }, /compression\.dictionary/],
    [{ codec: 'zstd', dictionary: null }, /compression\.dictionary/],
    [{ codec: 'zstd', dictionary: {} }, /trainedBytes/],
    [['lz4', 'gzip'], /compression\[1\]/],
    // biome-ignore lint/suspicious/noSparseArray: what a caller may pass by mistake
    [['lz4', , 'zstd'], /compression\[1\]/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => parseCompression(options as CompressionOptions, LEVELS), {
      name: 'TypeError',
      message,
    });
  }
});

test('values out of range are RangeErrors', () => {
  const cases: unknown[] = [
    [],
    Array.from({ length: 8 }, () => 'lz4'),
    ...[0, 20, 2.5, -1, Number.NaN].map((level) => ({ codec: 'zstd', level })),
    ...[7, 65_537].map((n) => ({ codec: 'zstd', dictionary: new Uint8Array(n) })),
    ...[0, 1023, 65_537].map((trainedBytes) => ({ codec: 'zstd', dictionary: { trainedBytes } })),
  ];
  for (const options of cases) {
    assert.throws(() => parseCompression(options as CompressionOptions, LEVELS), RangeError);
  }
});
