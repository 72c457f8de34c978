/**
 * Records in several copies: one sound copy is enough, and the SEC-DED section restores one.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import { loadChecksum } from '../../src/block/checksum.ts';
import {
  isSoundReplica,
  repairReplicas,
  replicaParityBytes,
  writeReplicaParity,
  writeReplicas,
} from '../../src/block/replicas.ts';

const { h64Raw } = await xxhash();
await loadChecksum();

const SIZE = 32;
const COUNT = 3;
const OFF = 5;
const COPIES_END = OFF + SIZE * COUNT;

/** Three copies and their section, at an odd place of a larger buffer. */
function record(): Uint8Array {
  const buf = new Uint8Array(COPIES_END + replicaParityBytes(SIZE * COUNT) + 3).fill(0xee);
  for (let i = 0; i < SIZE - 8; i++) buf[OFF + i] = 3 * i + 1;
  writeReplicas(buf, OFF, SIZE, COUNT);
  writeReplicaParity(buf, OFF, SIZE * COUNT);
  return buf;
}

function soundCopies(buf: Uint8Array): number[] {
  return [0, 1, 2].filter((i) => isSoundReplica(buf, OFF + i * SIZE, SIZE));
}

suite('copies of a record', () => {
  test('are equal, end with the XXH64 of the content and touch nothing else', () => {
    const buf = record();
    const copy = buf.slice(OFF, OFF + SIZE);
    const expected = h64Raw(copy.subarray(0, SIZE - 8), 0n);
    assert.equal(new DataView(copy.buffer).getBigUint64(SIZE - 8, true), expected);
    for (let i = 1; i < COUNT; i++) {
      assert.deepEqual(buf.slice(OFF + i * SIZE, OFF + (i + 1) * SIZE), copy);
    }
    assert.deepEqual(soundCopies(buf), [0, 1, 2]);
    assert.ok(buf.subarray(0, OFF).every((byte) => byte === 0xee));
    assert.ok(buf.subarray(-3).every((byte) => byte === 0xee));
  });

  test('are not sound after any change', () => {
    const buf = record();
    for (let bit = 0; bit < SIZE * 8; bit++) {
      buf[OFF + SIZE + (bit >> 3)]! ^= 1 << (bit & 7);
      assert.deepEqual(soundCopies(buf), [0, 2], `bit ${bit}`);
      buf[OFF + SIZE + (bit >> 3)]! ^= 1 << (bit & 7);
    }
  });
});

suite('a repair of copies', () => {
  test('turns back one bit in every word and its check byte, wherever the bits are', () => {
    const words = (SIZE * COUNT) / 8;
    const bits = fc.array(fc.integer({ min: -1, max: 71 }), {
      minLength: words,
      maxLength: words,
    });
    fc.assert(
      fc.property(bits, (list) => {
        const buf = record();
        const written = buf.slice();
        for (const [word, bit] of list.entries()) {
          if (bit < 0) continue;
          const at = bit < 64 ? OFF + word * 8 + (bit >> 3) : COPIES_END + word;
          buf[at]! ^= 1 << (bit & 7);
        }
        fc.pre(list.some((bit) => bit >= 0 && bit < 64));
        assert.ok(repairReplicas(buf, OFF, SIZE, COUNT));
        assert.deepEqual(buf, written);
      }),
    );
  });

  test('that makes no copy sound leaves everything as it was', () => {
    const buf = record();
    // Two bits in a word of every copy are found, and cannot be turned back.
    for (let i = 0; i < COUNT; i++) buf[OFF + i * SIZE + 9]! ^= 0b11;
    const damaged = buf.slice();
    assert.equal(repairReplicas(buf, OFF, SIZE, COUNT), false);
    assert.deepEqual(buf, damaged);
  });

  test('needs but one copy that can be restored', () => {
    const buf = record();
    buf.fill(0, OFF, OFF + 2 * SIZE);
    buf[OFF + 2 * SIZE]! ^= 4;
    assert.equal(repairReplicas(buf, OFF, SIZE, COUNT), true);
    assert.ok(soundCopies(buf).includes(2));
  });
});
