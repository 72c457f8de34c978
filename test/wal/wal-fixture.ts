/**
 * Logs with known records for the WAL tests.
 * @module
 */
import assert from 'node:assert/strict';
import { BLOCK_HEADER_BYTES } from '../../src/block/block-format.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { walName } from '../../src/manifest/file-names.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { WAL_RECORD_PREFIX_BYTES } from '../../src/wal/wal-record.ts';
import {
  type ReplayOptions,
  type ReplayResult,
  replayLogs,
  type WalRecoveryMode,
} from '../../src/wal/wal-replay.ts';
import { WalWriter } from '../../src/wal/wal-writer.ts';
import { plainPipeline } from '../block/pipelines.ts';

export const DIRECTORY = 'db';

/** One batch of a test; its operations follow from its first seqno. */
export interface Batch {
  readonly firstSeqno: number;
  readonly count: number;
  /** Length of the operations in bytes. */
  readonly length: number;
  readonly durableSeqno: number;
}

/** Operations that differ from record to record, without zero bytes or of nothing else. */
export function operationsOf(firstSeqno: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (firstSeqno % 16 === 13) return bytes;
  for (let i = 0; i < length; i++) bytes[i] = 1 + ((firstSeqno * 31 + i * 7) % 255);
  return bytes;
}

export function newDirectory(): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory(DIRECTORY);
  return fs;
}

export function createLog(
  fs: Fs,
  fileNumber: number,
  baseSeqno: number,
  previousNumber = 0,
  pipeline: Pipeline = plainPipeline(new SeededRandom(fileNumber)),
): WalWriter {
  return WalWriter.create(fs, DIRECTORY, fileNumber, previousNumber, baseSeqno, pipeline);
}

export function appendBatch(log: WalWriter, batch: Batch): void {
  const out = new ByteWriter(64);
  out.reset(BLOCK_HEADER_BYTES + WAL_RECORD_PREFIX_BYTES);
  out.bytes(operationsOf(batch.firstSeqno, batch.length), 0, batch.length);
  log.append(out, batch.firstSeqno, batch.count, batch.durableSeqno);
}

/** Appends batches of the given lengths, two operations each; returns where each record begins. */
export function appendLengths(
  log: WalWriter,
  lengths: readonly number[],
  durableSeqno = 0,
): number[] {
  return lengths.map((length) => {
    const position = log.sizeBytes;
    appendBatch(log, { firstSeqno: log.lastSeqno + 1, count: 2, length, durableSeqno });
    return position;
  });
}

export function logPath(fileNumber: number): string {
  return `${DIRECTORY}/${walName(fileNumber)}`;
}

/** What a replay gave, with the first seqno of each record that was visited. */
export interface Replayed extends ReplayResult {
  readonly seqnos: number[];
}

/** Replays and checks that every visited record holds the operations that were written. */
export function replay(
  fs: Fs,
  logNumbers: number[],
  mode: WalRecoveryMode = 'tolerate-tail',
  more: Partial<ReplayOptions> = {},
): Replayed {
  const seqnos: number[] = [];
  const options = {
    fs,
    directory: DIRECTORY,
    pipeline: plainPipeline(),
    logNumbers,
    mode,
    cleanEnds: new Map<number, number>(),
    ...more,
  };
  const result = replayLogs(options, (_log, firstSeqno, count, buf, off, len) => {
    assert.equal(count, 2);
    assert.deepEqual(buf.slice(off, off + len), operationsOf(firstSeqno, len));
    seqnos.push(firstSeqno);
  });
  return { ...result, seqnos };
}

/** First seqnos of `count` records of two operations each, from `from` on. */
export function seqnosFrom(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + 2 * i);
}

export function readBytes(fs: Fs, path: string): Uint8Array {
  const file = fs.open(path, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

/** Changes one file in place. */
export function edit(fs: Fs, path: string, change: (bytes: Uint8Array) => Uint8Array): void {
  const bytes = change(readBytes(fs, path));
  const file = fs.open(path, 'update');
  file.truncate(0);
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

/** Inverts some bits of one byte. */
export function flip(fs: Fs, path: string, offset: number, bits = 0xff): void {
  edit(fs, path, (bytes) => {
    bytes[offset]! ^= bits;
    return bytes;
  });
}

/** Cuts a file to `size` bytes. */
export function cut(fs: Fs, path: string, size: number): void {
  edit(fs, path, (bytes) => bytes.slice(0, size));
}

/** Overwrites a range with zeros. */
export function zero(fs: Fs, path: string, from: number, to: number): void {
  edit(fs, path, (bytes) => bytes.fill(0, from, to));
}
