/**
 * The length before a record: any one copy is enough, and none is found where none was written.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FRAME_COPY_BYTES, NO_FRAME, RecordFrame } from '../../src/block/record-frame.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import { ECC_CHOICES, eccName } from './block-file.ts';

const SALT = Uint8Array.from({ length: 16 }, (_, i) => 29 * i + 7);
const CODES = ECC_CHOICES.filter((ecc): ecc is BlockCodeOptions => ecc !== undefined);
const PLACES = fc.oneof(fc.nat(100_000), fc.nat(2 ** 31), fc.maxSafeNat());
const LENGTHS = fc.oneof(fc.nat(5000), fc.nat(0x4000_0028));

function copiesOf(ecc: BlockCodeOptions): number {
  if (ecc.scheme === 'secded') return 1;
  return ecc.scheme === 'xor' ? 2 : ecc.parity + 1;
}

function written(frame: RecordFrame, length: number, place: number): Uint8Array {
  const buf = new Uint8Array(frame.sizeBytes + 7).fill(0xee);
  frame.write(buf, 3, length, place);
  assert.deepEqual([buf[2], buf[frame.sizeBytes + 3]], [0xee, 0xee]);
  return buf.slice(3, 3 + frame.sizeBytes);
}

test('a log without a code has no frames', () => {
  assert.equal(new RecordFrame(undefined, SALT).sizeBytes, 0);
});

for (const ecc of CODES) {
  suite(`a frame with ${eccName(ecc)}`, () => {
    const frame = new RecordFrame(ecc, SALT);
    const copies = copiesOf(ecc);

    test('gives the length back, from any one copy', () => {
      assert.equal(frame.sizeBytes, 8 * copies + (ecc.scheme === 'secded' ? 1 : 0));
      fc.assert(
        fc.property(LENGTHS, PLACES, fc.nat(copies - 1), (length, place, kept) => {
          const buf = written(frame, length, place);
          assert.equal(frame.read(buf, 0, place), length);
          for (let i = 0; i < copies; i++) {
            const at = i * FRAME_COPY_BYTES;
            assert.equal(frame.copyIndex(buf, at, place + at), i);
            if (i !== kept) buf.fill(0xa5, at, at + FRAME_COPY_BYTES);
          }
          assert.equal(frame.read(buf, 0, place), length);
        }),
      );
    });

    test('is lost when every copy is, and never gives another length', () => {
      const noise = fc.array(fc.integer({ min: 1, max: 255 }), {
        minLength: copies,
        maxLength: copies,
      });
      fc.assert(
        fc.property(LENGTHS, PLACES, noise, (length, place, masks) => {
          const buf = written(frame, length, place);
          // Two bytes each, which is more than SEC-DED can turn back.
          for (const [i, mask] of masks.entries()) {
            buf[i * FRAME_COPY_BYTES + (mask % 8)]! ^= mask;
            buf[i * FRAME_COPY_BYTES + ((mask + 1) % 8)]! ^= mask;
          }
          assert.equal(frame.read(buf, 0, place), NO_FRAME);
        }),
      );
    });

    test('is intact only if no byte of it is wrong', () => {
      const buf = written(frame, 500, 4096);
      assert.ok(frame.isIntact(buf, 0, 500, 4096));
      assert.ok(!frame.isIntact(buf, 0, 501, 4096));
      assert.ok(!frame.isIntact(buf, 0, 500, 4097));
      for (let at = 0; at < buf.length; at++) {
        buf[at]! ^= 2;
        assert.ok(!frame.isIntact(buf, 0, 500, 4096), `byte ${at}`);
        buf[at]! ^= 2;
      }
    });

    test('fails at another place, with another salt and with copies in wrong order', () => {
      const place = 70_000;
      const buf = written(frame, 500, place);
      for (const other of [0, 69_999, 70_001, 70_008, 69_992, place + 2 ** 32]) {
        assert.equal(frame.read(buf, 0, other), NO_FRAME, `${other}`);
      }
      for (let i = 0; i < 8; i++) {
        const salt = SALT.slice();
        salt[i]! ^= 0x10;
        assert.equal(new RecordFrame(ecc, salt).read(buf, 0, place), NO_FRAME);
      }
      for (let i = 1; i < copies; i++) {
        const moved = new Uint8Array(frame.sizeBytes);
        moved.set(buf.subarray(i * FRAME_COPY_BYTES, (i + 1) * FRAME_COPY_BYTES));
        assert.equal(frame.read(moved, 0, place), NO_FRAME);
      }
    });
  });
}

test('a frame with SEC-DED survives any one wrong bit', () => {
  const frame = new RecordFrame({ scheme: 'secded' }, SALT);
  for (const length of [24, 5000, 0x4000_0028]) {
    const buf = written(frame, length, 4096);
    for (let bit = 0; bit < buf.length * 8; bit++) {
      const damaged = buf.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const before = damaged.slice();
      assert.equal(frame.read(damaged, 0, 4096), length, `bit ${bit}`);
      assert.deepEqual(damaged, before);
    }
  }
});

test('a frame has the documented layout', () => {
  const frame = new RecordFrame({ scheme: 'reed-solomon', data: 4, parity: 2 }, SALT);
  const place = 5 * 2 ** 32 + 4096;
  const buf = written(frame, 1234, place);
  const view = new DataView(buf.buffer);
  const [low, high] = [0, 4].map((at) => new DataView(SALT.buffer).getUint32(at, true));
  for (let i = 0; i < 3; i++) {
    let h = Math.imul(1234 ^ low!, 0x85ebca77);
    h ^= h >>> 13;
    h = Math.imul(h ^ (4096 + 8 * i), 0xc2b2ae3d);
    h ^= h >>> 16;
    h = Math.imul(h ^ 5 ^ high!, 0x27d4eb2f);
    const check = (h ^ (h >>> 15)) >>> 0;
    assert.equal(view.getUint32(8 * i, true), 1234);
    assert.equal(view.getUint32(8 * i + 4, true), (check + i) >>> 0);
  }
});
