/**
 * Blocks with every stage off: the layout, and that no damage goes unseen.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  BLOCK_CONTENT_BYTES_MAX,
  BLOCK_DATA,
  BLOCK_FOOTER,
  BLOCK_HEADER_BYTES,
  BLOCK_INDEX,
  BLOCK_OVERHEAD_BYTES,
  BLOCK_PAYLOAD_BYTES_MAX,
} from '../../src/block/block-format.ts';
import type { BlockReader } from '../../src/block/block-reader.ts';
import { BlockWriter } from '../../src/block/block-writer.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { FILE_CLASS_TABLE, type FileHeader } from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { writeU32 } from '../../src/bytes/fixed.ts';
import { Room } from '../../src/bytes/room.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { assertCorrupt, contentOf, FILE_PATH, resealChecksum } from './block-file.ts';
import { plainPipeline } from './pipelines.ts';

await loadChecksum();

const SALT = Uint8Array.from({ length: 16 }, (_, i) => 17 * i + 3);
const POSITIONS = fc.oneof(
  fc.nat(10_000),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);

/** A reader of blocks that are handed to it; its file is empty. */
function reader(salt: Uint8Array = SALT): BlockReader {
  const fs = new MemoryFs();
  fs.createDirectory('d');
  const header: FileHeader = {
    fileClass: FILE_CLASS_TABLE,
    fileNumber: 7,
    salt,
    previousNumber: 0,
    baseSeqno: 0,
    protection: UNPROTECTED,
  };
  return plainPipeline().reader(fs.open(FILE_PATH, 'create'), header);
}

/** A sealed block in a buffer of its own. */
function sealed(content: Uint8Array, position: number, type: number = BLOCK_DATA): Uint8Array {
  const out = new ByteWriter(content.length);
  out.reset(BLOCK_HEADER_BYTES);
  out.bytes(content, 0, content.length);
  const writer = new BlockWriter(SALT, undefined, undefined);
  const length = writer.seal(type, out, BLOCK_HEADER_BYTES, position);
  assert.equal(length, out.length);
  assert.equal(length, content.length + BLOCK_OVERHEAD_BYTES);
  return out.buf.slice(0, length);
}

function reseal(block: Uint8Array, position: number): void {
  resealChecksum(block, block.length, SALT, position);
}

function open(opener: BlockReader, block: Uint8Array, position: number, type = BLOCK_DATA): void {
  opener.open(type, block, 0, block.length, position, undefined);
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

  test('opens to its content where it stands, in the middle of a larger buffer', () => {
    const any = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(any, POSITIONS, fc.nat(20), fc.nat(20), (content, position, before, after) => {
        const block = sealed(content, position);
        const buf = new Uint8Array(before + block.length + after).fill(0xee);
        buf.set(block, before);
        const opener = reader();
        opener.open(
          BLOCK_DATA,
          buf,
          before,
          block.length,
          position,
          new Room(new Uint8Array(1000)),
        );
        assert.equal(opener.buf, buf);
        assert.deepEqual(contentOf(opener), content);
        assert.equal(opener.blockLen, block.length);
        assert.equal(opener.blockType, BLOCK_DATA);
        // A log reader does not know where the block ends.
        assert.equal(opener.inspect(buf, before, buf.length, position), 'none');
        assert.equal(opener.blockLen, block.length);
      }),
    );
  });

  test('leaves bytes around it alone', () => {
    const out = new ByteWriter(60);
    out.reset(30);
    out.buf.fill(0xee);
    const writer = new BlockWriter(SALT, undefined, undefined);
    assert.equal(writer.seal(BLOCK_DATA, out, 20, 0), 10 + BLOCK_OVERHEAD_BYTES);
    assert.equal(out.length, 38);
    assert.ok(out.buf.subarray(0, 4).every((byte) => byte === 0xee));
    assert.ok(out.buf.subarray(20, 30).every((byte) => byte === 0xee));
    assert.ok(out.buf.subarray(38).every((byte) => byte === 0xee));
    assert.equal(reader().inspect(out.buf, 4, 38, 0), 'none');
  });

  test('needs room for its header before the content, and makes room behind it', () => {
    const writer = new BlockWriter(SALT, undefined, undefined);
    const out = new ByteWriter(20);
    out.reset(20);
    assert.throws(() => writer.seal(BLOCK_DATA, out, 15, 0), /invariant/);
    assert.equal(writer.seal(BLOCK_DATA, out, 16, 0), 28);
    assert.equal(out.length, 28);
  });
});

suite('a damaged block', () => {
  test('is noticed whichever bit was flipped', () => {
    const position = 4096;
    const block = sealed(
      Uint8Array.from({ length: 40 }, (_, i) => i),
      position,
    );
    const opener = reader();
    for (let bit = 0; bit < block.length * 8; bit++) {
      const damaged = block.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(opener.inspect(damaged, 0, damaged.length, position), 'none', `bit ${bit}`);
      assertCorrupt(() => open(opener, damaged, position), position);
    }
  });

  test('that was cut is truncated or fails, at every length', () => {
    const block = sealed(new Uint8Array(30).fill(9), 128);
    const opener = reader();
    for (let length = 0; length < block.length; length++) {
      assert.equal(opener.inspect(block, 0, length, 128), 'truncated');
      assertCorrupt(() => opener.open(BLOCK_DATA, block, 0, length, 128, undefined), 128);
    }
  });

  test('is never found in random bytes, and huge lengths are refused before they are used', () => {
    const opener = reader();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), POSITIONS, (bytes, position) => {
        assert.notEqual(opener.inspect(bytes, 0, bytes.length, position), 'none');
      }),
    );
    const maxima = [
      [8, BLOCK_PAYLOAD_BYTES_MAX],
      [12, BLOCK_CONTENT_BYTES_MAX],
    ] as const;
    for (const [field, max] of maxima) {
      for (const length of [max + 1, 0xffff_ffff]) {
        const block = sealed(new Uint8Array(10), 0);
        writeU32(block, field, length);
        assert.equal(opener.inspect(block, 0, block.length, 0), 'header');
      }
    }
  });

  test('has no reserved bits', () => {
    const block = sealed(new Uint8Array(10), 0);
    block[7] = 1;
    reseal(block, 0);
    assert.equal(reader().inspect(block, 0, block.length, 0), 'header');
  });
});

suite('a block in the wrong place', () => {
  test('fails at any other position of the file', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    fc.assert(
      fc.property(POSITIONS, (position) => {
        fc.pre(position !== 4096);
        assert.equal(reader().inspect(block, 0, block.length, position), 'checksum');
      }),
    );
  });

  test('fails in a file with another salt', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    for (let i = 0; i < 8; i++) {
      const salt = SALT.slice();
      salt[i]! ^= 1;
      assert.equal(reader(salt).inspect(block, 0, block.length, 4096), 'checksum');
    }
  });

  test('is refused as another type or with another length than expected', () => {
    const block = sealed(Uint8Array.of(1, 2, 3), 4096);
    assertCorrupt(() => open(reader(), block, 4096, BLOCK_FOOTER), 4096, /expected/);
    const longer = Uint8Array.from([...block, 0]);
    assertCorrupt(() => open(reader(), longer, 4096), 4096, /expected/);
  });
});

suite('a sound block that no stage of its file explains', () => {
  test('is unsupported, not corrupt, if its codec is not known', () => {
    for (const codec of [4, 255]) {
      const block = sealed(Uint8Array.of(1, 2, 3), 4096);
      block[1] = codec;
      reseal(block, 4096);
      const opener = reader();
      assert.equal(opener.inspect(block, 0, block.length, 4096), 'none');
      assert.equal(opener.decode(block, undefined), 'unsupported');
      assert.throws(
        () => open(opener, block, 4096),
        (error) => isVarveError(error, 'UNSUPPORTED') && error.file === FILE_PATH,
      );
    }
  });

  test('is forged if it names a cipher suite or a key epoch that the file does not', () => {
    for (const offset of [2, 4, 5]) {
      const block = sealed(Uint8Array.of(1, 2, 3), 4096);
      block[offset] = 1;
      reseal(block, 4096);
      assertCorrupt(() => open(reader(), block, 4096), 4096, /not authentic/);
    }
  });

  test('does not hold what it declares if its content has another length', () => {
    for (const length of [0, 2, 4, BLOCK_CONTENT_BYTES_MAX]) {
      const block = sealed(Uint8Array.of(1, 2, 3), 4096);
      writeU32(block, 12, length);
      reseal(block, 4096);
      const opener = reader();
      assert.equal(opener.inspect(block, 0, block.length, 4096), 'none');
      assertCorrupt(() => open(opener, block, 4096), 4096, /declares/);
    }
  });
});
