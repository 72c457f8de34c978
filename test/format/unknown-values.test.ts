import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, isVarveError, type MemoryFs } from '../../src/index.ts';
import { testKeys } from '../block/pipelines.ts';
import { openSeeded } from '../prove/environment.ts';
import { filesOf, writeFile } from './format-fixture.ts';
import { goldenContent, loadGolden } from './golden-files.ts';
import { contentOf, openingOptions, RECIPES } from './golden-recipes.ts';
import { readDatabase } from './independent-reader.ts';
import { Bytes, littleEndian, xxh64 } from './raw-bytes.ts';
import type { RawFile } from './raw-file.ts';

const KEYS = new Map(Object.entries(testKeys(2)).map(([epoch, key]) => [Number(epoch), key]));

/** A change of one golden database that leaves every checksum right. */
interface Forgery {
  readonly base: string;
  readonly wanted: ErrorCode | 'ignored';
  readonly change: (fs: MemoryFs, files: readonly RawFile[]) => void;
}

/** The rows of "Versions and unknown values" in docs/FORMAT.md. */
const FORGERIES: Record<string, Forgery> = {
  'another format version in a table': plain('UNSUPPORTED', inHeaders('T', 6, 2)),
  'another format version in a WAL': plain('UNSUPPORTED', inHeaders('W', 6, 2)),
  'another format version in a manifest': plain('UNSUPPORTED', inHeaders('M', 6, 2)),
  'another format version in CURRENT': plain('UNSUPPORTED', inCurrent(8, 2)),
  'an unknown suite in a WAL': {
    ...plain('UNSUPPORTED', inHeaders('W', 48, 9)),
    base: 'aes-256-gcm',
  },
  'an unknown suite in CURRENT': { ...plain('UNSUPPORTED', inCurrent(11, 9)), base: 'aes-256-gcm' },
  'an unknown code in a WAL': plain('UNSUPPORTED', inHeaders('W', 52, 8)),
  'data shards without a code': plain('CORRUPTION', inHeaders('W', 53, 4)),
  'an epoch without a suite': plain('CORRUPTION', inHeaders('W', 50, 1)),
  'a reserved byte in the protection': plain('CORRUPTION', inHeaders('W', 55, 1)),
  'a suite in a block of a file in the clear': plain('CORRUPTION', inBlocks('T', 1, 2, 1)),
  'an epoch in a record of a log in the clear': plain('CORRUPTION', inBlocks('W', 16, 4, 1)),
  'an unknown codec of a data block': plain('UNSUPPORTED', inBlocks('T', 1, 1, 4)),
  'an unknown codec of a record': plain('UNSUPPORTED', inBlocks('W', 16, 1, 4)),
  'a dictionary codec without dictionary': plain('CORRUPTION', inBlocks('T', 1, 1, 3)),
  'a dictionary codec in a log': plain('CORRUPTION', inBlocks('W', 16, 1, 3)),
  'another checksum kind': plain('CORRUPTION', inBlocks('T', 1, 3, 2)),
  'a reserved byte in a block header': plain('CORRUPTION', inBlocks('T', 1, 6, 1)),
  'a record of another type': plain('UNSUPPORTED', inBlocks('W', 16, 0, 17)),
  'a manifest edit of another type': plain('UNSUPPORTED', inBlocks('M', 32, 0, 16)),
  'a data block of another type': plain('CORRUPTION', inBlocks('T', 1, 0, 2)),
  'an index block of another type': plain('CORRUPTION', inBlocks('T', 2, 0, 1)),
  'an unknown field that must not be skipped': plain('UNSUPPORTED', inLastEdit(14, 30)),
  'an unknown field that may be skipped': plain('ignored', inLastEdit(14, 31)),
  'an unknown kind in a data block': plain('UNSUPPORTED', inBlocks('T', 1, -25, 2)),
  'an unknown flag in a data block': plain('UNSUPPORTED', inBlocks('T', 1, -12, 2)),
  'an unknown kind in a record': plain('UNSUPPORTED', inBlocks('W', 16, 36, 2)),
  'an unknown kind of filter': plain('UNSUPPORTED', inBlocks('T', 3, 16, 2)),
  'a reserved byte in CURRENT': plain('ignored', inCurrent(14, 1)),
  'another salt of the manifest in CURRENT': plain('CORRUPTION', inCurrent(104, 1)),
  'a file of a name that means nothing': plain('ignored', (fs) => {
    writeFile(fs, '12.sst', new Uint8Array(3));
  }),
};

for (const [name, { base, wanted, change }] of Object.entries(FORGERIES)) {
  test(`${name} is ${wanted}`, async () => {
    const fs = loadGolden(base);
    change(fs, readDatabase(filesOf(fs), KEYS).files);
    const recipe = RECIPES.find((each) => each.name === base)!;
    const reading = async () => {
      const db = await openSeeded(fs, 5, { ...openingOptions(recipe), readOnly: true });
      try {
        assert.deepEqual(contentOf(db), goldenContent());
        for (const key of db.keys()) assert.equal(db.has(key), true);
      } finally {
        await db.close();
      }
    };
    if (wanted === 'ignored') await reading();
    else await assert.rejects(reading, (error) => isVarveError(error, wanted));
  });
}

function plain(wanted: Forgery['wanted'], change: Forgery['change']): Forgery {
  return { base: 'plain', wanted, change };
}

/** Sets a byte in all copies of the headers of a class of files. */
function inHeaders(fileClass: string, at: number, value: number): Forgery['change'] {
  return (fs, files) => {
    for (const file of files) {
      if (file.header.fileClass !== fileClass) continue;
      for (let copy = 0; copy < file.start; copy += 64) set(file.bytes, copy, at, value, 56);
      writeFile(fs, file.name, file.bytes);
    }
  };
}

/** Sets a byte in all copies of both slots. */
function inCurrent(at: number, value: number): Forgery['change'] {
  return (fs) => {
    const bytes = filesOf(fs).read('CURRENT').slice();
    for (let copy = 0; copy < 2048; copy += 128) {
      if (copy % 1024 < 896) set(bytes, copy, at, value, 120);
    }
    writeFile(fs, 'CURRENT', bytes);
  };
}

/** Sets a byte of a checked record, and the checksum behind its content. */
function set(bytes: Uint8Array, from: number, at: number, value: number, length: number): void {
  bytes[from + at] = value;
  bytes.set(wide(xxh64(bytes.subarray(from, from + length))), from + length);
}

/** Sets a byte in every block of a type; a negative offset counts from the end of the block. */
function inBlocks(fileClass: string, type: number, at: number, value: number): Forgery['change'] {
  return (fs, files) => {
    for (const file of files) {
      if (file.header.fileClass !== fileClass) continue;
      for (const { position, length } of file.spans) {
        if (file.bytes[position] !== type) continue;
        file.bytes[position + (at < 0 ? length + at : at)] = value;
        seal(file, position, length);
      }
      writeFile(fs, file.name, file.bytes);
    }
  };
}

/** Puts another tag in the place of a tag of the manifest's last edit. */
function inLastEdit(tag: number, value: number): Forgery['change'] {
  return (fs, files) => {
    const file = files.find(({ header }) => header.fileClass === 'M')!;
    const { position, length } = file.spans.at(-1)!;
    const reader = new Bytes(file.bytes, position + 16);
    for (let at = reader.at; ; at = reader.at) {
      if (reader.varint() === tag) {
        file.bytes[at] = value;
        break;
      }
      reader.prefixed();
    }
    seal(file, position, length);
    writeFile(fs, file.name, file.bytes);
  };
}

function seal(file: RawFile, position: number, length: number): void {
  const seed = new Bytes(file.header.salt).wide();
  const sum = xxh64(file.bytes.subarray(position, position + length - 8), seed);
  file.bytes.set(wide(sum ^ BigInt(position)), position + length - 8);
}

function wide(value: bigint): Uint8Array {
  const low = littleEndian(Number(value & 0xffff_ffffn), 4);
  return Buffer.concat([low, littleEndian(Number(value >> 32n), 4)]);
}
