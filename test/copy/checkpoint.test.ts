/**
 * Checkpoints: whole databases of their own, as of one write, while writes go on.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { Fs } from '../../src/fs/port.ts';
import { code } from '../db/helpers.ts';
import {
  COMBINATIONS,
  contentAfter,
  contentOf,
  expectState,
  NumberedWriter,
  openCopied,
  SMALL,
  SOURCE,
  stagesOf,
} from './copy-fixture.ts';

const COPY = 'copies/one';

/** A database with tables in several levels and a log with records. */
async function filled(
  fs: Fs,
  options = SMALL,
  turn: () => void | Promise<void> = () => {},
): Promise<NumberedWriter> {
  const db = await openCopied(fs, options, SOURCE, { turn });
  const writer = new NumberedWriter(db);
  writer.write(300);
  await db.flush();
  writer.write(200);
  await db.compact();
  writer.write(150);
  await db.flush();
  writer.write(40);
  return writer;
}

/** A file system without hard links. */
function unlinkable(inner: MemoryFs): Fs {
  const capabilities = { ...inner.capabilities, hardLinks: false };
  return new Proxy(inner, {
    get: (target, name) => {
      if (name === 'capabilities') return capabilities;
      const member = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

suite('a checkpoint is the state after one write, while others go on', () => {
  for (const options of COMBINATIONS) {
    test(`${stagesOf(options)}`, async () => {
      const fs = new MemoryFs();
      let writer: NumberedWriter | undefined;
      let isBusy = false;
      const turn = async () => {
        if (!isBusy || writer === undefined) return;
        isBusy = false;
        writer.write(100);
        // Tables of the checkpoint are merged away before it has come to them.
        await writer.db.compact();
        isBusy = true;
      };
      writer = await filled(fs, options, turn);
      isBusy = true;
      const { seqno, ...report } = await writer.db.checkpoint(COPY);
      assert.ok(writer.count > seqno, 'writes went on meanwhile');
      assert.equal(report.fileCount, fs.list(COPY).filter((name) => name !== 'LOCK').length);
      assert.ok(report.linkedCount > 0 && report.bytesCopied > 0);
      isBusy = false;
      await writer.db.compact();
      await expectState(fs, COPY, options, seqno);
      assert.deepEqual(contentOf(writer.db), contentAfter(writer.count));
      await writer.db.close();
      await expectState(fs, SOURCE, options, writer.count);
    });
  }
});

test('what is done to the original or the checkpoint does not reach the other', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const { seqno, linkedCount } = await writer.db.checkpoint(COPY);
  const tables = fs.list(COPY).filter((name) => name.endsWith('.sst'));
  assert.equal(tables.length, linkedCount);
  for (const name of tables) assert.equal(fs.fileAt(`${COPY}/${name}`)!.names, 2);
  for (const name of fs.list(COPY).filter((one) => !one.endsWith('.sst') && one !== 'LOCK')) {
    assert.equal(fs.fileAt(`${COPY}/${name}`)!.names, 1, name);
  }
  const other = await openCopied(fs, SMALL, COPY, { seed: 2 });
  assert.deepEqual(contentOf(other), contentAfter(seqno));
  const copy = new NumberedWriter(other, seqno);
  for (let i = 0; i < 4; i++) {
    writer.write(300);
    copy.write(200);
    await writer.db.compact();
    await other.compact();
  }
  await other.close();
  await writer.db.close();
  await expectState(fs, SOURCE, SMALL, writer.count);
  await expectState(fs, COPY, SMALL, copy.count);
});

test('where there are no hard links, tables are copied', async () => {
  const fs = new MemoryFs();
  const writer = await filled(unlinkable(fs));
  const { seqno, linkedCount, bytesCopied } = await writer.db.checkpoint(COPY);
  assert.equal(linkedCount, 0);
  assert.ok(bytesCopied > writer.db.stats().tableBytes);
  await writer.db.close();
  await expectState(fs, COPY, SMALL, seqno);
});

test('without a WAL a checkpoint holds what is flushed, all of the call and before', async () => {
  const fs = new MemoryFs();
  const options = { ...SMALL, wal: false };
  const writer = await filled(fs, options);
  const { seqno } = await writer.db.checkpoint(COPY);
  assert.equal(seqno, writer.count);
  writer.write(10);
  await writer.db.close();
  await expectState(fs, COPY, options, seqno);
});

test('a database that was just opened, or is new, has checkpoints too', async () => {
  const fs = new MemoryFs();
  const empty = await openCopied(fs, SMALL, 'empty');
  assert.equal((await empty.checkpoint('copies/empty')).seqno, 0);
  await empty.close();
  await expectState(fs, 'copies/empty', SMALL, 0);
  const writer = await filled(fs);
  await writer.db.close();
  const db = await openCopied(fs);
  assert.equal((await db.checkpoint(COPY)).seqno, writer.count);
  db.put('begins', 'a log and a manifest');
  await db.close();
  await expectState(fs, COPY, SMALL, writer.count);
});

test('a checkpoint can be made of a checkpoint that went on', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  let { count } = writer;
  await writer.db.checkpoint('copies/0');
  await writer.db.close();
  for (let i = 0; i < 4; i++) {
    const db = await openCopied(fs, SMALL, `copies/${i}`, { seed: 10 + i });
    const copy = new NumberedWriter(db, count);
    copy.write(100);
    const { seqno } = await db.checkpoint(`copies/${i + 1}`);
    assert.equal(seqno, copy.count);
    count = copy.count;
    await db.close();
    await expectState(fs, `copies/${i + 1}`, SMALL, count);
  }
});

test('a reader makes a checkpoint of the newest state beside a writer', async () => {
  const fs = new MemoryFs();
  const writer = await filled(fs);
  const reader = await openCopied(fs, { ...SMALL, readOnly: true }, SOURCE, {
    turn: () => writer.write(30),
  });
  const seen = contentOf(reader);
  writer.write(500);
  await writer.db.compact();
  const before = writer.count;
  const { seqno } = await reader.checkpoint(COPY);
  assert.ok(seqno >= before && seqno <= writer.count, `${seqno}`);
  assert.deepEqual(contentOf(reader), seen);
  await reader.close();
  await writer.db.close();
  await expectState(fs, COPY, SMALL, seqno);
});

for (const who of ['the writer', 'a reader'] as const) {
  test(`a log with room ahead of its records counts up to them, for ${who}`, async () => {
    const fs = new MemoryFs();
    let isBusy = false;
    let count = 0;
    const writeSynced = () => db.put(`k${count}`, `${++count}`, { sync: true });
    const turn = () => {
      for (let i = 0; isBusy && i < 5; i++) writeSynced();
    };
    const db: Db = await openCopied(fs, SMALL, SOURCE, { turn });
    // Enough for zeros ahead: from here on the file does not grow.
    for (let i = 0; i < 40; i++) writeSynced();
    const options = { ...SMALL, readOnly: true };
    const reader = await openCopied(fs, options, SOURCE, { seed: 3, turn });
    isBusy = true;
    const { seqno } = await (who === 'a reader' ? reader : db).checkpoint(COPY);
    isBusy = false;
    assert.ok(count > seqno);
    await reader.close();
    await db.close();
    const copy = await openCopied(fs, SMALL, COPY, { seed: 2 });
    assert.equal(copy.seqno, seqno);
    assert.equal([...copy.keys()].length, seqno);
    await copy.close();
  });
}

/** Calls a hook before each call. */
function hooked(inner: MemoryFs, hook: () => void): Fs {
  return new Proxy(inner, {
    get: (target, name) => {
      const member = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        hook();
        return member.apply(target, args);
      };
    },
  });
}

for (const burst of [1, 40, 600]) {
  test(`a reader's checkpoint beside a writer that writes ${burst} at any call`, async () => {
    for (let at = 1; at < 60; at += burst === 1 ? 5 : 2) {
      const fs = new MemoryFs();
      const writer = await filled(fs);
      // Logs that stay: another family needs them.
      for (let i = 0; i < 3; i++) {
        await writer.db.flush({ columnFamily: 'default' });
        writer.write(4);
      }
      let calls = 0;
      let isCounting = false;
      const act = () => {
        if (!isCounting || ++calls !== at) return;
        isCounting = false;
        writer.write(burst);
        // Begins a log, of which the one before says so.
        void writer.db.flush({ columnFamily: 'default' });
        writer.write(burst);
      };
      const options = { ...SMALL, readOnly: true };
      const reader = await openCopied(hooked(fs, act), options);
      isCounting = true;
      const { seqno } = await reader.checkpoint(COPY);
      await reader.close();
      await writer.db.close();
      await expectState(fs, COPY, SMALL, seqno);
    }
  });
}

suite('a checkpoint is refused', () => {
  test('where there is a database, or anything else', async () => {
    const fs = new MemoryFs();
    const { db } = await filled(fs);
    await db.checkpoint(COPY);
    await assert.rejects(db.checkpoint(COPY), code('INVALID'));
    await assert.rejects(db.checkpoint(SOURCE), code('INVALID'));
    fs.createDirectory('used');
    fs.open('used/notes.txt', 'create').close();
    await assert.rejects(db.checkpoint('used'), code('INVALID'));
    assert.deepEqual(fs.list('used'), ['notes.txt']);
    fs.createDirectory('harmless');
    fs.open('harmless/.DS_Store', 'create').close();
    await db.checkpoint('harmless');
    await db.close();
  });

  test('for wrong arguments', async () => {
    const { db } = await filled(new MemoryFs());
    for (const bad of ['', 3, undefined, null]) {
      await assert.rejects(db.checkpoint(bad as string), TypeError);
    }
    for (const bad of [{ singal: 1 }, { signal: true }, { onProgress: 'x' }, 7]) {
      await assert.rejects(db.checkpoint(COPY, bad as never), TypeError);
    }
    await db.close();
    await assert.rejects(db.checkpoint(COPY), code('CLOSED'));
  });

  test('while another one fills the directory', async () => {
    const fs = new MemoryFs();
    const { db } = await filled(fs);
    const [first, second] = await Promise.allSettled([db.checkpoint(COPY), db.checkpoint(COPY)]);
    const failed = [first, second].find(({ status }) => status === 'rejected');
    assert.ok(failed?.status === 'rejected' && code('LOCKED')(failed.reason));
    await db.close();
    await expectState(fs, COPY, SMALL, 690);
  });
});

/** Lets work begin, and does something in the given turn of the host. */
async function inTurn(
  at: number,
  act: (db: Db) => void,
): Promise<{ fs: MemoryFs; made: Promise<unknown>; db: Db }> {
  const fs = new MemoryFs();
  let turns = 0;
  let db: Db | undefined;
  let isBusy = false;
  const turn = () => {
    if (isBusy && ++turns === at) act(db!);
  };
  ({ db } = await filled(fs, SMALL, turn));
  isBusy = true;
  return { fs, made: db.checkpoint(COPY, { signal: stop.signal }), db };
}

let stop = new AbortController();

test('an aborted checkpoint leaves nothing', async () => {
  for (const at of [1, 2, 3]) {
    stop = new AbortController();
    const { fs, made, db } = await inTurn(at, () => stop.abort(new Error('enough')));
    await assert.rejects(made, /enough/);
    assert.deepEqual(
      fs.list(COPY).filter((name) => name !== 'LOCK'),
      [],
    );
    await db.checkpoint(COPY);
    await db.close();
  }
  stop = new AbortController();
});

test('a checkpoint ends when its database is closed', async () => {
  let closing: Promise<void> | undefined;
  const { fs, made } = await inTurn(2, (db) => {
    closing = db.close();
  });
  await assert.rejects(made, code('CLOSED'));
  await closing;
  await assert.rejects(openCopied(fs, { ...SMALL, createIfMissing: false }, COPY), code('INVALID'));
  await expectState(fs, SOURCE, SMALL, 690);
});

test('progress goes up to the size of all files', async () => {
  const { db } = await filled(new MemoryFs());
  const told: [number, number][] = [];
  await db.checkpoint(COPY, { onProgress: (done, total) => told.push([done, total]) });
  const totals = new Set(told.map(([, total]) => total));
  assert.equal(totals.size, 1);
  const done = told.map(([bytes]) => bytes);
  assert.deepEqual(
    done,
    [...done].sort((a, b) => a - b),
  );
  assert.ok(done.at(-1)! <= [...totals][0]! && done.at(-1)! >= db.stats().tableBytes);
  await db.close();
});
