/**
 * A reader that follows a writer: right values of the newest state, and of every earlier one that
 * an iterator, cursor or snapshot of it still sees.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbCursor } from '../../src/db/db-cursor.ts';
import type { DbOptions } from '../../src/db/options.ts';
import type { Snapshot } from '../../src/db/snapshot.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import {
  COMBINATIONS,
  contentAfter,
  contentOf,
  NumberedWriter,
  openCopied,
  SMALL,
  SOURCE,
  stagesOf,
} from '../copy/copy-fixture.ts';
import { code } from './helpers.ts';

/** Calls a hook before each call of a reader. */
function hooked(inner: MemoryFs, hook: (name: string) => void): Fs {
  return new Proxy(inner, {
    get: (target, name) => {
      const member = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        hook(String(name));
        return member.apply(target, args);
      };
    },
  });
}

function openReader(fs: Fs, options: DbOptions = SMALL): Promise<Db> {
  return openCopied(fs, { ...options, readOnly: true }, SOURCE, { seed: 50 });
}

function stateOf(db: Db, snapshot?: Snapshot): Map<string, string> {
  const content = new Map<string, string>();
  for (const columnFamily of db.listColumnFamilies().sort()) {
    const options = snapshot === undefined ? { columnFamily } : { columnFamily, snapshot };
    for (const [key, value] of db.entries(options)) {
      assert.deepEqual(db.get(key, options), value);
      content.set(`${columnFamily}/${textOf(key)}`, textOf(value));
    }
  }
  return content;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A cursor over the default family, in the midst of it. */
function halfway(db: Db): DbCursor {
  const cursor = db.cursor();
  cursor.seek('key 030');
  return cursor;
}

function expectCursor(cursor: DbCursor, count: number): void {
  const wanted = [...contentAfter(count)].filter(([key]) => key.startsWith('default/'));
  const found: [string, string][] = [];
  for (let on = cursor.first(); on; on = cursor.next()) {
    found.push([`default/${textOf(cursor.key())}`, textOf(cursor.value())]);
  }
  assert.deepEqual(found, wanted);
}

suite('a reader follows a writer through everything that it does', () => {
  for (const [seed, options] of COMBINATIONS.entries()) {
    test(stagesOf(options), async () => {
      const fs = new MemoryFs();
      const random = new SeededRandom(seed + 1);
      let db = await openCopied(fs, options);
      let writer = new NumberedWriter(db);
      writer.write(50);
      const reader = await openReader(fs, options);
      const snapshots: { snapshot: Snapshot; count: number }[] = [];
      const cursors: { cursor: DbCursor; count: number }[] = [];
      for (let step = 0; step < 60; step++) {
        writer.write(random.below(120));
        if (random.chance(0.3)) await db.flush();
        if (random.chance(0.2)) await db.compact();
        if (random.chance(0.1)) {
          await db.close();
          db = await openCopied(fs, options, SOURCE, { seed: 100 + step });
          writer = new NumberedWriter(db, writer.count);
        }
        if (random.chance(0.3)) continue;
        assert.equal(await reader.refresh(), writer.count);
        assert.equal(reader.seqno, writer.count);
        assert.deepEqual(contentOf(reader), contentAfter(writer.count));
        if (random.chance(0.4))
          snapshots.push({ snapshot: reader.snapshot(), count: writer.count });
        if (random.chance(0.4)) cursors.push({ cursor: halfway(reader), count: writer.count });
        for (const { snapshot, count } of snapshots) {
          assert.deepEqual(stateOf(reader, snapshot), contentAfter(count));
        }
        for (const { cursor, count } of cursors) expectCursor(cursor, count);
        if (random.chance(0.3)) snapshots.shift()?.snapshot.release();
        if (random.chance(0.3)) cursors.shift()?.cursor.close();
      }
      for (const { snapshot } of snapshots) snapshot.release();
      for (const { cursor } of cursors) cursor.close();
      assert.equal(reader.stats().cursorCount ?? 0, 0);
      await reader.close();
      await db.close();
    });
  }
});

test('what is new in the logs costs what is new, and nothing new costs a few calls', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(
    await openCopied(fs, { ...SMALL, writeBufferBytes: 8_000_000 }),
  );
  writer.write(3000);
  let opened = 0;
  let bytesRead = 0;
  const counted: Fs = hooked(fs, () => {});
  const open = counted.open.bind(counted);
  counted.open = (path, mode) => {
    opened++;
    const file = open(path, mode);
    const read = file.read.bind(file);
    file.read = (buf, off, length, position) => {
      const count = read(buf, off, length, position);
      bytesRead += count;
      return count;
    };
    return file;
  };
  const reader = await openReader(counted);
  opened = 0;
  bytesRead = 0;
  assert.equal(await reader.refresh(), 3000);
  assert.ok(bytesRead < 10_000, `${bytesRead} bytes were read for nothing`);
  assert.ok(opened <= 4, `${opened} files were opened`);
  writer.write(1);
  bytesRead = 0;
  assert.equal(await reader.refresh(), 3001);
  assert.ok(bytesRead < 12_000, `${bytesRead} bytes were read for one write`);
  assert.deepEqual(contentOf(reader), contentAfter(3001));
  await reader.close();
  await writer.db.close();
});

test('families that come and go are followed; what is left of one is refused', async () => {
  const fs = new MemoryFs();
  const db = await openCopied(fs);
  const reader = await openReader(fs);
  const snapshot = reader.snapshot();
  const made = db.createColumnFamily('made');
  db.put('k', 'v', { columnFamily: made });
  await reader.refresh();
  assert.deepEqual(reader.listColumnFamilies().sort(), ['default', 'made', 'other']);
  const handle = reader.columnFamily('made');
  assert.equal(textOf(reader.get('k', { columnFamily: handle })!), 'v');
  assert.equal(reader.get('k', { columnFamily: handle, snapshot }), undefined);
  const cursor = reader.cursor({ columnFamily: handle });
  db.dropColumnFamily('made');
  await reader.refresh();
  assert.deepEqual(reader.listColumnFamilies().sort(), ['default', 'other']);
  assert.throws(() => reader.get('k', { columnFamily: handle }), code('INVALID'));
  assert.ok(cursor.first());
  cursor.close();
  snapshot.release();
  await reader.close();
  await db.close();
});

test('a queue that is emptied and filled again hides nothing from cursors', async () => {
  const fs = new MemoryFs();
  const db = await openCopied(fs);
  const reader = await openReader(fs);
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 300; i++) db.put(`k${String(i).padStart(4, '0')}`, `${round}`);
    for (let i = 0; i < 290; i++) db.delete(`k${String(i).padStart(4, '0')}`);
    if (round % 2 === 1) await db.flush();
    await reader.refresh();
    // Twice: the first one remembers what it has passed.
    for (let i = 0; i < 2; i++) assert.equal([...reader.keys()].length, 10);
    db.put('k0200', 'back');
    // In the log, or in a table by now.
    if (round % 3 === 0) await db.flush();
    await reader.refresh();
    assert.equal(textOf([...reader.keys({ limit: 1 })][0]!), 'k0200');
  }
  await reader.close();
  await db.close();
});

test('what the writer still reads, a reader leaves where it is', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(await openCopied(fs));
  writer.write(300);
  // Nothing is under way: all files are tables of the database.
  await writer.db.compact();
  const reader = await openReader(fs);
  const cursor = halfway(writer.db);
  const other = writer.db.cursor({ columnFamily: 'other' });
  const names = fs.list(SOURCE).filter((name) => name.endsWith('.sst'));
  writer.write(300);
  await writer.db.compact();
  await reader.refresh();
  for (const name of names) assert.ok(fs.exists(`${SOURCE}/${name}`), name);
  expectCursor(cursor, 300);
  cursor.close();
  other.close();
  await reader.close();
  await writer.db.close();
});

suite('a refresh beside a writer that goes on at any call', () => {
  for (const wal of [true, false]) {
    test(wal ? 'with a WAL' : 'without', async () => {
      const options = { ...SMALL, wal };
      for (let at = 1; at < 90; at += 3) {
        const fs = new MemoryFs();
        const db = await openCopied(fs, options);
        const writer = new NumberedWriter(db);
        writer.write(200);
        await db.flush();
        let calls = 0;
        let isCounting = false;
        const act = () => {
          if (!isCounting || ++calls !== at) return;
          isCounting = false;
          // More than a write buffer: everything is flushed and merged in these calls.
          writer.write(500);
        };
        const reader = await openReader(hooked(fs, act), options);
        writer.write(100);
        isCounting = true;
        const seqno = await reader.refresh();
        assert.deepEqual(contentOf(reader), contentAfter(seqno), `at call ${at}`);
        isCounting = false;
        const newest = await reader.refresh();
        assert.deepEqual(contentOf(reader), contentAfter(newest));
        if (wal) assert.equal(newest, writer.count);
        await reader.close();
        await db.close();
      }
    });
  }
});

test('calls at the same time share the work, and a writer is new anyway', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(await openCopied(fs));
  const reader = await openReader(fs);
  writer.write(100);
  await writer.db.flush();
  assert.deepEqual(await Promise.all([reader.refresh(), reader.refresh()]), [100, 100]);
  assert.equal(await writer.db.refresh(), 100);
  await reader.close();
  await assert.rejects(reader.refresh(), code('CLOSED'));
  await writer.db.close();
  await assert.rejects(writer.db.refresh(), code('CLOSED'));
});

test('a reader that is closed while it refreshes says so and keeps no file', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(await openCopied(fs));
  writer.write(100);
  await writer.db.flush();
  for (let turns = 0; turns < 6; turns++) {
    let left = turns;
    let isBusy = false;
    let closing: Promise<void> | undefined;
    const options = { ...SMALL, readOnly: true };
    const reader: Db = await openCopied(fs, options, SOURCE, {
      turn: () => {
        if (isBusy && left-- === 0) closing = reader.close();
      },
    });
    writer.write(100);
    await writer.db.compact();
    isBusy = true;
    const refreshed = reader.refresh();
    if (turns === 0) closing = reader.close();
    await refreshed.catch((error: unknown) => assert.ok(code('CLOSED')(error)));
    await closing;
    await reader.close();
    for (const name of fs.list(SOURCE).filter((one) => one.endsWith('.sst'))) {
      assert.ok(fs.fileAt(`${SOURCE}/${name}`)!.handles <= 1, name);
    }
  }
  await writer.db.close();
});

test('what is damaged now leaves the reader with what it had', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(await openCopied(fs));
  writer.write(300);
  const reader = await openReader(fs);
  writer.write(100);
  await writer.db.flush();
  await writer.db.close();
  const current = fs.fileAt(`${SOURCE}/CURRENT`)!;
  const bytes = new Uint8Array(current.size);
  current.read(bytes, 0, bytes.length, 0);
  current.write(new Uint8Array(bytes.length), 0, bytes.length, 0);
  await assert.rejects(reader.refresh(), code('CORRUPTION'));
  assert.deepEqual(contentOf(reader), contentAfter(300));
  current.write(bytes, 0, bytes.length, 0);
  assert.equal(await reader.refresh(), 400);
  assert.deepEqual(contentOf(reader), contentAfter(400));
  await reader.close();
});

test('damage in the midst of what is new is no end of the log', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(await openCopied(fs));
  writer.write(50);
  const reader = await openReader(fs);
  const name = fs.list(SOURCE).find((one) => one.endsWith('.wal'))!;
  const file = fs.fileAt(`${SOURCE}/${name}`)!;
  const at = file.size + 100;
  writer.write(50);
  const byte = new Uint8Array(1);
  const flip = () => {
    file.read(byte, 0, 1, at);
    byte[0]! ^= 1;
    file.write(byte, 0, 1, at);
  };
  flip();
  await assert.rejects(reader.refresh(), code('CORRUPTION'));
  assert.deepEqual(contentOf(reader), contentAfter(50));
  flip();
  assert.equal(await reader.refresh(), 100);
  assert.deepEqual(contentOf(reader), contentAfter(100));
  await reader.close();
  await writer.db.close();
});

test('another database in the place of the first is STALE, and the reader stays', async () => {
  const fs = new MemoryFs();
  const writer = new NumberedWriter(await openCopied(fs, COMBINATIONS[2]));
  writer.write(300);
  await writer.db.flush();
  await writer.db.close();
  const reader = await openReader(fs, COMBINATIONS[2]);
  for (const name of fs.list(SOURCE)) fs.remove(`${SOURCE}/${name}`);
  const other = await openCopied(fs, COMBINATIONS[2], SOURCE, { seed: 77 });
  // More than the first had: it does not look like an older state.
  for (let i = 0; i < 400; i++) other.put(`k${i}`, 'of another one');
  await other.flush();
  await assert.rejects(reader.refresh(), code('STALE'));
  assert.deepEqual(contentOf(reader), contentAfter(300));
  await other.close();
  await reader.close();
});
