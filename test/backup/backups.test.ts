/**
 * Incremental backups: what is stored, listed, verified, purged and restored.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Backups, DirectoryTarget } from '../../src/backup/index.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import {
  COMBINATIONS,
  expectState,
  NumberedWriter,
  openCopied,
  SMALL,
  SOURCE,
  stagesOf,
} from '../copy/copy-fixture.ts';
import { code } from '../db/helpers.ts';
import { BACKUPS, backupsIn, MemoryTarget, portsOf, RESTORED } from './backup-fixture.ts';

/** A database with tables and a log; the writer is at 340 writes. */
async function filled(fs: MemoryFs, options: DbOptions = SMALL): Promise<NumberedWriter> {
  const writer = new NumberedWriter(await openCopied(fs, options));
  writer.write(300);
  await writer.db.flush();
  writer.write(40);
  return writer;
}

function bytesIn(fs: MemoryFs, directory: string): Map<string, string> {
  const names = fs.list(directory).filter((name) => name !== 'LOCK');
  return new Map(names.sort().map((name) => [name, hexOf(fs, `${directory}/${name}`)]));
}

function hexOf(fs: MemoryFs, path: string): string {
  const file = fs.fileAt(path)!;
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0, bytes.length, 0);
  return Buffer.from(bytes).toString('hex');
}

suite('backups of a database that goes on', () => {
  for (const options of COMBINATIONS) {
    test(stagesOf(options), async () => {
      const fs = new MemoryFs();
      const writer = await filled(fs, options);
      const backups = backupsIn(
        fs,
        portsOf(5, () => {
          if (!isClosed) writer.write(3);
        }),
      );
      let isClosed = false;
      const seqnos: number[] = [];
      for (let i = 1; i <= 4; i++) {
        const report = await backups.create(writer.db);
        assert.deepEqual([report.number, report.damaged.length], [i, 0]);
        assert.ok(i === 1 || report.reusedCount > 0 || i === 3, `backup ${i} is incremental`);
        seqnos.push(report.seqno!);
        writer.write(100);
        if (i === 2) await writer.db.compact();
        else await writer.db.flush();
      }
      isClosed = true;
      await writer.db.close();
      const { backups: listed } = await backups.list();
      assert.deepEqual(
        listed.map(({ seqno }) => seqno),
        seqnos,
      );
      assert.deepEqual((await backups.verify()).sound, [1, 2, 3, 4]);
      const other = new MemoryFs();
      for (const [i, seqno] of seqnos.entries()) {
        await backups.restore(other, `${RESTORED}/${i}`, { backup: i + 1 });
        await expectState(other, `${RESTORED}/${i}`, options, seqno);
      }
    });
  }
});

suite('backups of a closed database take no key, and restore every byte', () => {
  for (const options of COMBINATIONS) {
    test(stagesOf(options), async () => {
      const fs = new MemoryFs();
      const writer = await filled(fs, options);
      await writer.db.close();
      const backups = backupsIn(fs);
      const report = await backups.createFrom(fs, SOURCE);
      assert.equal(report.seqno, options.encryption ? null : writer.count);
      await backups.restore(fs, RESTORED);
      assert.deepEqual(bytesIn(fs, RESTORED), bytesIn(fs, SOURCE));
      await expectState(fs, RESTORED, options, writer.count);
    });
  }
});

test('a second backup of the same state stores nothing but CURRENT', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const backups = backupsIn(fs);
  const first = await backups.create(writer.db);
  assert.equal(first.reusedCount, 0);
  assert.equal(first.bytesStored, first.bytesTotal);
  const second = await backups.create(writer.db);
  assert.equal(second.bytesStored, 2048);
  await writer.db.close();
  const { backups: listed } = await backups.list();
  assert.deepEqual(
    listed.map(({ bytesOwn }) => bytesOwn),
    [2048, 2048],
  );
});

test('a log that has grown within the room ahead of it is stored anew', async () => {
  const fs = new MemoryFs();
  const db = await openCopied(fs);
  // Enough syncs for zeros ahead of the records: the size stays as it is then.
  for (let i = 0; i < 40; i++) db.put(`k${i}`, 'x', { sync: true });
  const reader = await openCopied(fs, { ...SMALL, readOnly: true });
  const backups = backupsIn(fs);
  await backups.create(reader);
  db.put('later', 'y', { sync: true });
  const { seqno } = await backups.create(reader);
  assert.equal(seqno, 41);
  await reader.close();
  await db.close();
  await backups.restore(fs, RESTORED);
  const restored = await openCopied(fs, SMALL, RESTORED);
  assert.ok(restored.has('later'));
  await restored.close();
});

test('a reader is backed up beside a writer, as of the newest state', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const reader = await openCopied(fs, { ...SMALL, readOnly: true });
  const backups = backupsIn(
    fs,
    portsOf(1, () => writer.write(10)),
  );
  for (let i = 0; i < 4; i++) {
    writer.write(200);
    await writer.db.compact();
    const before = writer.count;
    const { seqno } = await backups.create(reader);
    assert.ok(seqno! >= before);
    await backups.restore(fs, `${RESTORED}/${i}`);
    await expectState(fs, `${RESTORED}/${i}`, SMALL, seqno!);
  }
  await reader.close();
  await writer.db.close();
});

test('a file that is damaged is stored as it is, told, and replaced once it is sound', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const backups = backupsIn(fs);
  const name = fs.list(SOURCE).find((one) => one.endsWith('.sst'))!;
  const file = fs.fileAt(`${SOURCE}/${name}`)!;
  const byte = new Uint8Array(1);
  const flip = () => {
    file.read(byte, 0, 1, 300);
    byte[0]! ^= 1;
    file.write(byte, 0, 1, 300);
  };
  flip();
  assert.deepEqual((await backups.create(writer.db)).damaged, [name]);
  assert.deepEqual((await backups.verify()).sound, []);
  assert.deepEqual((await backups.restore(fs, RESTORED)).damaged, [name]);
  flip();
  const second = await backups.create(writer.db);
  assert.deepEqual(second.damaged, []);
  assert.deepEqual((await backups.verify()).sound, [2]);
  // What the target has is sound: it is used, whatever the file has become.
  flip();
  assert.deepEqual((await backups.create(writer.db)).damaged, []);
  flip();
  await writer.db.close();
});

suite('damage to a target', () => {
  async function twoBackups(): Promise<{ target: MemoryTarget; backups: Backups; fs: MemoryFs }> {
    const fs = new MemoryFs();
    const writer = await filled(fs);
    const target = new MemoryTarget();
    const backups = new Backups(target, portsOf());
    await backups.create(writer.db);
    writer.write(100);
    await writer.db.flush();
    await backups.create(writer.db);
    await writer.db.close();
    return { target, backups, fs };
  }

  test('every object, flipped, cut or missing, is named, and never restored', async () => {
    const { target, backups, fs } = await twoBackups();
    const damages = [
      (bytes: Uint8Array) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 4),
      (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1),
      () => undefined,
    ];
    let count = 0;
    for (const [name, bytes] of [...target.objects]) {
      for (const damage of damages) {
        const changed = damage(bytes);
        if (changed === undefined) target.objects.delete(name);
        else target.objects.set(name, changed);
        const found = await backups.verify();
        const isGone = changed === undefined && name.startsWith('backup-');
        assert.ok(isGone || found.damage.some(({ object }) => object === name), name);
        for (const backup of [1, 2]) {
          const isSound = found.sound.includes(backup);
          const restored = backups.restore(fs, `${RESTORED}/${++count}`, { backup });
          if (isSound) await restored;
          else await assert.rejects(restored, code(isGone ? 'INVALID' : 'CORRUPTION'));
          if (!isSound && !isGone) {
            assert.deepEqual(
              fs.exists(`${RESTORED}/${count}`) &&
                fs.list(`${RESTORED}/${count}`).filter((one) => one !== 'LOCK'),
              name.startsWith('backup-') ? false : [],
            );
          }
        }
        target.objects.set(name, bytes);
      }
    }
  });

  test('a damaged inventory keeps purges from removing what it may name', async () => {
    const { target, backups } = await twoBackups();
    const name = [...target.objects.keys()].find((one) => one.startsWith('backup-000001'))!;
    const bytes = target.objects.get(name)!;
    target.objects.set(name, bytes.with(20, 0));
    const count = target.objects.size;
    const { waitsFor, objectCount } = await backups.purge();
    assert.match(waitsFor!, /damaged inventories/);
    assert.equal(objectCount, 0);
    assert.equal(target.objects.size, count);
    const { damaged } = await backups.list();
    assert.deepEqual(damaged, [name.slice(-16)]);
    assert.equal((await backups.purge({ ids: damaged })).waitsFor, undefined);
    assert.deepEqual((await backups.verify()).sound, [2]);
    assert.deepEqual((await backups.list()).damaged, []);
  });

  test('files that cannot be had are left out of nothing: keepDamaged tells them', async () => {
    const { target, backups, fs } = await twoBackups();
    const name = [...target.objects.keys()].findLast((one) => one.includes('.sst-'))!;
    target.objects.set(name, target.objects.get(name)!.with(200, 1).with(201, 1).with(202, 1));
    const { damaged } = await backups.restore(fs, RESTORED, { keepDamaged: true });
    assert.deepEqual(damaged, [name.slice(0, -17)]);
    const db = await openCopied(fs, SMALL, RESTORED);
    assert.equal((await db.verify()).uncorrectable.length, 1);
    await db.close();
  });
});

suite('purges', () => {
  test('remove backups by count, by age and by id, and what only they needed', async () => {
    const fs = new MemoryFs();
    const writer = await filled(fs);
    const ports = portsOf();
    const backups = backupsIn(fs, ports);
    for (let i = 0; i < 6; i++) {
      await backups.create(writer.db);
      writer.write(150);
      await writer.db.compact();
      ports.clock.advance(1000);
    }
    await writer.db.close();
    const numbers = async () => (await backups.list()).backups.map(({ number }) => number);
    assert.deepEqual((await backups.purge({ keep: 5 })).removed, [1]);
    assert.deepEqual((await backups.purge({ olderThanMs: 5000, keep: 2 })).removed, [2]);
    const { id } = (await backups.list()).backups[1]!;
    assert.deepEqual((await backups.purge({ ids: [id] })).removed, [4]);
    assert.deepEqual(await numbers(), [3, 5, 6]);
    assert.deepEqual((await backups.purge()).removed, []);
    assert.deepEqual((await backups.verify()).sound, [3, 5, 6]);
    const needed = new Set((await backups.list()).backups.map(({ fileCount }) => fileCount));
    assert.ok(needed.size > 0);
    await assert.rejects(backups.purge({ ids: ['0'.repeat(16)] }), code('INVALID'));
    assert.deepEqual((await backups.purge({ keep: 0 })).removed, [3, 5, 6]);
    assert.deepEqual(fs.list(BACKUPS), []);
    await assert.rejects(backups.restore(fs, RESTORED), code('INVALID'));
    // Numbers of backups that are gone may come again; ids do not.
    assert.equal((await backups.createFrom(fs, SOURCE)).number, 1);
  });

  test('wait for backups that are being made, and end those that were left', async () => {
    const fs = new MemoryFs();
    const writer = await filled(fs);
    const target = new MemoryTarget();
    const ports = portsOf();
    const backups = new Backups(target, ports);
    await backups.create(writer.db);
    target.before = (what, name) => {
      if (what === 'put' && name.startsWith('CURRENT')) throw new Error('the process dies');
      if (what === 'delete') throw new Error('the process is dead');
    };
    writer.write(50);
    await assert.rejects(backups.create(writer.db), /dies/);
    target.before = () => {};
    const left = target.objects.size;
    const { waitsFor, removed } = await backups.purge({ keep: 0 });
    assert.deepEqual(removed, [1]);
    assert.match(waitsFor!, /being made/);
    assert.equal(target.objects.size, left - 1);
    assert.equal((await backups.list()).pending.length, 1);
    ports.clock.advance(25 * 3_600_000);
    assert.equal((await backups.purge()).waitsFor, undefined);
    assert.equal(target.objects.size, 0);
    await writer.db.close();
  });

  for (const place of ['CURRENT-', 'backup-000001-'] as const) {
    test(`a backup that a purge took for dead at ${place} says so, and leaves nothing`, () =>
      takenForDead(place));
  }

  async function takenForDead(place: string): Promise<void> {
    const fs = new MemoryFs();
    const writer = await filled(fs);
    const target = new MemoryTarget();
    const ports = portsOf();
    const backups = new Backups(target, ports);
    let isOver = false;
    target.before = async (what, name) => {
      if (isOver || what !== 'put' || !name.startsWith(place)) return;
      isOver = true;
      // The machine was asleep.
      ports.clock.advance(25 * 3_600_000);
      await backups.purge();
    };
    await assert.rejects(backups.create(writer.db), code('BUSY'));
    assert.deepEqual((await backups.list()).backups, []);
    await backups.purge();
    assert.equal(target.objects.size, 0);
    await backups.create(writer.db);
    await writer.db.close();
    assert.deepEqual((await backups.verify()).sound, [1]);
  }
});

test('a backup that is aborted, or whose database is closed, leaves nothing', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const stop = new AbortController();
  const aborted = backupsIn(
    fs,
    portsOf(1, () => stop.abort(new Error('enough'))),
  );
  await assert.rejects(aborted.create(writer.db, { signal: stop.signal }), /enough/);
  assert.deepEqual(fs.list(BACKUPS), []);
  let closing: Promise<void> | undefined;
  const closed = backupsIn(
    fs,
    portsOf(2, () => {
      closing ??= writer.db.close();
    }),
  );
  await assert.rejects(closed.create(writer.db), code('CLOSED'));
  await closing;
  assert.deepEqual(fs.list(BACKUPS), []);
});

test('wrong arguments, other databases, directories in use', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const backups = backupsIn(fs);
  await assert.rejects(backups.createFrom(fs, SOURCE), code('LOCKED'));
  await assert.rejects(backups.createFrom(fs, 'nowhere'), code('INVALID'));
  await backups.create(writer.db);
  const other = await openCopied(fs, SMALL, 'other', { seed: 99 });
  await assert.rejects(backups.create(other), code('INVALID'));
  await other.close();
  await assert.rejects(backups.restore(fs, SOURCE), code('INVALID'));
  await assert.rejects(backups.restore(fs, RESTORED, { backup: 7 }), code('INVALID'));
  for (const bad of ['', 5, null] as never[]) {
    await assert.rejects(backups.restore(fs, bad), TypeError);
    await assert.rejects(backups.createFrom(fs, bad), TypeError);
    await assert.rejects(backups.create(bad), TypeError);
  }
  await assert.rejects(backups.purge({ keep: -1 }), RangeError);
  await assert.rejects(backups.purge({ keep: 1.5 }), RangeError);
  await assert.rejects(backups.purge({ kep: 1 } as never), TypeError);
  await assert.rejects(backups.verify({ backup: {} } as never), TypeError);
  await assert.rejects(backups.create(writer.db, { progress: 1 } as never), TypeError);
  await writer.db.close();
  assert.equal((await backups.list()).backups.length, 1);
});

test('a directory that holds other files is left alone but for its own objects', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  fs.createDirectory(BACKUPS);
  for (const name of ['notes.txt', 'backup-1', '000001.sst', 'pending-xyz']) {
    fs.open(`${BACKUPS}/${name}`, 'create').close();
  }
  const backups = new Backups(new DirectoryTarget(fs, BACKUPS), portsOf());
  await backups.create(writer.db);
  await backups.purge({ keep: 0 });
  assert.deepEqual(fs.list(BACKUPS).sort(), ['000001.sst', 'backup-1', 'notes.txt', 'pending-xyz']);
  await writer.db.close();
});
