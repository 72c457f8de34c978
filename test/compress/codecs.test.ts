/**
 * What holds for every codec: round trips, other implementations of the port, and bytes that no
 * writer made.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { allCodecs, codecGroups, compressed, decompressed } from './codecs.ts';
import { anyContent, jsonContent, noise } from './contents.ts';

const codecs = await allCodecs();

for (const { name, codecs: group } of await codecGroups()) {
  test(`${name}: what one implementation or level writes, all of them read`, () => {
    fc.assert(
      fc.property(anyContent(), (content) => {
        for (const writer of group.values()) {
          const stored = compressed(writer, content)!;
          for (const reader of group.values()) {
            const read = decompressed(reader, stored, content.length);
            assert.ok(read !== undefined && Buffer.from(read).equals(content));
          }
        }
      }),
      { numRuns: 60 },
    );
  });
}

for (const [name, codec] of codecs) {
  test(`${name}: empty content is refused both ways`, () => {
    assert.equal(compressed(codec, new Uint8Array(0)), undefined);
    assert.equal(decompressed(codec, new Uint8Array(0), 0), undefined);
    assert.equal(decompressed(codec, new Uint8Array(0), 10), undefined);
  });

  test(`${name}: a result that does not fit leaves the room for it untouched`, () => {
    const content = jsonContent(20_000);
    const { length } = compressed(codec, content)!;
    for (const capacity of [0, 1, 10, 100, length >> 1, length - 1]) {
      assert.equal(compressed(codec, content, capacity), undefined);
    }
    assert.equal(compressed(codec, content, length + 16)?.length, length);
  });

  test(`${name}: ranges of one buffer may overlap`, () => {
    const content = jsonContent(30_000);
    const buf = new Uint8Array(40_000);
    buf.set(content, 100);
    const length = codec.compress(buf, 100, content.length, buf, 90, content.length);
    assert.ok(length > 0);
    assert.ok(codec.decompress(buf, 90, length, buf, 95, content.length));
    assert.ok(Buffer.from(buf.subarray(95, 95 + content.length)).equals(content));
  });

  test(`${name}: a length other than the content's is refused`, () => {
    const content = jsonContent(5000);
    const stored = compressed(codec, content)!;
    for (const length of [1, 100, 4999, 5001, 5255, 6000, 70_000, codec.contentBytesMax(1e6)]) {
      assert.equal(decompressed(codec, stored, length), undefined, `${length}`);
    }
  });

  test(`${name}: more content than the bytes can stand for is known from the lengths`, () => {
    for (const length of [1, 50, 5000, 200_000]) {
      const stored = compressed(codec, new Uint8Array(length))!;
      assert.ok(codec.contentBytesMax(stored.length) >= length);
    }
  });

  test(`${name}: content above the largest is stored plain`, () => {
    const most = codec.contentBytesMax(2 ** 30);
    const content = new Uint8Array(most + 1);
    assert.equal(compressed(codec, content, most), undefined);
    const stored = compressed(codec, content.subarray(1), most)!;
    assert.ok(stored.length < most / 100);
    assert.deepEqual(decompressed(codec, stored, most), content.subarray(1));
    assert.equal(decompressed(codec, stored, most + 1), undefined);
  });

  test(`${name}: damaged bytes give false or as many bytes as were asked for`, () => {
    const damage = fc.record({
      length: fc.integer({ min: 1, max: 20_000 }),
      seed: fc.integer({ min: 1, max: 1e6 }),
      flips: fc.integer({ min: 0, max: 8 }),
      keep: fc.double({ min: 0, max: 1.1, noNaN: true }),
      declare: fc.constantFrom(0, 0, 0, -1, 1, 1000, -1000),
    });
    fc.assert(
      fc.property(damage, ({ length, seed, flips, keep, declare }) => {
        const random = new SeededRandom(seed);
        const content = jsonContent(length, seed);
        const whole = compressed(codec, content)!;
        for (let i = 0; i < flips; i++) whole[random.below(whole.length)]! ^= 1 << random.below(8);
        const stored = new Uint8Array(Math.floor(whole.length * keep));
        random.fill(stored);
        stored.set(whole.subarray(0, stored.length));
        decompressed(codec, stored, Math.max(0, length + declare));
      }),
      { numRuns: 400 },
    );
  });

  test(`${name}: random bytes give false or as many bytes as were asked for`, () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = new SeededRandom(seed);
      const stored = noise(random.below(600), seed);
      // Small tokens and distances get further.
      if (seed % 2 === 0) for (const i of stored.keys()) stored[i]! &= 0x1f;
      decompressed(codec, stored, random.below(3000));
    }
  });
}
