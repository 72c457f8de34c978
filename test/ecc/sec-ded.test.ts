/**
 * SEC-DED: every single wrong bit is corrected, every two in a word are found.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createEccCodec } from '../../src/ecc/codec.ts';
import { ProtectedBlock, randomBytes } from './damage.ts';

const WORD_BITS = 72;

/** Turns bit 0 to 63 of word `word` of the block, or bit 64 to 71, those of its check byte. */
function turn(protectedBlock: ProtectedBlock, word: number, bit: number): void {
  const { buf, off, block } = protectedBlock;
  const at = bit < 64 ? off + word * 8 + (bit >> 3) : off + block.length + word;
  buf[at]! ^= 1 << (bit & 7);
}

function protect(length: number, seed: number): ProtectedBlock {
  return new ProtectedBlock(createEccCodec({ scheme: 'secded' }), randomBytes(length, seed));
}

suite('SEC-DED', () => {
  test('gives the check bytes of its documented columns', () => {
    const threes: number[] = [];
    for (let byte = 0; byte < 256; byte++) {
      if (byte.toString(2).replaceAll('0', '').length === 3) threes.push(byte);
    }
    const columns = [...threes, 0x1f, 0x3e, 0x7c, 0xf8, 0xf1, 0xe3, 0xc7, 0x8f];
    for (const [bit, column] of columns.entries()) {
      const block = new Uint8Array(8);
      block[bit >> 3] = 1 << (bit & 7);
      const { written, off } = new ProtectedBlock(createEccCodec({ scheme: 'secded' }), block);
      assert.equal(written[off + 8], column, `bit ${bit}`);
    }
  });

  test('has a check byte for every eight bytes of the block', () => {
    const codec = createEccCodec({ scheme: 'secded' });
    assert.equal(codec.parityBytes(0), 0);
    assert.equal(codec.parityBytes(1), 1);
    assert.equal(codec.parityBytes(4096), 512);
    assert.deepEqual(codec.layout(4097), {
      dataShardBytes: 8,
      dataShards: 513,
      parityShardBytes: 1,
      parityShards: 513,
    });
  });

  test('corrects every single bit', () => {
    const protectedBlock = protect(24, 1);
    for (let word = 0; word < 3; word++) {
      for (let bit = 0; bit < 64; bit++) {
        protectedBlock.reset();
        turn(protectedBlock, word, bit);
        const repair = protectedBlock.expectRepaired(`bit ${bit} of word ${word}`);
        assert.deepEqual(repair, { correctedShards: 0, correctedBits: 1 });
      }
    }
  });

  test('corrects one bit in each word at once, check bits among them', () => {
    const protectedBlock = protect(WORD_BITS * 8, 2);
    for (let word = 0; word < WORD_BITS; word++) turn(protectedBlock, word, word);
    const repair = protectedBlock.expectRepaired('a bit in each word');
    assert.equal(repair.correctedBits, 64);
  });

  test('proposes nothing for two wrong bits in a word and leaves them alone', () => {
    const protectedBlock = protect(24, 3);
    for (let first = 0; first < WORD_BITS; first++) {
      for (let second = first + 1; second < WORD_BITS; second++) {
        protectedBlock.reset();
        turn(protectedBlock, 1, first);
        turn(protectedBlock, 1, second);
        protectedBlock.expectRefused(`bits ${first} and ${second}`);
        assert.equal(protectedBlock.questions, 0);
      }
    }
  });

  test('takes back corrections that do not make the block sound', () => {
    const protectedBlock = protect(64, 4);
    turn(protectedBlock, 0, 5);
    turn(protectedBlock, 2, 1);
    turn(protectedBlock, 2, 9);
    protectedBlock.expectRefused('one bit in a word, two in another');
    assert.equal(protectedBlock.questions, 1);
  });

  test('corrects any bit of a block of any length', () => {
    for (let length = 1; length <= 600; length++) {
      const protectedBlock = protect(length, length);
      const last = length * 8 - 1;
      for (const bit of new Set([0, (length * 37) % (length * 8), last])) {
        protectedBlock.reset();
        turn(protectedBlock, bit >> 6, bit & 63);
        protectedBlock.expectRepaired(`bit ${bit} of ${length} bytes`);
      }
    }
  });

  test('corrects no bit behind the end of the block', () => {
    const protectedBlock = protect(12, 5);
    const { buf, off } = protectedBlock;
    // The column of bit 40 of the last word, which has 32.
    const column = new ProtectedBlock(protectedBlock.codec, Uint8Array.of(0, 0, 0, 0, 0, 1));
    buf[off + 13]! ^= column.written[column.off + 6]!;
    protectedBlock.expectRefused('a syndrome of no bit');
    assert.equal(protectedBlock.questions, 0);
  });

  test('writes and corrects nothing for an empty block', () => {
    protect(0, 6).expectRefused('an empty block');
  });

  test('corrects a bit of a megabyte', () => {
    const protectedBlock = protect(2 ** 20 + 3, 7);
    turn(protectedBlock, 2 ** 17, 23);
    turn(protectedBlock, 12_345, 0);
    assert.equal(protectedBlock.expectRepaired('two bits').correctedBits, 2);
  });

  test('never gives back wrong bytes, whatever stands in block and section', () => {
    for (let seed = 0; seed < 300; seed++) {
      const protectedBlock = protect(1 + (seed % 100), seed);
      const { buf, off, end } = protectedBlock;
      buf.set(randomBytes(end - off, seed + 1000), off);
      protectedBlock.expectRefused(`noise ${seed}`);
    }
  });
});
