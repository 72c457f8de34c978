/**
 * Record logs with compression, encryption and error-correcting codes: they read back, and it can
 * be told how they end.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import { FILE_CLASS_WAL } from '../../src/block/file-header.ts';
import { RecordLogReader } from '../../src/block/record-log-reader.ts';
import { isVarveError } from '../../src/errors.ts';
import { noise } from '../compress/contents.ts';
import { pipelineOf } from './pipelines.ts';
import {
  contentOf,
  corrections,
  fiveRecords,
  kinds,
  Log,
  NUMBER,
  PATH,
  readAll,
} from './staged-log.ts';

suite('a record log', () => {
  for (const kind of kinds) {
    test(`gives back what was appended (${kind.name})`, () => {
      const sizes = fc.oneof(
        { weight: 5, arbitrary: fc.nat(300) },
        { weight: 1, arbitrary: fc.constantFrom(5000, 262_100, 262_144, 600_000) },
      );
      const any = fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 8 });
      fc.assert(
        fc.property(any, (list) => {
          corrections.length = 0;
          const log = new Log(kind);
          for (const [i, [size, isNoise]] of list.entries()) {
            log.append(isNoise ? noise(size, i + 1) : new Uint8Array(size).fill(i + 1));
          }
          const contents = readAll(log);
          assert.equal(contents.length, list.length);
          for (const [i, { content }] of log.records.entries()) {
            assert.ok(Buffer.from(content).equals(contents[i]!), `record ${i}`);
          }
          assert.deepEqual(corrections, []);
        }),
        { numRuns: 8 },
      );
    });

    test(`has records of the length that is foretold (${kind.name})`, () => {
      const log = new Log(kind);
      for (const size of [1, 7, 300, 4096, 70_001]) {
        const before = log.writer.sizeBytes;
        log.append(noise(size, size));
        assert.equal(log.writer.sizeBytes - before, log.pipeline.logRecordBytes(size));
      }
    });

    test(`that was cut gives the records before the cut, and looks torn (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const whole = log.stored();
      const first = log.records[0]!.position;
      const isNearEdge = (size: number): boolean =>
        log.records.some(({ position, blockAt, blockLen }) =>
          [position, blockAt, blockAt + blockLen].some((edge) => Math.abs(edge - size) < 10),
        );
      for (let size = whole.length - 1; size >= first; size--) {
        if (size % 11 !== 0 && !isNearEdge(size)) continue;
        log.store(whole.subarray(0, size));
        const reader = log.open();
        const expected = log.records.filter((one) => one.blockAt + one.blockLen <= size);
        for (const { content } of expected) {
          assert.equal(reader.next(), 'record');
          assert.deepEqual(contentOf(reader), content);
        }
        // What a cut takes off the parity section of a sound record is not missed.
        const next = log.records[expected.length];
        const isTorn = next !== undefined && next.position < size;
        assert.equal(reader.next(), isTorn ? 'flaw' : 'end', `${size} bytes`);
        if (!isTorn) continue;
        assert.equal(reader.position, next.position);
        assert.equal(reader.isForged, false);
        assert.ok(reader.looksTorn(next.position), `${size} bytes`);
        assert.equal(reader.seekSound(next.position + 1), 'none');
      }
    });

    test(`whose last write is partly zeros looks torn, or is read (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const last = log.append(noise(2000, 7));
      const whole = log.stored();
      for (let sector = last.position - (last.position % 512); sector < last.end; sector += 512) {
        const bytes = whole.slice();
        bytes.fill(0, Math.max(sector, last.position), sector + 512);
        log.store(bytes);
        const reader = log.open();
        for (let i = 0; i < 5; i++) assert.equal(reader.next(), 'record');
        if (reader.next() === 'flaw') {
          assert.equal(reader.position, last.position);
          assert.ok(reader.looksTorn(last.position), `sector at ${sector}`);
          assert.equal(reader.isForged, false);
        } else {
          assert.deepEqual(contentOf(reader), last.content);
        }
      }
    });

    test(`finds the next sound record behind damage of any kind (${kind.name})`, () => {
      const junk = fc.tuple(fc.nat(2000), fc.uint8Array({ minLength: 1, maxLength: 700 }));
      const contents = [700, 300, 10].map((size) => noise(size, size));
      const log = new Log(kind);
      for (const content of contents) log.append(content);
      const [first, second, third] = log.records;
      const whole = log.stored();
      fc.assert(
        fc.property(fc.array(junk, { maxLength: 4 }), fc.boolean(), (list, isSecondHit) => {
          const bytes = whole.slice();
          const end = isSecondHit ? second!.end : first!.end;
          bytes.fill(0x10, first!.position, end);
          for (const [at, some] of list) {
            if (first!.position + at >= end) continue;
            bytes.set(some.subarray(0, end - first!.position - at), first!.position + at);
          }
          log.store(bytes);
          const reader = log.open();
          assert.equal(reader.next(), 'flaw');
          const found = isSecondHit ? third! : second!;
          assert.equal(reader.seekSound(first!.position), 'record');
          assert.equal(reader.position, found.position);
          assert.deepEqual(contentOf(reader), found.content);
          assert.equal(reader.next(), isSecondHit ? 'end' : 'record');
        }),
        { numRuns: 30 },
      );
    });
  }
});

suite('the header of a log', () => {
  for (const kind of kinds) {
    test(`may be damaged in all copies but one (${kind.name})`, () => {
      const log = fiveRecords(kind);
      const first = log.records[0]!.position;
      const whole = log.stored();
      const copies = Math.floor(first / 64);
      for (let kept = 0; kept < copies; kept++) {
        const bytes = whole.slice();
        bytes.fill(0, 0, first);
        bytes.set(whole.subarray(kept * 64, (kept + 1) * 64), kept * 64);
        log.store(bytes);
        const reader = log.open();
        assert.equal(reader.headerState, 'sound');
        assert.equal(reader.isHeaderDamaged, true);
        assert.equal(reader.next(), 'record');
      }
      log.store(whole);
      assert.equal(log.open().isHeaderDamaged, false);
      const none = whole.slice();
      none.fill(0x41, 0, first);
      log.store(none);
      const reader = log.open();
      assert.equal(reader.headerState, 'damaged');
      assert.equal(reader.mayHoldRecords, true);
    });

    test(`alone holds no records, however far it was written (${kind.name})`, () => {
      const log = new Log(kind);
      const whole = log.stored();
      for (let size = 0; size <= whole.length; size++) {
        log.store(whole.subarray(0, size));
        const reader = log.open();
        assert.equal(reader.headerState, size < 64 ? 'unwritten' : 'sound');
        assert.equal(reader.mayHoldRecords, false, `${size} bytes`);
        log.store(new Uint8Array(size));
        assert.equal(log.open().headerState, 'unwritten');
        assert.equal(log.open().mayHoldRecords, false);
      }
    });
  }
});

suite('a log in a database with encryption', () => {
  const sealed = kinds.find(({ name }) => name === 'no code, aes-256-gcm, none')!;
  const clear = kinds.find(({ name }) => name === 'no code, in the clear, none')!;

  test('may be in the clear only if it is older than that', async () => {
    const pipeline = await pipelineOf({ suite: 'aes-256-gcm' });
    const log = fiveRecords(clear);
    for (const sealedFrom of [0, NUMBER]) {
      pipeline.sealedFrom = sealedFrom;
      assert.throws(
        () => log.open(NUMBER, pipeline),
        (error) => isVarveError(error, 'CORRUPTION') && error.file === PATH && error.offset === 0,
      );
    }
    pipeline.sealedFrom = NUMBER + 1;
    assert.equal(log.open(NUMBER, pipeline).next(), 'record');
  });

  test('is not opened without its key, and closes the file', async () => {
    const keyless = await pipelineOf({});
    const log = fiveRecords(sealed);
    assert.throws(
      () => log.open(NUMBER, keyless),
      (error) => isVarveError(error, 'KEY') && error.file === PATH,
    );
    assert.equal(log.fs.fileAt(PATH)!.handles, 1, 'only the writer has it open');
  });

  test('shows its records without a key, and none of their contents', async () => {
    const keyless = await pipelineOf({});
    for (const kind of kinds.filter(({ name }) => name.includes('aes'))) {
      const log = fiveRecords(kind);
      const type = BLOCK_WAL_RECORD;
      const reader = RecordLogReader.openBlind(log.fs, PATH, FILE_CLASS_WAL, NUMBER, type, keyless);
      for (const { position } of log.records) {
        assert.equal(reader.next(), 'record');
        assert.equal(reader.position, position);
        assert.equal(contentOf(reader).length, 0);
        assert.equal(reader.contentLen, 0);
      }
      assert.equal(reader.next(), 'end');
    }
  });
});
