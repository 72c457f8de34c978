import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Correction } from '../../src/block/block-reader.ts';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Manifest } from '../../src/manifest/manifest.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import {
  adding,
  createManifest,
  DIRECTORY,
  OPENINGS,
  type Opening,
  openingOf,
  PLAIN,
  recoverManifest,
  recoverState,
  stateOf,
  table,
} from './manifest-fixture.ts';

before(loadChecksum);

const CURRENT = `${DIRECTORY}/CURRENT`;

function newDirectory(): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory(DIRECTORY);
  return fs;
}

function addTable(manifest: Manifest, level = 0): void {
  const number = manifest.newFileNumber();
  const at = String(number).padStart(6, '0');
  manifest.append({ ...adding(level, table(number, at, at)), lastSeqno: manifest.lastSeqno + 5 });
}

/** A manifest with a few edits; the last one adds a table. */
function usedManifest(fs: MemoryFs, opening: Opening = PLAIN): Manifest {
  const manifest = createManifest(fs, 1, opening);
  manifest.append({ ...emptyEdit(), createdFamilies: [{ id: 1, name: 'other' }] });
  for (let i = 0; i < 3; i++) addTable(manifest);
  manifest.append({ ...emptyEdit(), logNumbers: [{ familyId: 0, logNumber: 4 }] });
  addTable(manifest, 1);
  return manifest;
}

function manifestPath(fs: MemoryFs): string {
  const names = fs.list(DIRECTORY).filter((name) => name.startsWith('MANIFEST-'));
  assert.equal(names.length, 1, names.join());
  return `${DIRECTORY}/${names[0]}`;
}

function flip(fs: MemoryFs, path: string, offset: number, bits: number): void {
  const file = fs.open(path, 'update');
  const byte = new Uint8Array(1);
  file.read(byte, 0, 1, offset);
  byte[0]! ^= bits;
  file.write(byte, 0, 1, offset);
  file.close();
}

function sizeOf(fs: MemoryFs, path: string): number {
  const file = fs.open(path, 'read');
  const size = file.size();
  file.close();
  return size;
}

function cutFile(fs: MemoryFs, path: string, size: number): void {
  const file = fs.open(path, 'update');
  file.truncate(size);
  file.close();
}

/** The recovered state, or undefined after a CORRUPTION that names a file of the database. */
function recoverOrDamage(fs: MemoryFs, opening: Opening = PLAIN): unknown {
  try {
    return recoverState(fs, opening);
  } catch (error) {
    assert.ok(isVarveError(error, 'CORRUPTION'), String(error));
    assert.match(error.file!, /^db\/(CURRENT|MANIFEST-\d{6})$/);
    assert.notEqual(error.offset, undefined);
    return undefined;
  }
}

describe('a manifest', () => {
  for (const [name, opening] of Object.entries(OPENINGS)) {
    test(`gives back the state of every edit, after a crash and a clean close (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      const state = stateOf(manifest);
      assert.deepEqual(recoverState(fs, opening), state);
      const walEnds = [{ logNumber: 9, sizeBytes: 1234 }];
      manifest.close({ walEnds, lastSeqno: 99 });
      manifest.close();
      const recovered = recoverManifest(fs, 2, opening);
      assert.equal(recovered.wasClosedCleanly, true);
      assert.equal(recovered.lastSeqno, 99);
      assert.deepEqual(recovered.walEnds, new Map([[9, 1234]]));
      assert.deepEqual(recovered.version.families, manifest.version.families);
      assert.deepEqual(recovered.databaseId, manifest.databaseId);
    });
  }

  test('is written anew by every process, which removes the old one', () => {
    const fs = newDirectory();
    const first = usedManifest(fs);
    first.close({ walEnds: [{ logNumber: 9, sizeBytes: 500 }], lastSeqno: 70 });
    const second = recoverManifest(fs, 2);
    assert.equal(second.manifestNumber, first.manifestNumber);
    second.start();
    assert.notEqual(second.manifestNumber, first.manifestNumber);
    assert.equal(
      manifestPath(fs),
      `${DIRECTORY}/MANIFEST-${`${second.manifestNumber}`.padStart(6, '0')}`,
    );
    addTable(second);
    const third = recoverManifest(fs);
    assert.equal(third.wasClosedCleanly, false);
    assert.deepEqual(stateOf(third), stateOf(second));
    assert.deepEqual([...third.walEnds], [[9, 500]]);
    assert.deepEqual(third.databaseId, first.databaseId);
  });

  test('forgets where a log ended when no family needs the log any more', () => {
    const fs = newDirectory();
    const manifest = createManifest(fs);
    const walEnds = [7, 8].map((logNumber) => ({ logNumber, sizeBytes: 300 }));
    manifest.append({ ...emptyEdit(), walEnds });
    manifest.append({
      ...emptyEdit(),
      logNumbers: [{ familyId: 0, logNumber: 8 }],
      nextFileNumber: 9,
    });
    assert.deepEqual([...manifest.walEnds.keys()], [8]);
    assert.deepEqual(recoverState(fs), stateOf(manifest));
  });

  test('uses no file number twice, whatever lies in the directory', () => {
    const fs = newDirectory();
    const manifest = createManifest(fs);
    manifest.newFileNumber();
    manifest.close();
    for (const name of ['000040.sst', '000050.wal']) fs.open(`${DIRECTORY}/${name}`, 'create');
    const second = recoverManifest(fs, 2);
    second.start();
    assert.equal(second.manifestNumber, 51);
    assert.equal(second.newFileNumber(), 52);
    second.append(emptyEdit());
    second.append({ ...emptyEdit(), nextFileNumber: 60 });
    assert.equal(second.newFileNumber(), 60);
    assert.equal(recoverManifest(fs).nextFileNumber, 60);
  });

  test('is rewritten when edits have made it much longer than its state', () => {
    const fs = newDirectory();
    const manifest = createManifest(fs);
    const first = manifest.manifestNumber;
    const meta = table(manifest.newFileNumber(), 'a'.repeat(5000), 'b'.repeat(5000));
    let sizeMost = 0;
    for (let i = 0; i < 130; i++) {
      manifest.append(adding(1, meta));
      const { fileNumber } = meta;
      const removedTables = [{ familyId: 0, level: 1, fileNumber }];
      manifest.append({ ...emptyEdit(), removedTables });
      sizeMost = Math.max(sizeMost, manifest.sizeBytes);
    }
    assert.notEqual(manifest.manifestNumber, first);
    assert.ok(sizeMost < 1.1 * 1024 * 1024);
    assert.ok(manifest.sizeBytes < 512 * 1024);
    manifestPath(fs);
    assert.deepEqual(recoverState(fs), stateOf(manifest));
  });

  test('of thousands of tables begins with several records and recovers', () => {
    const fs = newDirectory();
    const manifest = createManifest(fs);
    const addedTables = [];
    for (let i = 0; i < 3000; i++) {
      const number = manifest.newFileNumber();
      const at = String(number).padStart(6, '0');
      addedTables.push({ familyId: 0, level: i % 7, meta: table(number, at, at) });
    }
    manifest.append({ ...emptyEdit(), addedTables });
    const second = recoverManifest(fs, 3);
    second.start();
    assert.deepEqual(stateOf(second), stateOf(manifest));
    assert.deepEqual(recoverState(fs), stateOf(manifest));
  });

  test('refuses an own edit that does not fit, and goes on', () => {
    const fs = newDirectory();
    const manifest = usedManifest(fs);
    const state = stateOf(manifest);
    const size = manifest.sizeBytes;
    const unknown = { ...emptyEdit(), droppedFamilies: [77] };
    assert.throws(() => manifest.append(unknown), /invariant/);
    assert.throws(() => manifest.append(adding(0, table(5000, 'a', 'b'))), /invariant/);
    assert.throws(() => manifest.append({ ...emptyEdit(), lastSeqno: 0 }), /invariant/);
    assert.equal(manifest.sizeBytes, size);
    assert.deepEqual(stateOf(manifest), state);
    addTable(manifest);
    assert.deepEqual(recoverState(fs), stateOf(manifest));
  });

  test('only reads before it is started', () => {
    const fs = newDirectory();
    usedManifest(fs).close();
    const files = fs.list(DIRECTORY);
    const manifest = recoverManifest(fs);
    assert.throws(() => manifest.append(emptyEdit()), /started/);
    manifest.close({ walEnds: [], lastSeqno: 1000 });
    assert.deepEqual(fs.list(DIRECTORY), files);
  });
});

describe('a manifest whose file system fails', () => {
  test('throws the first error until it is started again, and then holds its own state', () => {
    for (const operation of ['write', 'sync'] as const) {
      const disk = newDirectory();
      const fs = new FaultFs(disk);
      const manifest = createManifest(fs);
      const state = stateOf(manifest);
      fs.addRule({ operation, effect: 'NOSPACE', shortWriteBytes: 30 });
      const edit = { ...emptyEdit(), createdFamilies: [{ id: 1, name: 'b' }] };
      assert.throws(() => manifest.append(edit), { code: 'NOSPACE' });
      assert.throws(() => manifest.append(edit), { code: 'NOSPACE' });
      assert.throws(() => manifest.close({ walEnds: [], lastSeqno: 0 }), { code: 'NOSPACE' });
      manifest.start();
      assert.deepEqual(recoverState(disk), state);
      manifest.append(edit);
      assert.deepEqual(recoverState(disk), stateOf(manifest));
    }
  });

  test('at any call of a start leaves the same state, and a later start succeeds', () => {
    for (let call = 1; ; call++) {
      const disk = newDirectory();
      const manifest = usedManifest(disk);
      const state = stateOf(manifest);
      manifest.close();
      const fs = new FaultFs(disk);
      const second = recoverManifest(fs, 5);
      fs.failCall(call);
      try {
        second.start();
        if (fs.faults === 0) break;
      } catch (error) {
        assert.ok(isVarveError(error, 'IO'));
        assert.deepEqual(recoverState(disk), state);
        assert.throws(() => second.append(emptyEdit()));
        second.start();
      }
      assert.deepEqual(recoverState(disk), state);
      addTable(second);
      assert.deepEqual(recoverState(disk), stateOf(second));
      second.start();
      manifestPath(disk);
    }
  });
});

/** Manifests of which nothing can be repaired but the copies of header and CURRENT. */
const UNREPAIRABLE: Readonly<Record<string, Opening>> = {
  plain: PLAIN,
  compressed: await openingOf({ compression: 'lz4' }),
  encrypted: OPENINGS['encrypted']!,
  'encrypted and compressed': await openingOf({ suite: 'chacha20-poly1305', compression: 'lz4' }),
};

/** Told of repairs of the manifests with a code. */
const corrections: Correction[] = [];

/** Manifests with a code; any damaged byte of theirs is put right, or any bit. */
const REPAIRABLE: Readonly<Record<string, Opening>> = {
  shards: await openingOf({ ecc: { scheme: 'reed-solomon', data: 3, parity: 2 }, corrections }),
  XOR: await openingOf({ ecc: { scheme: 'xor', data: 4 }, compression: 'lz4', corrections }),
  'shards, encrypted': await openingOf({
    suite: 'aes-256-gcm',
    ecc: { scheme: 'reed-solomon', data: 4, parity: 1 },
    corrections,
  }),
  bits: await openingOf({ ecc: { scheme: 'secded' }, corrections }),
};

describe('damage to one byte', () => {
  for (const [name, opening] of Object.entries(UNREPAIRABLE)) {
    test(`after a clean close gives the same state or an error that names a file (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      manifest.close({ walEnds: [{ logNumber: 9, sizeBytes: 500 }], lastSeqno: 70 });
      const state = recoverState(fs, opening);
      let damaged = 0;
      for (const path of [CURRENT, manifestPath(fs)]) {
        const size = sizeOf(fs, path);
        for (let offset = 0; offset < size; offset++) {
          for (const bits of [0xff, 1 << (offset % 8)]) {
            flip(fs, path, offset, bits);
            const recovered = recoverOrDamage(fs, opening);
            if (recovered === undefined) damaged++;
            else assert.deepEqual(recovered, state, `${path} ${offset}`);
            flip(fs, path, offset, bits);
          }
        }
      }
      assert.equal(damaged, 2 * (sizeOf(fs, manifestPath(fs)) - 128));
    });

    test(`without a close gives the same state or an error too, even at the end (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      const state = stateOf(manifest);
      for (const path of [CURRENT, manifestPath(fs)]) {
        const size = sizeOf(fs, path);
        for (let offset = 0; offset < size; offset++) {
          flip(fs, path, offset, 1 << (offset % 8));
          const recovered = recoverOrDamage(fs, opening);
          if (recovered !== undefined) assert.deepEqual(recovered, state, `${path} ${offset}`);
          flip(fs, path, offset, 1 << (offset % 8));
        }
      }
    });
  }

  for (const [name, opening] of Object.entries(REPAIRABLE)) {
    test(`of a manifest with a code is put right, after a close or without (${name})`, () => {
      for (const isClosed of [true, false]) {
        const fs = newDirectory();
        const manifest = usedManifest(fs, opening);
        if (isClosed) manifest.close({ walEnds: [], lastSeqno: 70 });
        const state = recoverState(fs, opening);
        const path = manifestPath(fs);
        let reported = 0;
        for (let offset = 0; offset < sizeOf(fs, path); offset++) {
          const bits = name === 'bits' || offset % 2 === 0 ? 1 << (offset % 8) : 0xff;
          corrections.length = 0;
          flip(fs, path, offset, bits);
          assert.deepEqual(recoverState(fs, opening), state, `${offset}`);
          flip(fs, path, offset, bits);
          if (corrections.length > 0) reported++;
          for (const { file } of corrections) assert.equal(file, path);
        }
        // Nobody looks at parity and at further copies of a length while a record is sound.
        assert.ok(reported > sizeOf(fs, path) / 3, `${reported} of ${sizeOf(fs, path)}`);
      }
    });
  }
});

describe('a manifest that is cut short', () => {
  for (const [name, opening] of Object.entries(UNREPAIRABLE)) {
    test(`is damaged after a clean close (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      manifest.close({ walEnds: [], lastSeqno: 70 });
      const path = manifestPath(fs);
      for (let size = sizeOf(fs, path) - 1; size >= 0; size--) {
        cutFile(fs, path, size);
        assert.equal(recoverOrDamage(fs, opening), undefined, `${size}`);
      }
    });

    test(`gives the edits before the cut without a close, never less than at first (${name})`, () => {
      const fs = newDirectory();
      const manifest = createManifest(fs, 1, opening);
      const snapshotBytes = manifest.sizeBytes;
      const states = [{ end: snapshotBytes, state: stateOf(manifest) }];
      for (let i = 0; i < 5; i++) {
        addTable(manifest, i % 2);
        states.push({ end: manifest.sizeBytes, state: stateOf(manifest) });
      }
      const path = manifestPath(fs);
      for (let size = sizeOf(fs, path); size >= 0; size--) {
        cutFile(fs, path, size);
        const expected = states.findLast(({ end }) => end <= size)?.state;
        assert.deepEqual(recoverOrDamage(fs, opening), expected, `${size}`);
      }
    });
  }

  for (const [name, opening] of Object.entries(REPAIRABLE)) {
    test(`may lack the parity of its last record (${name})`, () => {
      const fs = newDirectory();
      const manifest = createManifest(fs, 1, opening);
      const states = [stateOf(manifest)];
      const ends = [manifest.sizeBytes];
      for (let i = 0; i < 4; i++) {
        addTable(manifest, i % 2);
        states.push(stateOf(manifest));
        ends.push(manifest.sizeBytes);
      }
      const path = manifestPath(fs);
      const parityBytes: number[] = [];
      for (let i = ends.length - 1, size = ends[i]!; i >= 0; i--) {
        const end = ends[i]!;
        cutFile(fs, path, end);
        for (size = end; size > (ends[i - 1] ?? 0); size--) {
          cutFile(fs, path, size);
          const recovered = recoverOrDamage(fs, opening);
          if (isDeepStrictEqual(recovered, states[i])) continue;
          assert.deepEqual(recovered, states[i - 1], `${size} of ${end}`);
          parityBytes.push(end - size);
          break;
        }
        for (; size > (ends[i - 1] ?? 0); size--) {
          cutFile(fs, path, size);
          assert.deepEqual(recoverOrDamage(fs, opening), states[i - 1], `${size} of ${end}`);
        }
      }
      assert.equal(parityBytes.length, ends.length);
      for (const bytes of parityBytes) assert.ok(bytes >= 4, `${parityBytes}`);
    });

    test(`may lack it after a clean close too (${name})`, () => {
      const fs = newDirectory();
      const manifest = usedManifest(fs, opening);
      manifest.close({ walEnds: [], lastSeqno: 70 });
      const state = recoverState(fs, opening);
      const path = manifestPath(fs);
      const whole = sizeOf(fs, path);
      let size = whole - 1;
      for (; size >= 0; size--) {
        cutFile(fs, path, size);
        const recovered = recoverOrDamage(fs, opening);
        if (recovered === undefined) break;
        assert.deepEqual(recovered, state, `${size}`);
      }
      assert.ok(size < whole - 4, `${whole - size} bytes`);
      for (; size >= 0; size--) {
        cutFile(fs, path, size);
        assert.equal(recoverOrDamage(fs, opening), undefined, `${size}`);
      }
    });
  }
});

describe('what is damaged is named', () => {
  function check(damage: (fs: MemoryFs) => void, message: RegExp, file: RegExp): void {
    const fs = newDirectory();
    usedManifest(fs).close();
    damage(fs);
    assert.throws(() => recoverState(fs), { code: 'CORRUPTION', message, file });
  }
  const manifestFile = /^db\/MANIFEST-000001$/;

  test('when CURRENT is missing or both of its slots are bad', () => {
    check((fs) => fs.remove(CURRENT), /CURRENT is missing/, /CURRENT$/);
    check((fs) => cutFile(fs, CURRENT, 0), /both slots of CURRENT/, /CURRENT$/);
  });

  test('when the manifest is missing, or another file has its name', () => {
    check((fs) => fs.remove(manifestPath(fs)), /manifest that CURRENT names/, manifestFile);
    check(
      (fs) => {
        const other = newDirectory();
        const manifest = recoverManifest(fs);
        usedManifest(other);
        const second = recoverManifest(other, 8);
        second.start();
        const bytes = new Uint8Array(sizeOf(other, manifestPath(other)));
        other.open(manifestPath(other), 'read').read(bytes, 0, bytes.length, 0);
        assert.equal(manifest.manifestNumber, 1);
        fs.open(manifestPath(fs), 'update').write(bytes, 0, bytes.length, 0);
      },
      /file header is foreign/,
      manifestFile,
    );
  });
});
