import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_HEADER_BYTES, BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { FILE_CLASS_WAL } from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { RecordLogReader } from '../../src/block/record-log-reader.ts';
import { RecordLogWriter } from '../../src/block/record-log-writer.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { plainPipeline } from './pipelines.ts';

const PATH = 'd/log';
const SALT = new Uint8Array(16).map((_, i) => 17 * i + 3);

before(loadChecksum);

function newWriter(fs: Fs, blockType = BLOCK_WAL_RECORD): RecordLogWriter {
  fs.createDirectory('d');
  const header = {
    fileClass: FILE_CLASS_WAL,
    fileNumber: 7,
    salt: SALT,
    previousNumber: 0,
    baseSeqno: 0,
    protection: UNPROTECTED,
  };
  return RecordLogWriter.create(fs, 'd', 'log', header, blockType, plainPipeline());
}

function append(log: RecordLogWriter, content: Uint8Array): number {
  const position = log.sizeBytes;
  const out = new ByteWriter(64);
  out.reset(BLOCK_HEADER_BYTES);
  out.bytes(content, 0, content.length);
  log.append(out);
  return position;
}

function openReader(fs: Fs): RecordLogReader {
  return RecordLogReader.open(fs, PATH, FILE_CLASS_WAL, 7, BLOCK_WAL_RECORD, plainPipeline());
}

function contentOf(reader: RecordLogReader): Uint8Array {
  return reader.buf.slice(reader.contentOff, reader.contentOff + reader.contentLen);
}

function readAll(fs: Fs): Uint8Array[] {
  const reader = openReader(fs);
  const contents: Uint8Array[] = [];
  while (reader.next() === 'record') contents.push(contentOf(reader));
  reader.close();
  return contents;
}

function change(fs: Fs, offset: number, bytes: Uint8Array): void {
  const file = fs.open(PATH, 'update');
  file.write(bytes, 0, bytes.length, offset);
  file.close();
}

/** Bytes that look like the header of a block with `length` bytes of content. */
function lookAlike(length: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = BLOCK_WAL_RECORD;
  bytes[3] = 1;
  for (const off of [8, 12]) new DataView(bytes.buffer).setUint32(off, length, true);
  return bytes;
}

describe('a record log', () => {
  test('gives back what was appended', () => {
    const sizes = fc.oneof(fc.nat(300), fc.constantFrom(262_100, 262_144, 600_000));
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 12 }), (lengths) => {
        const fs = new MemoryFs();
        const log = newWriter(fs);
        const contents = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
        for (const content of contents) append(log, content);
        assert.deepEqual(readAll(fs), contents);
        assert.equal(openReader(fs).sizeBytes, log.sizeBytes);
      }),
    );
  });

  test('ends at its first bad block, whose place the reader names', () => {
    const fs = new MemoryFs();
    const log = newWriter(fs);
    append(log, new Uint8Array(10));
    const bad = append(log, new Uint8Array(50).fill(9));
    append(log, new Uint8Array(10));
    change(fs, bad + 30, new Uint8Array([1]));
    const reader = openReader(fs);
    assert.equal(reader.next(), 'record');
    assert.equal(reader.next(), 'flaw');
    assert.equal(reader.next(), 'flaw');
    assert.equal(reader.position, bad);
    assert.match(reader.flaw, /checksum/);
  });

  test('can be read up to a limit', () => {
    const fs = new MemoryFs();
    const log = newWriter(fs);
    append(log, new Uint8Array(10));
    const second = append(log, new Uint8Array(10));
    const reader = openReader(fs);
    reader.limit(second);
    assert.equal(reader.next(), 'record');
    assert.equal(reader.next(), 'end');
    const within = openReader(fs);
    within.limit(second + 5);
    within.next();
    assert.equal(within.next(), 'flaw');
  });

  test('with a sound record of another type needs a newer version', () => {
    const fs = new MemoryFs();
    append(newWriter(fs, BLOCK_WAL_RECORD + 1), new Uint8Array(3));
    assert.throws(() => openReader(fs).next(), { code: 'UNSUPPORTED' });
  });
});

describe('the search for a sound record', () => {
  test('finds the next one behind damage of any kind', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 30, maxLength: 3000 }),
        fc.array(fc.tuple(fc.nat(3000), fc.nat(4000)), { maxLength: 5 }),
        (garbage, fakes) => {
          const fs = new MemoryFs();
          const log = newWriter(fs);
          const bad = append(log, garbage);
          const sound = append(log, new Uint8Array(700).fill(5));
          change(fs, bad, garbage);
          for (const [at, length] of fakes) {
            if (at + 16 <= garbage.length) change(fs, bad + at, lookAlike(length));
          }
          const reader = openReader(fs);
          assert.equal(reader.seekSound(bad), 'record');
          assert.equal(reader.position, sound);
          assert.equal(reader.next(), 'end');
        },
      ),
    );
  });

  test('does not take a record that stands at another place or in another log', () => {
    const fs = new MemoryFs();
    const inner = newWriter(fs);
    append(inner, new Uint8Array(100).fill(6));
    const block = new Uint8Array(124);
    const file = fs.open(PATH, 'read');
    file.read(block, 0, 124, 128);
    fs.remove(PATH);
    const log = newWriter(fs);
    const bad = append(log, block);
    change(fs, bad, new Uint8Array(4));
    assert.equal(openReader(fs).seekSound(bad), 'none');
  });

  test('gives up on a flood of look-alikes instead of running for hours', () => {
    const fs = new MemoryFs();
    const log = newWriter(fs);
    const size = 512 * 1024;
    const flood = new Uint8Array(size);
    for (let at = 0; at + 16 <= size; at += 16) flood.set(lookAlike(size - at - 24), at);
    append(log, flood);
    append(log, new Uint8Array(10));
    change(fs, 128 + size + 20, new Uint8Array([1, 2, 3]));
    const reader = openReader(fs);
    // Found out by the bytes that were checked in vain; with all of them it would be 'record'.
    assert.equal(reader.seekSound(129), 'unclear');
  });

  test('holds no more of the file in memory than a window or the longest record', () => {
    const fs = new MemoryFs();
    const log = newWriter(fs);
    for (let i = 0; i < 40; i++) append(log, new Uint8Array(100_000).fill(i + 1));
    const reader = openReader(fs);
    while (reader.next() === 'record') assert.ok(reader.buf.length <= 256 * 1024);
    assert.equal(reader.position, log.sizeBytes);
  });
});

describe('a log header', () => {
  function stateAfter(damage: (fs: MemoryFs) => void): string {
    const fs = new MemoryFs();
    append(newWriter(fs), new Uint8Array(300).fill(1));
    damage(fs);
    return openReader(fs).headerState;
  }

  test('is sound as long as one copy is', () => {
    assert.equal(
      stateAfter(() => {}),
      'sound',
    );
    assert.equal(
      stateAfter((fs) => change(fs, 0, new Uint8Array(64))),
      'sound',
    );
    assert.equal(
      stateAfter((fs) => change(fs, 64, new Uint8Array(64))),
      'sound',
    );
  });

  test('is unwritten when it is cut short or zeros', () => {
    assert.equal(
      stateAfter((fs) => change(fs, 0, new Uint8Array(128))),
      'unwritten',
    );
    assert.equal(
      stateAfter((fs) => fs.open(PATH, 'update').truncate(63)),
      'unwritten',
    );
  });

  test('is damaged when both copies are', () => {
    assert.equal(
      stateAfter((fs) => {
        change(fs, 9, new Uint8Array([99]));
        change(fs, 73, new Uint8Array([99]));
      }),
      'damaged',
    );
  });

  test('is foreign in a file of another number or class', () => {
    const fs = new MemoryFs();
    const pipeline = plainPipeline();
    newWriter(fs);
    const other = RecordLogReader.open(fs, PATH, FILE_CLASS_WAL, 8, BLOCK_WAL_RECORD, pipeline);
    assert.equal(other.headerState, 'foreign');
    const manifest = RecordLogReader.open(fs, PATH, 0x4d, 7, BLOCK_WAL_RECORD, pipeline);
    assert.equal(manifest.headerState, 'foreign');
  });
});
