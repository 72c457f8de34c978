/**
 * Sealing and opening blocks: the layout, and that no damage goes unseen.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import xxhash from 'xxhash-wasm';
import {
  BLOCK_CONTENT_BYTES_MAX,
  BLOCK_DATA,
  BLOCK_FOOTER,
  BLOCK_HEADER_BYTES,
  BLOCK_INDEX,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_TRAILER_BYTES,
  BlockCodec,
} from '../../src/block/block-codec.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { writeU32 } from '../../src/bytes/fixed.ts';
import { isVarveError } from '../../src/errors.ts';

const { h64Raw } = await xxhash();
await loadChecksum();

const PATH = 'dir/000001.sst';
const SALT = Uint8Array.from({ length: 16 }, (_, i) => 17 * i + 3);
const POSITIONS = fc.oneof(
  fc.nat(10_000),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);

function codec(salt: Uint8Array = SALT): BlockCodec {
  return new BlockCodec(PATH, salt);
}

/** A sealed block in a buffer of its own. */
function sealed(content: Uint8Array, position: number, type: number = BLOCK_DATA): Uint8Array {
  const buf = new Uint8Array(content.length + BLOCK_OVERHEAD_BYTES);
  buf.set(content, BLOCK_HEADER_BYTES);
  const length = codec().seal(type, buf, BLOCK_HEADER_BYTES, content.length, position);
  assert.equal(length, buf.length);
  return buf;
}

/** Writes the right checksum over a block whose header was changed. */
function reseal(block: Uint8Array, position: number): void {
  const seed = new DataView(SALT.buffer).getBigUint64(0, true);
  const end = block.length - BLOCK_TRAILER_BYTES;
  const digest = h64Raw(block.subarray(0, end), seed) ^ BigInt(position);
  new DataView(block.buffer, end, 8).setBigUint64(0, digest, true);
}

function assertCorrupt(open: () => void, position: number): void {
  assert.throws(open, (error) => {
    assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
    assert.equal(error.file, PATH);
    assert.equal(error.offset, position);
    return true;
  });
}

suite('a sealed block', () => {
  test('has the documented layout', () => {
    const content = Uint8Array.of(1, 2, 3, 4, 5);
    const block = sealed(content, 0x1_2345_6789, BLOCK_INDEX);
    assert.deepEqual([...block.subarray(0, 8)], [BLOCK_INDEX, 0, 0, 1, 0, 0, 0, 0]);
    assert.deepEqual([...block.subarray(8, 16)], [5, 0, 0, 0, 5, 0, 0, 0]);
    assert.deepEqual(block.slice(16, 21), content);
    const expected = block.slice();
    reseal(expected, 0x1_2345_6789);
    assert.deepEqual(block, expected);
  });

  test('opens to its content, from the middle of a larger buffer', () => {
    const any = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(any, POSITIONS, fc.nat(20), fc.nat(20), (content, position, before, after) => {
        const block = sealed(content, position);
        const buf = new Uint8Array(before + block.length + after).fill(0xee);
        buf.set(block, before);
        const opener = codec();
        opener.open(BLOCK_DATA, buf, before, block.length, position);
        const { contentOff, contentLen } = opener;
        assert.deepEqual(buf.slice(contentOff, contentOff + contentLen), content);
        assert.equal(opener.blockLen, block.length);
        assert.equal(opener.blockType, BLOCK_DATA);
        // A log reader does not know where the block ends.
        assert.equal(opener.inspect(buf, before, buf.length, position), 'none');
        assert.equal(opener.blockLen, block.length);
      }),
    );
  });

  test('leaves bytes around it alone', () => {
    const buf = new Uint8Array(60).fill(0xee);
    const length = codec().seal(BLOCK_DATA, buf, 20, 10, 0);
    assert.equal(length, 10 + BLOCK_OVERHEAD_BYTES);
    assert.ok(buf.subarray(0, 4).every((byte) => byte === 0xee));
    assert.ok(buf.subarray(20, 30).every((byte) => byte === 0xee));
    assert.ok(buf.subarray(38).every((byte) => byte === 0xee));
  });

  test('is not sealed where it has no room', () => {
    const buf = new Uint8Array(64);
    assert.throws(() => codec().seal(BLOCK_DATA, buf, 15, 10, 0), /invariant/);
    assert.throws(() => codec().seal(BLOCK_DATA, buf, 16, 41, 0), /invariant/);
    codec().seal(BLOCK_DATA, buf, 16, 40, 0);
  });
});

suite('a damaged block', () => {
  test('is noticed whichever bit was flipped', () => {
    const position = 4096;
    const block = sealed(
      Uint8Array.from({ length: 40 }, (_, i) => i),
      position,
    );
    const opener = codec();
    for (let bit = 0; bit < block.length * 8; bit++) {
      const damaged = block.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(opener.inspect(damaged, 0, damaged.length, position), 'none', `bit ${bit}`);
      assertCorrupt(() => opener.open(BLOCK_DATA, damaged, 0, damaged.length, position), position);
    }
  });

  test('that was cut is truncated or fails, at every length', () => {
    const block = sealed(new Uint8Array(30).fill(9), 128);
    const opener = codec();
    for (let length = 0; length < block.length; length++) {
      assert.equal(opener.inspect(block, 0, length, 128), 'truncated');
      assertCorrupt(() => opener.open(BLOCK_DATA, block, 0, length, 128), 128);
    }
  });

  test('is never found in random bytes, and huge lengths are refused before they are used', () => {
    const opener = codec();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), POSITIONS, (bytes, position) => {
        assert.notEqual(opener.inspect(bytes, 0, bytes.length, position), 'none');
      }),
    );
    const block = sealed(new Uint8Array(10), 0);
    writeU32(block, 8, BLOCK_CONTENT_BYTES_MAX + 1);
    assert.equal(opener.inspect(block, 0, block.length, 0), 'header');
    writeU32(block, 8, 0xffff_ffff);
    assert.equal(opener.inspect(block, 0, block.length, 0), 'header');
  });
});

suite('a block in the wrong place', () => {
  test('fails at any other position of the file', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    fc.assert(
      fc.property(POSITIONS, (position) => {
        fc.pre(position !== 4096);
        assert.equal(codec().inspect(block, 0, block.length, position), 'checksum');
      }),
    );
  });

  test('fails in a file with another salt', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    for (let i = 0; i < 8; i++) {
      const salt = SALT.slice();
      salt[i]! ^= 1;
      assert.equal(codec(salt).inspect(block, 0, block.length, 4096), 'checksum');
    }
  });

  test('is refused as another type or with another length than expected', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    assertCorrupt(() => codec().open(BLOCK_FOOTER, block, 0, block.length, 4096), 4096);
    const longer = Uint8Array.from([...block, 0]);
    assertCorrupt(() => codec().open(BLOCK_DATA, longer, 0, longer.length, 4096), 4096);
  });
});

suite('a sound block of a newer version', () => {
  const later: [what: string, offset: number, value: number][] = [
    ['codec', 1, 2],
    ['cipher suite', 2, 1],
    ['key epoch', 4, 1],
  ];
  for (const [what, offset, value] of later) {
    test(`is unsupported, not corrupt: unknown ${what}`, () => {
      const block = sealed(Uint8Array.of(1, 2, 3), 4096);
      block[offset] = value;
      reseal(block, 4096);
      assert.equal(codec().inspect(block, 0, block.length, 4096), 'unsupported');
      assert.throws(
        () => codec().open(BLOCK_DATA, block, 0, block.length, 4096),
        (error) => isVarveError(error, 'UNSUPPORTED') && error.file === PATH,
      );
    });
  }

  test('but a content length that no stage explains is a fault', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    block[12] = 4;
    reseal(block, 4096);
    assert.equal(codec().inspect(block, 0, block.length, 4096), 'header');
  });
});
