/**
 * `db.watch`: what is told of committed batches, in which order, and when it ends.
 * @module
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { Watch } from '../../src/db/watch.ts';
import type { WatchEvent } from '../../src/db/watch-events.ts';
import type { WatchRange } from '../../src/db/watch-ranges.ts';
import { WriteBatch } from '../../src/db/write-batch.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { collectUntil } from './garbage.ts';
import { code, openMemory, PATH, text } from './helpers.ts';

/** An event in a line: `2: put a, delete users/b`. */
function line(event: WatchEvent): string {
  if (event.type === 'missed') return `missed ${event.seqno}`;
  if (event.type === 'dropped') return `${event.seqno}: dropped ${event.columnFamily}`;
  const operations = event.operations.map(({ type, key, columnFamily, seqno }) => {
    const family = columnFamily === 'default' ? '' : `${columnFamily}/`;
    return `${type} ${family}${text(key)}@${seqno}`;
  });
  return `${event.seqno}: ${operations.join(', ')}`;
}

/** What is told until the watch ends. */
async function all(watch: Watch): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of watch) lines.push(line(event));
  return lines;
}

async function nextLine(watch: Watch): Promise<string> {
  const { value } = await watch.next();
  return value === undefined ? 'end' : line(value);
}

/** What is told of some writes. */
async function told(
  ranges: WatchRange | readonly WatchRange[] | undefined,
  write: (db: Db) => void,
): Promise<string[]> {
  const db = await openMemory({ columnFamilies: ['users'], workers: 0 });
  const watch = db.watch(ranges);
  write(db);
  await db.close();
  return all(watch);
}

suite('a watch tells', () => {
  test('each batch, with its keys, kinds and seqnos, in order', async () => {
    const lines = await told(undefined, (db) => {
      db.put('a', 'one');
      db.write(new WriteBatch().put('b', '').delete('a').put('b', 'again'));
      db.delete('nothing');
    });
    assert.deepEqual(lines, [
      '1: put a@1',
      '4: put b@2, delete a@3, put b@4',
      '5: delete nothing@5',
    ]);
  });

  test('what falls into its ranges, once, and nothing of other batches', async () => {
    const ranges = [
      { prefix: 'user:' },
      { gt: 'user:1', lte: 'x' },
      { columnFamily: 'users', gte: 'b', lt: 'd' },
    ];
    const lines = await told(ranges, (db) => {
      db.put('a', '');
      db.write(new WriteBatch().put('user:1', '').put('y', '').put('user:2', '').put('x', ''));
      for (const key of ['a', 'b', 'c', 'd']) db.put(key, '', { columnFamily: 'users' });
    });
    assert.deepEqual(lines, [
      '5: put user:1@2, put user:2@4, put x@5',
      '7: put users/b@7',
      '8: put users/c@8',
    ]);
  });

  test('of asynchronous writes, and of those without a log or with checksums', async () => {
    for (const options of [{}, { wal: false }, { entryChecksums: true }]) {
      const db = await openMemory({ ...options, workers: 0 });
      const watch = db.watch();
      await db.writeAsync(new WriteBatch().put('a', '').delete('b'));
      assert.equal(await nextLine(watch), '2: put a@1, delete b@2');
      await db.close();
    }
  });

  test('what is committed after the call, also before the first step', async () => {
    const db = await openMemory({ workers: 0 });
    db.put('before', '');
    const watch = db.watch();
    const keys = [...db.keys()].map(text);
    db.put('after', '');
    assert.deepEqual(keys, ['before']);
    assert.equal(await nextLine(watch), '2: put after@2');
    await db.close();
  });

  test('several steps that wait, in their order', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch();
    const steps = [nextLine(watch), nextLine(watch), nextLine(watch)];
    db.put('a', '');
    await db.sync();
    db.put('b', '');
    await db.close();
    assert.deepEqual(await Promise.all(steps), ['1: put a@1', '2: put b@2', 'end']);
  });

  test('keys that stay as they are when the database goes on', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch();
    const key = new TextEncoder().encode('key');
    db.put(key, '');
    key.fill(0);
    const { value } = await watch.next();
    for (let i = 0; i < 100; i++) db.put(`other${i}`, '');
    await watch.next();
    assert.equal(line(value!), '1: put key@1');
    await db.close();
  });

  test('nothing of a write that failed', async () => {
    const fs = new FaultFs(new MemoryFs());
    const db = await open(PATH, { fs });
    db.put('a', '');
    const watch = db.watch();
    fs.addRule({ operation: 'write', path: (path) => path.endsWith('.wal'), times: 1 });
    assert.throws(() => db.put('b', ''), code('IO'));
    await db.resume();
    db.put('c', '');
    await db.close();
    assert.deepEqual(await all(watch), ['2: put c@2']);
  });
});

suite('a consumer that does not keep up', () => {
  test('is told once that it missed something, and everything that comes later', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch({}, { bufferBytes: 1024 });
    for (let i = 0; i < 1000; i++) db.put(`k${i}`, '');
    assert.equal(await nextLine(watch), 'missed 1000');
    db.put('later', '');
    db.put('latest', '');
    assert.equal(await nextLine(watch), '1001: put later@1001');
    assert.equal(await nextLine(watch), '1002: put latest@1002');
    await db.close();
  });

  test('is told so of a batch that is too much alone, and never gets a part of one', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch({}, { bufferBytes: 1024 });
    const batch = new WriteBatch();
    for (let i = 0; i < 100; i++) batch.put(`k${i}`, '');
    const step = nextLine(watch);
    db.write(batch);
    assert.equal(await step, 'missed 100');
    await db.close();
    assert.equal(await nextLine(watch), 'end');
  });

  test('gets what it has begun with first', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch({}, { bufferBytes: 1024 });
    db.put('a', '');
    db.put('b', '');
    assert.equal(await nextLine(watch), '1: put a@1');
    for (let i = 0; i < 100; i++) db.put('more', '');
    assert.equal(await nextLine(watch), '2: put b@2');
    assert.equal(await nextLine(watch), 'missed 102');
    await db.close();
  });

  test('still hears of dropped families', async () => {
    const db = await openMemory({ columnFamilies: ['users'], workers: 0 });
    const watch = db.watch([{}, { columnFamily: 'users' }], { bufferBytes: 1024 });
    db.dropColumnFamily('users');
    for (let i = 0; i < 100; i++) db.put('more', '');
    await db.close();
    assert.deepEqual(await all(watch), ['missed 100', '0: dropped users']);
  });
});

suite('a watch ends', () => {
  test('with the database, after what was committed', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch();
    const other = db.watch();
    const waiting = other.next();
    await db.close();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
    assert.throws(() => db.watch(), code('CLOSED'));
  });

  test('with the last of its families', async () => {
    const db = await openMemory({ columnFamilies: ['users', 'more'], workers: 0 });
    const watch = db.watch([{ columnFamily: 'users' }, { columnFamily: 'more' }]);
    db.put('a', '', { columnFamily: 'users' });
    db.dropColumnFamily('users');
    db.createColumnFamily('users');
    db.put('b', '', { columnFamily: 'users' });
    db.put('c', '', { columnFamily: 'more' });
    db.dropColumnFamily('more');
    assert.equal(db.stats().watchCount, 0);
    const lines = await all(watch);
    assert.deepEqual(lines, [
      '1: put users/a@1',
      '1: dropped users',
      '3: put more/c@3',
      '3: dropped more',
    ]);
    await db.close();
  });

  test('with a loop that is left, and with close', async () => {
    const db = await openMemory({ workers: 0 });
    const watch = db.watch();
    db.put('a', '');
    db.put('b', '');
    for await (const event of watch) {
      assert.equal(line(event), '1: put a@1');
      break;
    }
    assert.equal(db.stats().watchCount, 0);
    assert.equal(await nextLine(watch), 'end');
    const other = db.watch();
    const step = nextLine(other);
    other.close();
    other.close();
    assert.equal(await step, 'end');
    await db.close();
  });

  test('with its signal, whose reason the step throws', async () => {
    const db = await openMemory({ workers: 0 });
    const controller = new AbortController();
    const watch = db.watch({}, { signal: controller.signal });
    db.put('a', '');
    assert.equal(await nextLine(watch), '1: put a@1');
    const step = watch.next();
    controller.abort(new RangeError('enough'));
    await assert.rejects(step, RangeError);
    assert.equal(await nextLine(watch), 'end');
    assert.equal(db.stats().watchCount, 0);
    const late = db.watch({}, { signal: controller.signal });
    await assert.rejects(late.next(), RangeError);
    await db.close();
  });

  test('when nobody has it any more, which is told', async () => {
    const events: DbEvent[] = [];
    const onEvent = (event: DbEvent): void => void (event.type === 'dropped' && events.push(event));
    const db = await openMemory({ onEvent, workers: 0 });
    const signal = new AbortController().signal;
    void db.watch({}, { signal });
    db.put('a', '');
    await collectUntil(() => db.stats().watchCount === 0);
    await db.sync();
    assert.deepEqual(events, [{ type: 'dropped', what: 'watch', seqno: 1 }]);
    await db.close();
  });
});

test('what is no range and no option is refused', async () => {
  const db = await openMemory({ workers: 0 });
  const wrong: [unknown, unknown, object][] = [
    [7, {}, TypeError],
    [{ gte: 7 }, {}, TypeError],
    [{ reverse: true }, {}, TypeError],
    [[{ prefix: 'a' }, null], {}, TypeError],
    [{}, { signal: { aborted: false } }, TypeError],
    [{}, { bufferBytes: '1' }, TypeError],
    [{}, { bufferBytes: 1023 }, RangeError],
    [{}, { bufferBytes: 2 ** 30 + 1 }, RangeError],
    [{}, { unknown: 1 }, TypeError],
    [[], {}, RangeError],
    [{ prefix: 'k'.repeat(70_000) }, {}, RangeError],
  ];
  for (const [ranges, options, error] of wrong) {
    assert.throws(() => db.watch(ranges as never, options as never), error as never);
  }
  assert.throws(() => db.watch({ columnFamily: 'none' }), code('INVALID'));
  assert.equal(db.stats().watchCount, 0);
  await db.close();
});

suite('a watch of a reader, when it refreshes, tells', () => {
  test('the batches that it reads on in the logs', async () => {
    const fs = new MemoryFs();
    const db = await open(PATH, { fs });
    db.put('a', '');
    await db.sync();
    const reader = await open(PATH, { fs, readOnly: true });
    const watch = reader.watch({ lt: 'd' });
    db.write(new WriteBatch().put('b', '').put('d', ''));
    db.delete('a');
    await reader.refresh();
    assert.equal(await nextLine(watch), '3: put b@2');
    assert.equal(await nextLine(watch), '4: delete a@4');
    await reader.close();
    await db.close();
  });

  test('a gap where it goes over to new tables, and only if there is something new', async () => {
    const fs = new MemoryFs();
    const db = await open(PATH, { fs, columnFamilies: ['users'] });
    db.put('a', '');
    await db.sync();
    const reader = await open(PATH, { fs, readOnly: true });
    const watch = reader.watch([{}, { columnFamily: 'users' }]);
    await db.flush();
    await reader.refresh();
    db.put('b', '');
    await db.flush();
    await reader.refresh();
    assert.equal(await nextLine(watch), 'missed 2');
    db.dropColumnFamily('users');
    await reader.refresh();
    assert.equal(await nextLine(watch), '2: dropped users');
    await reader.close();
    assert.equal(await nextLine(watch), 'end');
    await db.close();
  });
});
