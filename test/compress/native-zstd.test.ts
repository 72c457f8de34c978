/**
 * The zstd of a runtime that is not what node:zlib promises: what it returns is never stored when
 * it could not be read back.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type NativeZstd, nodeCompression } from '../../src/compress/node.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import { frameContentBytes, isPlainFrame, NO_CONTENT_SIZE } from '../../src/compress/zstd-frame.ts';
import { compressed, decompressed } from './codecs.ts';
import { jsonContent, noise } from './contents.ts';

await portableCompression.loadZstd();
const portable = portableCompression.zstd(3);
/** Descriptor, content size of two bytes: what the encoders that we have write for these. */
const HEADER_BYTES = 7;
const CHECKSUM_BIT = 0x04;
const CONTENT = jsonContent(20_000);

/** A frame of the usual form, from the encoder that is everywhere. */
function frameOf(content: Uint8Array): Uint8Array {
  const frame = compressed(portable, content)!;
  assert.equal(frame[4], 0x60, 'a single segment with a content size of two bytes');
  return frame;
}

/** As Deno makes frames: a window of 2 MiB, no content size. */
function withoutContentSize(frame: Uint8Array): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 4), 0x00, 0x58, ...frame.subarray(HEADER_BYTES));
}

function changed(frame: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  return frame.with(at, change(frame[at]!));
}

/** An encoder that makes something else of a right frame; `calls` counts how often it is asked. */
function encoder(spoil: (frame: Uint8Array, calls: number) => Uint8Array): NativeZstd & {
  calls: number;
} {
  const native = {
    constants: { ZSTD_c_compressionLevel: 100 },
    calls: 0,
    zstdCompressSync: (content: Uint8Array) => spoil(frameOf(content), ++native.calls),
  };
  return native;
}

/** Ways to spoil a frame from the outside. */
const SPOILED: Readonly<Record<string, (frame: Uint8Array) => Uint8Array>> = {
  'without a content size': withoutContentSize,
  'with another content size': (frame) => changed(frame, 5, (byte) => byte ^ 1),
  'that say they have a checksum': (frame) => changed(frame, 4, (byte) => byte | CHECKSUM_BIT),
  'that are cut short': (frame) => frame.subarray(0, frame.length - 1),
  'with a byte too many': (frame) => Uint8Array.of(...frame, 0),
  'that come twice': (frame) => Uint8Array.of(...frame, ...frame),
  'without an end': (frame) => changed(frame, HEADER_BYTES, (byte) => byte & ~1),
  'of no bytes': () => new Uint8Array(0),
  'that are noise': (frame) => noise(frame.length),
};

suite('an encoder that makes frames', () => {
  for (const [name, spoil] of Object.entries(SPOILED)) {
    for (const [when, first] of [
      ['from the beginning', 1],
      ['now and then', 2],
    ] as const) {
      test(`${name}, ${when}, spoils nothing`, () => {
        const native = encoder((frame, calls) => (calls < first ? frame : spoil(frame)));
        const codec = nodeCompression(native).zstd(3);
        const stored = compressed(codec, CONTENT)!;
        assert.ok(isPlainFrame(stored, 0, stored.length, CONTENT.length));
        assert.deepEqual(decompressed(codec, stored, CONTENT.length), CONTENT);
        assert.equal(native.calls, first, 'it is asked no more when it failed at once');
      });
    }
  }

  test('of other content is not used', () => {
    const native = encoder(() => frameOf(jsonContent(16_384, 5)));
    const codec = nodeCompression(native).zstd(3);
    assert.deepEqual(decompressed(codec, compressed(codec, CONTENT)!, CONTENT.length), CONTENT);
    assert.equal(native.calls, 1);
  });

  test('no more, but throws, is not used', () => {
    const native = encoder(() => {
      throw new Error('not implemented');
    });
    const codec = nodeCompression(native).zstd(3);
    assert.deepEqual(decompressed(codec, compressed(codec, CONTENT)!, CONTENT.length), CONTENT);
    assert.equal(native.calls, 1);
  });

  test('that are right is used, and tried once', () => {
    const native = encoder((frame) => frame);
    const compression = nodeCompression(native);
    for (let n = 2; n < 5; n++) {
      compressed(compression.zstd(3), CONTENT);
      assert.equal(native.calls, n);
    }
  });
});

suite('a frame that states no content size', () => {
  // Databases hold such, of runtimes whose encoder was trusted.
  test('is read within the declared length, and for no other', () => {
    const frame = withoutContentSize(frameOf(CONTENT));
    assert.equal(frameContentBytes(frame, 0, frame.length), NO_CONTENT_SIZE);
    assert.deepEqual(decompressed(portable, frame, CONTENT.length), CONTENT);
    for (const length of [1, CONTENT.length - 1, CONTENT.length + 1, 1_048_576]) {
      assert.equal(decompressed(portable, frame, length), undefined);
    }
  });

  test('and would fill more than a block may hold is refused', () => {
    // Blocks of 128 KiB that repeat one byte, 1 MiB and a byte together, in a window of 8 MiB.
    const runs = Array.from({ length: 9 }, (_, i) => {
      const header = ((i < 8 ? 131_072 : 1) << 3) | 2 | (i === 8 ? 1 : 0);
      return [header & 0xff, (header >>> 8) & 0xff, header >>> 16, 7];
    });
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, ...runs.flat());
    assert.equal(frameContentBytes(frame, 0, frame.length), NO_CONTENT_SIZE);
    for (const length of [1, 1_048_576]) {
      assert.equal(decompressed(portable, frame, length), undefined);
    }
    const whole = frame.slice(0, frame.length - 4);
    whole[whole.length - 4]! |= 1;
    assert.deepEqual(decompressed(portable, whole, 1_048_576), new Uint8Array(1_048_576).fill(7));
  });
});
