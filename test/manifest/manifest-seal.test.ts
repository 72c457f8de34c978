/**
 * From which manifest and log on a database is encrypted, under which keys, and that neither is
 * talked away.
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BLOCK_HEADER_BYTES, BLOCK_WAL_RECORD } from '../../src/block/block-format.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { FILE_CLASS_WAL } from '../../src/block/file-header.ts';
import { RecordLogReader } from '../../src/block/record-log-reader.ts';
import { RecordLogWriter } from '../../src/block/record-log-writer.ts';
import { ByteWriter } from '../../src/bytes/byte-writer.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { walName } from '../../src/manifest/file-names.ts';
import type { Manifest } from '../../src/manifest/manifest.ts';
import {
  applyToState,
  emptyState,
  type ManifestState,
  snapshotEdits,
} from '../../src/manifest/manifest-state.ts';
import { emptyEdit, type VersionEdit } from '../../src/manifest/version-edit.ts';
import {
  adding,
  createManifest,
  DIRECTORY,
  FAMILIES,
  newDirectory,
  type Opening,
  openingOf,
  PLAIN,
  recoverManifest,
  recoverState,
  stateOf,
  table,
} from './manifest-fixture.ts';

await loadChecksum();

const suite = 'aes-256-gcm';
const encrypted: Opening = await openingOf({ suite });
const encrypting: Opening = await openingOf({ suite, encryptExisting: true });
const later: Opening = await openingOf({ suite: 'chacha20-poly1305', epoch: 3 });

function contents(fs: MemoryFs): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const name of fs.list(DIRECTORY)) {
    const file = fs.open(`${DIRECTORY}/${name}`, 'read');
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0, bytes.length, 0);
    file.close();
    files.set(name, bytes);
  }
  return files;
}

function replace(fs: MemoryFs, name: string, bytes: Uint8Array): void {
  const path = `${DIRECTORY}/${name}`;
  if (fs.exists(path)) fs.remove(path);
  const file = fs.open(path, 'create');
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

/** A manifest in which keys of the database stand. */
function used(fs: MemoryFs, opening: Opening): Manifest {
  const manifest = createManifest(fs, 1, opening);
  manifest.append(adding(1, table(manifest.newFileNumber(), 'secret-a', 'secret-b')));
  return manifest;
}

function shows(fs: MemoryFs, text: string): boolean {
  return [...contents(fs).values()].some((bytes) => Buffer.from(bytes).includes(text));
}

describe('a manifest with keys', () => {
  test('shows no key of the database, in records and snapshots', () => {
    const plain = newDirectory();
    used(plain, PLAIN).close();
    assert.equal(shows(plain, 'secret'), true);
    for (const opening of [encrypted, later]) {
      const fs = newDirectory();
      used(fs, opening).close({ walEnds: [], lastSeqno: 3 });
      assert.equal(shows(fs, 'secret'), false);
      const next = recoverManifest(fs, 2, opening);
      next.start();
      next.close();
      assert.equal(shows(fs, 'secret'), false);
    }
  });

  test('is written under the newest epoch by whoever opens it, and remembers every epoch', () => {
    const fs = newDirectory();
    const state = stateOf(used(fs, encrypted));
    const pipeline = later(2);
    const second = recoverManifest(fs, 2, () => pipeline);
    assert.deepEqual([...pipeline.keyChecks.keys()], [1]);
    second.start();
    assert.deepEqual([...pipeline.keyChecks.keys()], [1, 3]);
    assert.deepEqual(recoverState(fs, later), state);
    assert.throws(() => recoverState(fs, encrypted), { code: 'KEY', message: /epoch 3/ });
  });

  test('asks for the keys of the epochs that tables are under, and of no other', async () => {
    const swapped = await openingOf({ suite, epoch: 3, wrongEpoch: 1 });
    const without = await openingOf({ suite, epoch: 3, withoutEpoch: 1 });
    const fs = newDirectory();
    used(fs, encrypted).close();
    const second = recoverManifest(fs, 2, later);
    second.start();
    recoverManifest(fs, 3, swapped).close();
    recoverManifest(fs, 3, without).close();
    const protection = { suiteId: 1, epoch: 1, ecc: undefined };
    const storage = { protection, salt: new Uint8Array(16) };
    second.append(adding(2, table(second.newFileNumber(), 'x', 'y', storage)));
    second.close();
    const before = contents(fs);
    assert.throws(() => recoverManifest(fs, 3, swapped), { code: 'KEY', message: /epoch 1 / });
    assert.throws(() => recoverManifest(fs, 3, without), { code: 'KEY', message: /epoch 1/ });
    assert.deepEqual(contents(fs), before);
    recoverManifest(fs, 3, later).close();
  });
});

describe('a database in the clear', () => {
  test('is refused with keys, and nothing is written', () => {
    const fs = newDirectory();
    used(fs, PLAIN).close();
    const before = contents(fs);
    assert.throws(() => recoverManifest(fs, 2, encrypted), {
      code: 'KEY',
      file: `${DIRECTORY}/CURRENT`,
      message: /encryptExisting/,
    });
    assert.deepEqual(contents(fs), before);
  });

  test('is encrypted from the next manifest on where that is permitted', () => {
    const fs = newDirectory();
    const first = used(fs, PLAIN);
    const state = stateOf(first);
    first.close();
    const pipeline = encrypting(2);
    const second = recoverManifest(fs, 2, () => pipeline);
    assert.equal(pipeline.sealedFrom, Number.POSITIVE_INFINITY);
    second.start();
    assert.equal(pipeline.sealedFrom, second.manifestNumber);
    assert.equal(shows(fs, 'secret'), false);
    assert.deepEqual(stateOf(second), state);
    second.close();
    assert.deepEqual(recoverState(fs, encrypted), state);
    assert.deepEqual(recoverState(fs, encrypting), state);
    assert.throws(() => recoverState(fs, PLAIN), { code: 'KEY' });
    const third = encrypted(3);
    const again = recoverManifest(fs, 3, () => third);
    again.start();
    assert.equal(third.sealedFrom, second.manifestNumber, 'set once');
  });
});

describe('a manifest in the clear that is put into an encrypted database', () => {
  /** A plain database with the same file numbers, and the encrypted one. */
  function both(): { fs: MemoryFs; plain: MemoryFs } {
    const fs = newDirectory();
    const plain = newDirectory();
    used(fs, encrypted).close();
    used(plain, PLAIN).close();
    return { fs, plain };
  }

  test('is damage, with the CURRENT of the encrypted database', () => {
    const { fs, plain } = both();
    replace(fs, 'MANIFEST-000001', contents(plain).get('MANIFEST-000001')!);
    for (const opening of [encrypted, encrypting]) {
      assert.throws(() => recoverState(fs, opening), {
        code: 'CORRUPTION',
        message: /in the clear/,
        file: `${DIRECTORY}/MANIFEST-000001`,
      });
    }
  });

  test('is no database of these keys, with a CURRENT of its own', () => {
    const { fs, plain } = both();
    for (const [name, bytes] of contents(plain)) replace(fs, name, bytes);
    assert.throws(() => recoverState(fs, encrypted), { code: 'KEY' });
  });

  test('cannot be led to by a CURRENT in the clear, even where such databases are let in', () => {
    const { fs, plain } = both();
    replace(fs, 'CURRENT', contents(plain).get('CURRENT')!);
    assert.throws(() => recoverState(fs, encrypting), { code: 'CORRUPTION', message: /alike/ });
  });
});

describe('a log in the clear in an encrypted database', () => {
  const write = (fs: MemoryFs, fileNumber: number, opening: Opening): string => {
    const pipeline = opening(1);
    pipeline.databaseId = new Uint8Array(16);
    const header = pipeline.newHeader({
      fileClass: FILE_CLASS_WAL,
      fileNumber,
      previousNumber: 0,
      baseSeqno: 0,
      protection: pipeline.logProtection,
    });
    const name = walName(fileNumber);
    const log = RecordLogWriter.create(fs, DIRECTORY, name, header, BLOCK_WAL_RECORD, pipeline);
    const out = new ByteWriter(64);
    out.reset(BLOCK_HEADER_BYTES);
    out.bytes(Uint8Array.of(1, 2, 3), 0, 3);
    log.append(out);
    log.close();
    return `${DIRECTORY}/${name}`;
  };

  test('is read below the number from which on logs are encrypted, and damage from there', () => {
    const fs = newDirectory();
    const pipeline = encrypted(2);
    pipeline.databaseId = new Uint8Array(16);
    pipeline.sealedFrom = 5;
    for (const [fileNumber, opening] of [
      [4, PLAIN],
      [5, PLAIN],
      [6, PLAIN],
      [7, encrypted],
    ] as const) {
      const path = write(fs, fileNumber, opening);
      const open = (): RecordLogReader =>
        RecordLogReader.open(fs, path, FILE_CLASS_WAL, fileNumber, BLOCK_WAL_RECORD, pipeline);
      if (fileNumber === 5 || fileNumber === 6) {
        assert.throws(open, { code: 'CORRUPTION', file: path, message: /in the clear/ });
        continue;
      }
      const reader = open();
      assert.equal(reader.next(), 'record');
      assert.equal(reader.contentLen, 3);
      reader.close();
    }
  });
});

describe('what the state says of encryption', () => {
  const check = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
  const apply = (state: ManifestState, edit: Partial<VersionEdit>): ManifestState =>
    applyToState(state, { ...emptyEdit(), ...edit }, 'file', 9);
  const damaged = (state: ManifestState, edit: Partial<VersionEdit>, message: RegExp): void => {
    assert.throws(() => apply(state, edit), { code: 'CORRUPTION', file: 'file', message });
  };

  test('is set once and never taken back', () => {
    let state = apply(emptyState(), { createdFamilies: FAMILIES });
    assert.equal(state.sealedFrom, Number.POSITIVE_INFINITY);
    state = apply(state, { sealedFrom: 7, keyChecks: [{ epoch: 1, check: check(1) }] });
    state = apply(state, { keyChecks: [{ epoch: 2, check: check(2) }] });
    state = apply(state, { sealedFrom: 7, keyChecks: [{ epoch: 1, check: check(1) }] });
    assert.equal(state.sealedFrom, 7);
    assert.deepEqual([...state.keyChecks.keys()], [1, 2]);
    damaged(state, { sealedFrom: 8 }, /begins twice/);
    damaged(state, { sealedFrom: 6 }, /begins twice/);
    damaged(state, { keyChecks: [{ epoch: 2, check: check(1) }] }, /epoch 2 has two keys/);
  });

  test('stands in every snapshot', () => {
    const keyChecks = [1, 2].map((epoch) => ({ epoch, check: check(epoch) }));
    const state = apply(emptyState(), { createdFamilies: FAMILIES, sealedFrom: 7, keyChecks });
    let copy = emptyState();
    for (const edit of snapshotEdits(state)) copy = applyToState(copy, edit, 'file', 0);
    assert.deepEqual(copy.sealedFrom, 7);
    assert.deepEqual(copy.keyChecks, state.keyChecks);
    const plain = apply(emptyState(), { createdFamilies: FAMILIES });
    assert.equal('sealedFrom' in snapshotEdits(plain)[0]!, false);
  });
});
