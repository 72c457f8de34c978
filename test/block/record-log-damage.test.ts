/**
 * Damaged and forged records of logs with compression, encryption and error-correcting codes.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import { RecordFrame } from '../../src/block/record-frame.ts';
import { createEccCodec } from '../../src/ecc/codec.ts';
import { noise } from '../compress/contents.ts';
import { resealChecksum } from './block-file.ts';
import { corrections, fiveRecords, kinds, PATH, readAll } from './staged-log.ts';

suite('a damaged record', () => {
  const damages: ((bytes: Uint8Array, from: number, to: number) => void)[] = [
    (bytes, from, to) => bytes.fill(0, from, to),
    (bytes, from, to) => bytes.set(noise(to - from, from), from),
    (bytes, from) => {
      bytes[from]! ^= 4;
    },
  ];

  for (const kind of kinds) {
    const { ecc } = kind;
    if (ecc === undefined || ecc.scheme === 'secded') continue;
    const budget = ecc.scheme === 'xor' ? 1 : ecc.parity;

    test(`is read within the budget of its code, and reported once (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const whole = log.stored();
      for (const [i, record] of log.records.entries()) {
        const { copies, shards } = log.units(record);
        for (let start = 0; start < Math.max(copies.length, shards.length); start++) {
          for (const damage of damages) {
            const bytes = whole.slice();
            for (let n = 0; n < budget; n++) {
              damage(bytes, ...copies[(start + n) % copies.length]!);
              damage(bytes, ...shards[(start + n) % shards.length]!);
            }
            log.store(bytes);
            corrections.length = 0;
            const contents = readAll(log);
            assert.deepEqual(
              contents,
              log.records.map(({ content }) => content),
            );
            const isBlockHit = !isSame(bytes, whole, record.blockAt, record.blockLen);
            const isFrameHit = !isSame(
              bytes,
              whole,
              record.position,
              record.blockAt - record.position,
            );
            assert.equal(corrections.length, Number(isBlockHit) + Number(isFrameHit));
            for (const { file, offset, blockType } of corrections) {
              assert.deepEqual([file, blockType], [PATH, BLOCK_WAL_RECORD]);
              assert.ok(offset === record.position || offset === record.blockAt, `record ${i}`);
            }
          }
        }
      }
    });

    test(`beyond the budget is a flaw at its place, not a torn tail (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const whole = log.stored();
      const record = log.records[1]!;
      const { shards } = log.units(record);
      const bytes = whole.slice();
      for (const span of shards.slice(0, budget + 1)) damages[1]!(bytes, ...span);
      log.store(bytes);
      const reader = log.open();
      assert.equal(reader.next(), 'record');
      assert.equal(reader.next(), 'flaw');
      assert.equal(reader.position, record.position);
      assert.equal(reader.seekSound(record.position + 1), 'record');
      assert.equal(reader.position, log.records[2]!.position);
      // The last record, too: all of it is there, and it is not what was written.
      const last = log.records[4]!;
      const lastShards = log.units(last).shards;
      const other = whole.slice();
      for (const span of lastShards.slice(0, budget + 1)) damages[1]!(other, ...span);
      log.store(other);
      const again = log.open();
      assert.equal(again.seekSound(last.position), 'none');
      assert.equal(again.looksTorn(last.position), false);
    });
  }

  for (const kind of kinds.filter(({ ecc }) => ecc !== undefined)) {
    test(`that claims more than there is is not torn: its frame knows (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const last = log.records[4]!;
      const bytes = log.stored();
      // Two bits of the length in the header, and all that could restore them.
      bytes[last.blockAt + 10]! ^= 3;
      const parity = bytes.subarray(last.blockAt + last.blockLen);
      if (kind.ecc?.scheme !== 'secded') parity.set(noise(parity.length, 4));
      log.store(bytes);
      const reader = log.open();
      for (let i = 0; i < 4; i++) assert.equal(reader.next(), 'record');
      assert.equal(reader.next(), 'flaw');
      assert.equal(reader.looksTorn(last.position), false);
      reader.close();
    });

    test(`that has lost its frame is read while its block is whole (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const whole = log.stored();
      for (const { position, blockAt } of log.records) {
        const bytes = whole.slice();
        bytes.set(noise(blockAt - position, 3), position);
        log.store(bytes);
        corrections.length = 0;
        assert.deepEqual(
          readAll(log),
          log.records.map(({ content }) => content),
        );
        assert.deepEqual(
          corrections.map(({ offset }) => offset),
          [position],
        );
      }
    });

    test(`that has lost its frame is repaired by the length up to the next (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const whole = log.stored();
      for (const record of log.records) {
        const bytes = whole.slice();
        bytes.set(noise(record.blockAt - record.position, 3), record.position);
        bytes[record.blockAt]! ^= 4;
        log.store(bytes);
        assert.deepEqual(
          readAll(log),
          log.records.map(({ content }) => content),
        );
      }
    });

    test(`that has lost its frame and more than can be repaired is a flaw (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const bytes = log.stored();
      const { position } = log.records[1]!;
      bytes.set(noise(log.records[2]!.position - position, 3), position);
      log.store(bytes);
      const reader = log.open();
      assert.equal(reader.next(), 'record');
      assert.equal(reader.next(), 'flaw');
      assert.match(reader.flaw, /lost its length/);
      assert.equal(reader.seekSound(position), 'record');
      assert.equal(reader.position, log.records[2]!.position);
    });
  }

  test('whose frame was forged makes no room for what the file does not have', () => {
    for (const kind of kinds.filter(({ ecc }) => ecc !== undefined)) {
      const log = fiveRecords(kind);
      const { position, blockAt } = log.records[4]!;
      const whole = log.stored();
      for (const length of [0, 23, 10_000, 0x4000_0028, 0xffff_ffff]) {
        const bytes = whole.slice();
        new RecordFrame(kind.ecc, log.salt).write(bytes, position, length, position);
        bytes[blockAt]! ^= 0xff;
        log.store(bytes);
        const reader = log.open();
        for (let i = 0; i < 4; i++) assert.equal(reader.next(), 'record');
        assert.equal(reader.next(), 'flaw', `${kind.name}, ${length}`);
        assert.match(reader.flaw, /cut short/);
        assert.equal(reader.seekSound(position), 'none');
      }
    }
  });

  for (const kind of kinds.filter(({ ecc }) => ecc?.scheme === 'secded')) {
    test(`is read with one wrong bit in every word, in search too (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const whole = log.stored();
      for (let round = 0; round < 72; round++) {
        const bytes = whole.slice();
        for (const { position, blockAt, blockLen } of log.records) {
          // The frame's word, and the words of the block, each with its check byte.
          const words = Math.ceil(blockLen / 8);
          flipInWord(bytes, position, position + 8, round, blockAt - 1);
          for (let word = 0; word < words; word++) {
            const from = blockAt + word * 8;
            const end = Math.min(from + 8, blockAt + blockLen);
            flipInWord(bytes, from, end, (round + 5 * word) % 72, blockAt + blockLen + word);
          }
        }
        log.store(bytes);
        assert.deepEqual(
          readAll(log),
          log.records.map(({ content }) => content),
        );
        const reader = log.open();
        assert.equal(reader.seekSound(0), 'record');
        assert.equal(reader.position, log.records[0]!.position);
        assert.equal(reader.seekSound(reader.position + 1), 'record');
        assert.equal(reader.position, log.records[1]!.position);
      }
    });
  }

  function flipInWord(
    bytes: Uint8Array,
    from: number,
    end: number,
    bit: number,
    checkAt: number,
  ): void {
    const at = bit < 64 ? from + (bit >> 3) : checkAt;
    if (bit < 64 && at >= end) return;
    bytes[at]! ^= 1 << (bit & 7);
  }

  function isSame(a: Uint8Array, b: Uint8Array, off: number, length: number): boolean {
    return Buffer.from(a.subarray(off, off + length)).equals(b.subarray(off, off + length));
  }
});

suite('a forged record', () => {
  for (const kind of kinds.filter(({ pipeline }) => pipeline.keys !== undefined)) {
    const changes: [string, (block: Uint8Array) => void][] = [
      ['a wrong payload', (block) => (block[16]! ^= 1)],
      ['a payload of zeros', (block) => block.fill(0, 16, block.length - 8)],
      ['another codec', (block) => (block[1] = block[1] === 0 ? 1 : 0)],
      ['another content length', (block) => (block[12]! ^= 1)],
      ['no suite', (block) => block.fill(0, 2, 3)],
      ['another epoch', (block) => (block[4] = 9)],
    ];

    test(`is a flaw that no crash leaves, also at the end (${kind.name})`, () => {
      for (const index of [1, 4]) {
        for (const [what, change] of changes) {
          const log = fiveRecords(kind);
          const { position, blockAt, blockLen, end } = log.records[index]!;
          const bytes = log.stored();
          const block = bytes.slice(blockAt, end);
          change(block.subarray(0, blockLen));
          resealChecksum(block, blockLen, log.salt, blockAt);
          if (kind.ecc !== undefined) createEccCodec(kind.ecc).append(block, 0, blockLen);
          bytes.set(block, blockAt);
          log.store(bytes);
          const reader = log.open();
          for (let i = 0; i < index; i++) assert.equal(reader.next(), 'record');
          assert.equal(reader.next(), 'flaw', what);
          assert.equal(reader.position, position);
          assert.equal(reader.isForged, true, what);
          assert.match(reader.flaw, /not authentic/);
          assert.equal(reader.seekSound(position), index === 4 ? 'none' : 'record');
        }
      }
    });

    test(`of another log is no record (${kind.name})`, () => {
      const [log, other] = [fiveRecords(kind), fiveRecords(kind)];
      const bytes = log.stored();
      const { position, end } = log.records[1]!;
      bytes.set(other.stored().subarray(position, end), position);
      log.store(bytes);
      const reader = log.open();
      assert.equal(reader.next(), 'record');
      assert.equal(reader.next(), 'flaw');
      assert.equal(reader.seekSound(position), 'record');
      assert.equal(reader.position, log.records[2]!.position);
    });
  }
});
