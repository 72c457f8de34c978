import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_HEADER_BYTES, BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import type { Correction } from '../../src/block/block-reader.ts';
import { FILE_CLASS_WAL } from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { RecordFrame } from '../../src/block/record-frame.ts';
import { RecordLogReader } from '../../src/block/record-log-reader.ts';
import { RecordLogWriter } from '../../src/block/record-log-writer.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import type { EccOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { pipelineOf } from '../block/pipelines.ts';
import { RS_4_2, SECDED, XOR_3 } from './damage-sample.ts';

/** A reader loads so much at once. */
const WINDOW_BYTES = 256 * 1024;

interface Log {
  readonly fs: MemoryFs;
  readonly pipeline: Pipeline;
  readonly corrections: Correction[];
  /** Where each record begins. */
  readonly starts: readonly number[];
  readonly contents: readonly Uint8Array[];
}

async function logOf(ecc: EccOptions, lengths: readonly number[]): Promise<Log> {
  const corrections: Correction[] = [];
  const pipeline = await pipelineOf({ ecc, corrections });
  const fs = new MemoryFs();
  fs.createDirectory('d');
  const header = pipeline.newHeader({
    fileClass: FILE_CLASS_WAL,
    fileNumber: 7,
    previousNumber: 0,
    baseSeqno: 0,
    protection: pipeline.logProtection,
  });
  const log = RecordLogWriter.create(fs, 'd', 'log', header, BLOCK_WAL_RECORD, pipeline);
  const random = new SeededRandom(1);
  const contents = lengths.map((length) => {
    const content = new Uint8Array(length);
    random.fill(content);
    return content;
  });
  const starts = contents.map((content) => {
    const start = log.sizeBytes;
    const out = new ByteWriter(content.length + BLOCK_HEADER_BYTES);
    out.reset(BLOCK_HEADER_BYTES);
    out.bytes(content, 0, content.length);
    log.append(out);
    return start;
  });
  log.close();
  return { fs, pipeline, corrections, starts, contents };
}

function openLog({ fs, pipeline }: Log): RecordLogReader {
  return RecordLogReader.open(fs, 'd/log', FILE_CLASS_WAL, 7, BLOCK_WAL_RECORD, pipeline);
}

/** Turns every bit of `[from, to)`. */
function invert({ fs }: Log, from: number, to: number): void {
  const file = fs.fileAt('d/log')!;
  const bytes = new Uint8Array(to - from);
  file.read(bytes, 0, bytes.length, from);
  file.write(
    bytes.map((byte) => byte ^ 0xff),
    0,
    bytes.length,
    from,
  );
}

function contentOf(reader: RecordLogReader): Uint8Array {
  return reader.buf.slice(reader.contentOff, reader.contentOff + reader.contentLen);
}

test('a record that has lost all copies of its length is found by its own header', async () => {
  for (const [ecc, frameBytes] of [
    [RS_4_2, 24],
    [XOR_3, 16],
    [SECDED, 9],
  ] as const) {
    // The second one begins in what the reader has loaded and ends behind it.
    const log = await logOf(ecc, [WINDOW_BYTES / 2, WINDOW_BYTES / 2 + 50_000, 10]);
    for (const start of log.starts) invert(log, start, start + frameBytes);
    const reader = openLog(log);
    for (const content of log.contents) {
      assert.equal(reader.next(), 'record', reader.flaw);
      assert.equal(Buffer.compare(contentOf(reader), content), 0);
    }
    assert.equal(reader.next(), 'end');
    reader.close();
    assert.deepEqual(
      log.corrections.map(({ offset }) => offset),
      log.starts,
    );
  }
});

test('a search among lengths that somebody made up comes to an end', async () => {
  const log = await logOf(RS_4_2, [100, 1_000_000, 100]);
  const [, bad, sound] = log.starts;
  const file = log.fs.fileAt('d/log')!;
  const header = new Uint8Array(64);
  file.read(header, 0, 64, 0);
  const frame = new RecordFrame(RS_4_2, header.subarray(16, 32));
  const forged = new Uint8Array(frame.sizeBytes);
  for (let at = bad!; at + frame.sizeBytes <= sound! - 500_000; at += frame.sizeBytes) {
    frame.write(forged, 0, 500_000, at);
    file.write(forged, 0, forged.length, at);
  }
  const reader = openLog(log);
  assert.equal(reader.next(), 'record');
  assert.equal(reader.next(), 'flaw');
  assert.equal(reader.seekSound(bad! + 1), 'unclear');
  reader.close();
});

test('the search behind a flaw finds a record whose length has a wrong bit', async () => {
  const log = await logOf(SECDED, [100, 3000, 100]);
  const [, bad, sound] = log.starts;
  invert(log, bad!, bad! + 2000);
  for (let bit = 0; bit < 64; bit++) {
    const file = log.fs.fileAt('d/log')!;
    const byte = new Uint8Array(1);
    const at = sound! + (bit >> 3);
    file.read(byte, 0, 1, at);
    file.write(
      byte.map((value) => value ^ (1 << (bit & 7))),
      0,
      1,
      at,
    );
    const reader = openLog(log);
    assert.equal(reader.next(), 'record');
    assert.equal(reader.next(), 'flaw');
    assert.equal(reader.seekSound(bad! + 1), 'record');
    assert.equal(reader.position, sound);
    assert.equal(Buffer.compare(contentOf(reader), log.contents[2]!), 0);
    reader.close();
    file.write(byte, 0, 1, at);
  }
});
