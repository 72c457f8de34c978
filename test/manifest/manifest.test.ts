import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { loadChecksum } from '../../src/block/checksum.ts';
import { isVarveError } from '../../src/errors.ts';
import type { MemoryFs } from '../../src/fs/memory.ts';
import { emptyEdit } from '../../src/manifest/version-edit.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import {
  adding,
  addTable,
  CURRENT,
  createManifest,
  cutFile,
  DIRECTORY,
  manifestPath,
  newDirectory,
  OPENINGS,
  recoverManifest,
  recoverState,
  sizeOf,
  stateOf,
  table,
  usedManifest,
} from './manifest-fixture.ts';

before(loadChecksum);

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
