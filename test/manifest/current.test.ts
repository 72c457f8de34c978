/**
 * CURRENT: its copies, torn writes, and what an encrypted one vouches for.
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { writeReplicaParity, writeReplicas } from '../../src/block/replicas.ts';
import { writeU64 } from '../../src/bytes/fixed.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import {
  authenticateCurrent,
  type CurrentSlot,
  readCurrent,
  writeCurrent,
} from '../../src/manifest/current.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { pipelineOf, plainPipeline } from '../block/pipelines.ts';
import {
  createManifest,
  DIRECTORY,
  openingOf,
  PLAIN,
  recoverManifest,
} from './manifest-fixture.ts';

await loadChecksum();

const CURRENT = `${DIRECTORY}/CURRENT`;
const SLOT_BYTES = 1024;
const COPY_BYTES = 128;
const COPIES = 7;
/** Of a slot: copies, the section over them, and zeros. */
const COPIES_END = COPIES * COPY_BYTES;
const SECTION_END = COPIES_END + COPIES_END / 8;

const SLOT: CurrentSlot = {
  generation: 1,
  manifestNumber: 5,
  manifestBytes: 600,
  isClean: false,
  databaseId: new Uint8Array(16).fill(7),
  suiteId: 0,
  epoch: 0,
  manifestSalt: new Uint8Array(16).fill(5),
};
const SEALED: CurrentSlot = { ...SLOT, suiteId: 1, epoch: 1 };

function emptyCurrent(): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory(DIRECTORY);
  fs.open(CURRENT, 'create').close();
  return fs;
}

function contentOf(fs: MemoryFs): Uint8Array {
  const file = fs.open(CURRENT, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

/** A file system whose CURRENT holds these bytes. */
function fsWith(bytes: Uint8Array): MemoryFs {
  const fs = emptyCurrent();
  fs.open(CURRENT, 'update').write(bytes, 0, bytes.length, 0);
  return fs;
}

/** CURRENT after generations 1 to `count`, each of its own manifest. */
function written(count: number): Uint8Array {
  const fs = emptyCurrent();
  for (let generation = 1; generation <= count; generation++) {
    writeCurrent(fs, DIRECTORY, slotOf(generation), plainPipeline());
  }
  return contentOf(fs);
}

function slotOf(generation: number): CurrentSlot {
  return { ...SLOT, generation, manifestNumber: 10 * generation, isClean: generation % 3 === 0 };
}

function found(bytes: Uint8Array): CurrentSlot | undefined {
  return readCurrent(fsWith(bytes), DIRECTORY)?.slot;
}

describe('CURRENT', () => {
  test('holds two slots, of which the higher generation counts', () => {
    assert.equal(readCurrent(emptyCurrent(), DIRECTORY), undefined);
    for (let generation = 1; generation < 6; generation++) {
      const current = readCurrent(fsWith(written(generation)), DIRECTORY)!;
      assert.deepEqual(current.slot, slotOf(generation));
      assert.equal(current.isDamaged, false);
    }
    const bytes = written(5);
    assert.equal(bytes.length, 2 * SLOT_BYTES);
    bytes.fill(0, 0, SLOT_BYTES);
    assert.deepEqual(found(bytes), slotOf(4));
    bytes.fill(0, SLOT_BYTES);
    assert.equal(found(bytes), undefined);
  });

  test('does not take a slot that stands in the place of the other', () => {
    const bytes = new Uint8Array(2 * SLOT_BYTES);
    bytes.set(written(1), SLOT_BYTES);
    assert.equal(found(bytes), undefined);
  });

  test('of another format version is not supported', () => {
    const bytes = written(1);
    bytes[8] = 2;
    writeReplicas(bytes, 0, COPY_BYTES, COPIES);
    assert.throws(() => found(bytes), { code: 'UNSUPPORTED', file: CURRENT });
  });

  test('of no generation is no slot', () => {
    const bytes = written(1);
    writeU64(bytes, 16, 0);
    writeReplicas(bytes, 0, COPY_BYTES, COPIES);
    assert.equal(found(bytes), undefined);
  });
});

describe('a damaged slot', () => {
  test('counts as long as one of its copies is sound, whichever and whatever the damage', () => {
    const random = new SeededRandom(1);
    const whole = written(2);
    for (let damaged = 1; damaged < 1 << COPIES; damaged++) {
      for (const fill of [undefined, 0, 0xff]) {
        const bytes = whole.slice();
        for (let copy = 0; copy < COPIES; copy++) {
          if (((damaged >> copy) & 1) === 0) continue;
          const at = SLOT_BYTES + copy * COPY_BYTES;
          if (fill === undefined) random.fill(bytes.subarray(at, at + COPY_BYTES));
          else bytes.fill(fill, at, at + COPY_BYTES);
        }
        bytes.fill(0x55, SLOT_BYTES + COPIES_END, SLOT_BYTES + SECTION_END);
        const current = readCurrent(fsWith(bytes), DIRECTORY)!;
        const isAll = damaged === (1 << COPIES) - 1;
        assert.deepEqual(current.slot, slotOf(isAll ? 1 : 2), `${damaged}`);
        if (!isAll) assert.equal(current.isDamaged, true, `${damaged}`);
      }
    }
  });

  test('counts with one wrong bit in every 8 bytes of all copies', () => {
    const whole = written(2);
    for (let seed = 0; seed < 40; seed++) {
      const random = new SeededRandom(seed);
      const bytes = whole.slice();
      for (let at = SLOT_BYTES; at < SLOT_BYTES + COPIES_END; at += 8) {
        bytes[at + random.below(8)]! ^= 1 << random.below(8);
      }
      const current = readCurrent(fsWith(bytes), DIRECTORY)!;
      assert.deepEqual(current.slot, slotOf(2));
      assert.equal(current.isDamaged, true);
    }
  });

  test('with more than that gives way to the other slot', () => {
    const bytes = written(2);
    for (let copy = 0; copy < COPIES; copy++) {
      bytes[SLOT_BYTES + copy * COPY_BYTES + 8 * copy]! ^= 0b11;
    }
    assert.deepEqual(found(bytes), slotOf(1));
    bytes.fill(0, 0, SLOT_BYTES);
    assert.equal(found(bytes), undefined);
  });

  test('that lost any one byte counts, and a reader is told', () => {
    const whole = written(2);
    for (let at = 0; at < SLOT_BYTES; at++) {
      const bytes = whole.slice();
      bytes[SLOT_BYTES + at]! ^= 0xff;
      const current = readCurrent(fsWith(bytes), DIRECTORY)!;
      assert.deepEqual(current.slot, slotOf(2));
      if (at < COPIES_END) assert.equal(current.isDamaged, true);
    }
  });

  test('of a file that is cut short counts as far as it is there', () => {
    const whole = written(2);
    for (let size = whole.length; size > 0; size--) {
      const generation = size >= SLOT_BYTES + COPY_BYTES ? 2 : size >= COPY_BYTES ? 1 : undefined;
      const wanted = generation === undefined ? undefined : slotOf(generation);
      assert.deepEqual(found(whole.slice(0, size)), wanted, `${size}`);
    }
  });
});

describe('a slot that was being written when the power went', () => {
  test('is the old one or the new one, or gives way to the other slot, and never a mixture', () => {
    const before = written(4);
    const after = written(5);
    const seen = new Set<number>();
    const sector = 64;
    for (let head = 0; head <= SLOT_BYTES; head += 8) {
      const torn = before.slice();
      torn.set(after.subarray(0, head), 0);
      const tail = before.slice();
      tail.set(after.subarray(head, SLOT_BYTES), head);
      for (const bytes of [torn, tail]) {
        const slot = found(bytes)!;
        assert.deepEqual(slot, slotOf(slot.generation));
        assert.ok(slot.generation >= 4, `${slot.generation}`);
        seen.add(slot.generation);
      }
    }
    for (let seed = 0; seed < 300; seed++) {
      const random = new SeededRandom(seed);
      const bytes = before.slice();
      for (let at = 0; at < SLOT_BYTES; at += sector) {
        if (random.chance(0.5)) bytes.set(after.subarray(at, at + sector), at);
      }
      const slot = found(bytes)!;
      assert.deepEqual(slot, slotOf(slot.generation));
      assert.ok(slot.generation >= 4);
    }
    assert.deepEqual([...seen].sort(), [4, 5]);
  });
});

/** Changes a field of every copy and makes the checksums right, as an attacker can. */
function forge(fs: MemoryFs, change: (copy: Uint8Array) => void): void {
  const bytes = contentOf(fs);
  for (const off of [0, SLOT_BYTES]) {
    if (bytes.length <= off || bytes[off] === 0) continue;
    change(bytes.subarray(off, off + COPY_BYTES));
    writeReplicas(bytes, off, COPY_BYTES, COPIES);
    writeReplicaParity(bytes, off, COPIES_END);
  }
  fs.open(CURRENT, 'update').write(bytes, 0, bytes.length, 0);
}

describe('the tag of an encrypted CURRENT', () => {
  test('vouches for every byte before it', async () => {
    const pipeline = await pipelineOf({ suite: 'aes-256-gcm' });
    for (let at = 0; at < 104; at++) {
      // The version, which is looked at first.
      if (at === 8 || at === 9) continue;
      const fs = emptyCurrent();
      writeCurrent(fs, DIRECTORY, SEALED, pipeline);
      forge(fs, (copy) => {
        copy[at]! ^= 1;
      });
      const current = readCurrent(fs, DIRECTORY);
      // The magic, the parity of the generation, numbers beyond 2^53.
      const isNone = at < 8 || [16, 23, 31, 39].includes(at);
      assert.equal(current === undefined, isNone, `byte ${at}`);
      if (current === undefined) continue;
      const isOfKey = at === 11 || (at >= 12 && at < 14) || (at >= 40 && at < 72);
      assert.throws(
        () => authenticateCurrent(current, pipeline, CURRENT),
        (error) => {
          assert.ok(isVarveError(error), `byte ${at}`);
          return error.code === 'CORRUPTION' || isOfKey;
        },
      );
    }
  });

  test('differs from write to write, and so does its salt', async () => {
    const pipeline = await pipelineOf({ suite: 'chacha20-poly1305' });
    const fs = emptyCurrent();
    const sealed = { ...SEALED, suiteId: 2 };
    writeCurrent(fs, DIRECTORY, sealed, pipeline);
    const first = contentOf(fs).slice(72, 104);
    writeCurrent(fs, DIRECTORY, sealed, pipeline);
    const second = contentOf(fs).slice(72, 104);
    assert.notDeepEqual(first.subarray(0, 16), second.subarray(0, 16));
    assert.notDeepEqual(first.subarray(16), second.subarray(16));
  });

  test('vouches for what an older version wrote, but not for what lost the salt', async () => {
    const pipeline = await pipelineOf({ suite: 'aes-256-gcm' });
    const fs = emptyCurrent();
    const older = { ...SEALED, manifestSalt: undefined };
    writeCurrent(fs, DIRECTORY, older, pipeline);
    authenticateCurrent(readCurrent(fs, DIRECTORY)!, pipeline, CURRENT);
    assert.deepEqual(readCurrent(fs, DIRECTORY)!.slot, older);
    const expectForged = (byte: number) => {
      forge(fs, (copy) => copy.fill(byte, 104, 120));
      assert.throws(() => authenticateCurrent(readCurrent(fs, DIRECTORY)!, pipeline, CURRENT), {
        code: 'CORRUPTION',
        message: /not authentic/,
      });
    };
    expectForged(5);
    for (const byte of [0, 6]) {
      writeCurrent(fs, DIRECTORY, SEALED, pipeline);
      authenticateCurrent(readCurrent(fs, DIRECTORY)!, pipeline, CURRENT);
      expectForged(byte);
    }
  });

  test('of another database with the same key is not taken for its own', async () => {
    const pipeline = await pipelineOf({ suite: 'aes-256-gcm' });
    const fs = emptyCurrent();
    writeCurrent(fs, DIRECTORY, SEALED, pipeline);
    forge(fs, (copy) => copy.fill(8, 40, 56));
    assert.throws(() => authenticateCurrent(readCurrent(fs, DIRECTORY)!, pipeline, CURRENT), {
      code: 'KEY',
    });
  });

  test('is all zeros without encryption', () => {
    const bytes = written(1);
    assert.ok(bytes.subarray(56, 104).every((byte) => byte === 0));
    assert.ok(bytes.subarray(SECTION_END, SLOT_BYTES).every((byte) => byte === 0));
  });
});

describe('the key of a database', () => {
  const suite = 'aes-256-gcm';

  /** The file system holds what it held. */
  function refuses(fs: MemoryFs, work: () => unknown, error: object): void {
    const files = () => fs.list(DIRECTORY).map((name) => [name, readAll(fs, name)]);
    const before = files();
    assert.throws(work, error);
    assert.deepEqual(files(), before);
  }

  test('that is missing or another is said before anything is written', async () => {
    const right = await openingOf({ suite });
    const wrong = await openingOf({ suite, wrongEpoch: 1 });
    const later = await openingOf({ suite, epoch: 2 });
    const fs = new MemoryFs();
    fs.createDirectory(DIRECTORY);
    createManifest(fs, 1, right).close();
    refuses(fs, () => recoverManifest(fs, 2, PLAIN), { code: 'KEY', message: /no keys/ });
    refuses(fs, () => recoverManifest(fs, 2, wrong), { code: 'KEY', message: /epoch 1/ });
    recoverManifest(fs, 2, later).close();
    recoverManifest(fs, 2, right).close();
  });

  test('is told from a damaged CURRENT', async () => {
    const right = await openingOf({ suite });
    const fs = new MemoryFs();
    fs.createDirectory(DIRECTORY);
    createManifest(fs, 1, right).close();
    forge(fs, (copy) => {
      copy[24]!++;
    });
    refuses(fs, () => recoverManifest(fs, 2, right), {
      code: 'CORRUPTION',
      message: /not authentic/,
      file: CURRENT,
    });
  });
});

function readAll(fs: MemoryFs, name: string): Uint8Array {
  const file = fs.open(`${DIRECTORY}/${name}`, 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}
