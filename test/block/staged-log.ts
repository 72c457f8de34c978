/**
 * Record logs of every kind for tests: with codes, suites and compression.
 * @module
 */
import assert from 'node:assert/strict';
import { BLOCK_HEADER_BYTES, BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import type { Correction } from '../../src/block/block-reader.ts';
import { FILE_CLASS_WAL, fileHeaderBytes } from '../../src/block/file-header.ts';
import type { Pipeline } from '../../src/block/pipeline.ts';
import { FRAME_COPY_BYTES, RecordFrame } from '../../src/block/record-frame.ts';
import { RecordLogReader } from '../../src/block/record-log-reader.ts';
import { RecordLogWriter } from '../../src/block/record-log-writer.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import type { SuiteName } from '../../src/crypto/port.ts';
import { createEccCodec } from '../../src/ecc/codec.ts';
import type { BlockCodeOptions } from '../../src/ecc/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { jsonContent, noise } from '../compress/contents.ts';
import { ECC_CHOICES, eccName } from './block-file.ts';
import { pipelineOf } from './pipelines.ts';

export const PATH = 'd/log';
export const NUMBER = 7;
const SUITES: readonly (SuiteName | undefined)[] = [undefined, 'aes-256-gcm', 'chacha20-poly1305'];

/** What a log is written with. */
export interface Kind {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly ecc: BlockCodeOptions | undefined;
}

/** Told by the pipelines of all kinds. */
export const corrections: Correction[] = [];
/** Every code in the clear, under both suites, and compressed under one of them. */
export const kinds: Kind[] = [];
for (const ecc of ECC_CHOICES) {
  for (const [i, suiteName] of SUITES.entries()) {
    for (const walCompression of i === 2 ? (['none', 'lz4'] as const) : (['none'] as const)) {
      const pipeline = await pipelineOf({
        corrections,
        walCompression,
        ...(ecc === undefined ? {} : { ecc }),
        ...(suiteName === undefined ? {} : { suite: suiteName }),
      });
      const name = `${eccName(ecc)}, ${suiteName ?? 'in the clear'}, ${walCompression}`;
      kinds.push({ name, pipeline, ecc });
    }
  }
}

/** A record of a {@link Log}. */
export interface Placed {
  readonly content: Uint8Array;
  readonly position: number;
  readonly blockAt: number;
  readonly blockLen: number;
  /** Where the next record begins. */
  readonly end: number;
}

/** A log and what is known of it. */
export class Log {
  readonly fs: MemoryFs;
  readonly pipeline: Pipeline;
  readonly salt: Uint8Array;
  readonly records: Placed[];
  readonly writer: RecordLogWriter;
  readonly #ecc: BlockCodeOptions | undefined;

  constructor({ pipeline, ecc }: Kind, fileNumber: number = NUMBER) {
    this.fs = new MemoryFs();
    this.fs.createDirectory('d');
    this.pipeline = pipeline;
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_WAL,
      fileNumber,
      previousNumber: 0,
      baseSeqno: 0,
      protection: pipeline.logProtection,
    });
    this.salt = header.salt;
    this.records = [];
    this.#ecc = ecc;
    const type = BLOCK_WAL_RECORD;
    this.writer = RecordLogWriter.create(this.fs, 'd', 'log', header, type, pipeline);
    assert.equal(this.writer.sizeBytes, fileHeaderBytes(header.protection));
  }

  append(content: Uint8Array): Placed {
    const out = new ByteWriter(64);
    out.reset(BLOCK_HEADER_BYTES);
    out.bytes(content, 0, content.length);
    const position = this.writer.sizeBytes;
    this.writer.append(out);
    // It is lent: a batch is applied after it was logged.
    assert.deepEqual(out.buf.subarray(BLOCK_HEADER_BYTES, out.length), content);
    const end = this.writer.sizeBytes;
    const blockAt = position + new RecordFrame(this.#ecc, this.salt).sizeBytes;
    const record = { content, position, blockAt, blockLen: this.#blockLen(blockAt), end };
    assert.equal(this.stored().length, end);
    this.records.push(record);
    return record;
  }

  #blockLen(blockAt: number): number {
    return new DataView(this.stored().buffer).getUint32(blockAt + 8, true) + 24;
  }

  stored(): Uint8Array {
    const file = this.fs.fileAt(PATH)!;
    const bytes = new Uint8Array(file.size);
    file.read(bytes, 0, bytes.length, 0);
    return bytes;
  }

  store(bytes: Uint8Array): void {
    const file = this.fs.fileAt(PATH)!;
    file.resize(0);
    file.write(bytes, 0, bytes.length, 0);
  }

  open(fileNumber: number = NUMBER, pipeline: Pipeline = this.pipeline): RecordLogReader {
    const type = BLOCK_WAL_RECORD;
    return RecordLogReader.open(this.fs, PATH, FILE_CLASS_WAL, fileNumber, type, pipeline);
  }

  /** Begin and end of everything in the record of which the code can spare some. */
  units({ position, blockAt, blockLen }: Placed): { copies: Span[]; shards: Span[] } {
    const copies: Span[] = [];
    for (let at = position; at + FRAME_COPY_BYTES <= blockAt; at += FRAME_COPY_BYTES) {
      copies.push([at, at + FRAME_COPY_BYTES]);
    }
    const layout = createEccCodec(this.#ecc!).layout(blockLen);
    const shards: Span[] = [];
    for (let i = 0; i < layout.dataShards; i++) {
      const from = i * layout.dataShardBytes;
      const to = Math.min(from + layout.dataShardBytes, blockLen);
      shards.push([blockAt + from, blockAt + to]);
    }
    for (let j = 0; j < layout.parityShards; j++) {
      const from = blockAt + blockLen + j * layout.parityShardBytes;
      shards.push([from, from + layout.parityShardBytes]);
    }
    return { copies, shards };
  }
}

export type Span = readonly [from: number, to: number];

/** The content of the record on which the reader stands, as a copy. */
export function contentOf(reader: RecordLogReader): Uint8Array {
  return reader.buf.slice(reader.contentOff, reader.contentOff + reader.contentLen);
}

/** All contents of a log that ends well. */
export function readAll(log: Log): Uint8Array[] {
  const reader = log.open();
  const contents: Uint8Array[] = [];
  let step = reader.next();
  for (; step === 'record'; step = reader.next()) contents.push(contentOf(reader));
  assert.equal(step, 'end', reader.flaw);
  reader.close();
  return contents;
}

/** A log of five records, which differ in length. */
export function fiveRecords(kind: Kind): Log {
  const log = new Log(kind);
  const contents = [jsonContent(60), noise(700, 2), new Uint8Array(0), jsonContent(400), noise(90)];
  for (const content of contents) log.append(content);
  return log;
}
