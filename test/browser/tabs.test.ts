/**
 * Tabs that share a database, in a simulated browser: who leads, what becomes of calls when that
 * tab goes, and that nobody writes beside it.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { portableCompression } from '../../src/compress/portable.ts';
import {
  mountOpfs,
  nobleCrypto,
  openDatabase,
  systemClock,
  systemHostLoop,
  systemRandom,
} from '../../src/core.ts';
import { isVarveError, type VarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { TabWorld, type WorldTab } from './tab-world.ts';

const SEEDS = 4;

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'nothing';
  } catch (error) {
    return isVarveError(error) ? (error as VarveError).code : (error as Error).name;
  }
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const wait = (left: number): void =>
      void (left === 0 ? resolve() : setImmediate(wait, left - 1));
    wait(count);
  });
}

async function joined(world: TabWorld, names: readonly string[]): Promise<WorldTab[]> {
  const tabs = names.map((name) => world.tab(name));
  await Promise.all(tabs.map((tab) => tab.join()));
  return tabs;
}

function leaderOf(tabs: readonly WorldTab[]): WorldTab {
  const leaders = tabs.filter((tab) => !tab.isDead && tab.isLeader);
  assert.equal(leaders.length, 1);
  return leaders[0]!;
}

/** How many pages have marks, which nobody has open. */
async function markCount(world: TabWorld): Promise<number> {
  const fs = await mountOpfs({ directory: 'app', platform: world.opfs });
  const db = await openDatabase(
    'db',
    { readOnly: true },
    {
      ...{ fs, clock: systemClock, random: systemRandom, hostLoop: systemHostLoop },
      ...{ compression: portableCompression, crypto: nobleCrypto },
    },
  );
  const keys = [...db.keys({ columnFamily: 'varve.tabs' })];
  await db.close();
  await fs.close();
  return keys.length;
}

/** Runs a test in worlds whose messages take different times. */
function inWorlds(name: string, run: (world: TabWorld) => Promise<void>): void {
  test(name, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await run(new TabWorld(seed, new MemoryFs()));
  });
}

inWorlds('tabs see what others write, whichever of them leads', async (world) => {
  const tabs = await joined(world, ['a', 'b', 'c']);
  leaderOf(tabs);
  for (const [i, { db }] of tabs.entries()) await db.put(`key${i}`, `value${i}`);
  for (const { db } of tabs) {
    assert.equal(text(await db.get('key1')), 'value1');
    const entries: string[] = [];
    for await (const [key, value] of db.entries()) entries.push(`${text(key)} ${text(value)}`);
    assert.deepEqual(entries, ['key0 value0', 'key1 value1', 'key2 value2']);
    assert.deepEqual(await db.listColumnFamilies(), ['default']);
    assert.equal(await codeOf(db.get('a', { columnFamily: 'varve.tabs' })), 'INVALID');
    const hidden = { type: 'delete', key: 'a', columnFamily: 'varve.tabs' } as const;
    assert.equal(await codeOf(db.write([hidden])), 'INVALID');
  }
  for (const { db } of tabs) await db.close();
});

inWorlds('a tab that leads and closes hands over, and nobody notices', async (world) => {
  const tabs = await joined(world, ['a', 'b', 'c']);
  const leader = leaderOf(tabs);
  const rest = tabs.filter((tab) => tab !== leader);
  await rest[0]!.db.put('a', '1');
  const writes = rest.map(({ db }, i) => db.put(`w${i}`, 'w', { sync: true }));
  await leader.db.close();
  assert.equal(await codeOf(leader.db.get('a')), 'CLOSED');
  await Promise.all(writes);
  for (const { db } of rest) assert.equal(text(await db.get('w1')), 'w');
  leaderOf(rest);
  for (const { db } of rest) await db.close();
});

inWorlds('a leader that is killed loses nothing, and its reads and writes go on', async (world) => {
  const tabs = await joined(world, ['a', 'b']);
  const leader = leaderOf(tabs);
  const other = tabs.find((tab) => tab !== leader)!;
  await leader.db.put('a', '1');
  const pending = [other.db.put('b', '2'), other.db.put('b', '3'), other.db.get('a')];
  await turns(world.random.below(12));
  leader.kill();
  await Promise.all(pending);
  assert.equal(text(await other.db.get('a')), '1');
  assert.equal(text(await other.db.get('b')), '3');
  assert.ok(other.isLeader);
  await other.db.close();
});

inWorlds(
  'a tab that is frozen with notice gives way, and comes back as a follower',
  async (world) => {
    const tabs = await joined(world, ['a', 'b']);
    const leader = leaderOf(tabs);
    const other = tabs.find((tab) => tab !== leader)!;
    const pending = leader.db.put('a', '1');
    leader.freeze(true);
    await other.db.put('b', '2');
    assert.ok(other.isLeader);
    leader.thaw();
    await pending;
    assert.ok(!leader.isLeader);
    assert.equal(text(await leader.db.get('b')), '2');
    assert.equal(text(await other.db.get('a')), '1');
    await leader.db.close();
    await other.db.close();
  },
);

inWorlds('a lock that is stolen makes no second writer: the files do not open', async (world) => {
  const [leader] = await joined(world, ['a']);
  await leader!.db.put('a', '1');
  leader!.freeze(false);
  world.locks.steal('varve-lead:app');
  world.locks.steal('varve-opfs:app');
  const other = world.tab('b');
  let isOpen = false;
  const opening = other.join().then(() => {
    isOpen = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(!isOpen);
  leader!.kill();
  await opening;
  assert.equal(text(await other.db.get('a')), '1');
  await other.db.close();
});

inWorlds('a worker that ends by itself is replaced', async (world) => {
  const tabs = await joined(world, ['a', 'b']);
  await tabs[0]!.db.put('a', '1');
  for (const tab of tabs) tab.killWorker();
  for (const { db } of tabs) assert.equal(text(await db.get('a')), '1');
  for (const { db } of tabs) await db.close();
});

inWorlds('a worker that ends again and again is given up', async (world) => {
  const [tab] = await joined(world, ['a']);
  const answer = codeOf(tab!.db.compact());
  let isAnswered = false;
  const ended = answer.then((code) => {
    isAnswered = true;
    assert.equal(code, 'IO');
  });
  while (!isAnswered) {
    if (tab!.hasOpened) tab!.killWorker();
    await turns(1);
  }
  await ended;
});

inWorlds(
  'iterators and snapshots go on with another leader, or say that they cannot',
  async (world) => {
    const tabs = await joined(world, ['a', 'b', 'c']);
    const leader = leaderOf(tabs);
    const [reader, writer] = tabs.filter((tab) => tab !== leader) as [WorldTab, WorldTab];
    const all = Array.from({ length: 2000 }, (_, n) => `key${String(n).padStart(5, '0')}`);
    const value = 'v'.repeat(300);
    await writer.db.write(all.map((key) => ({ type: 'put', key, value })));
    const snapshot = await reader.db.snapshot();
    const forward = reader.db.entries();
    const backward = reader.db.entries({ reverse: true, limit: 1500, snapshot });
    const seen: [string[], string[]] = [[], []];
    for (let i = 0; i < 10; i++) {
      seen[0].push(text((await forward.next()).value![0])!);
      seen[1].push(text((await backward.next()).value![0])!);
    }
    leader.kill();
    for await (const [key] of forward) seen[0].push(text(key)!);
    for await (const [key] of backward) seen[1].push(text(key)!);
    assert.deepEqual(seen[0], all);
    assert.deepEqual(seen[1], all.slice(500).reverse());
    assert.equal(text(await reader.db.get('key00001', { snapshot })), value);

    const late = reader.db.entries();
    await late.next();
    await writer.db.put('key00001', 'new');
    leaderOf([reader, writer]).killWorker();
    assert.equal(await codeOf(reader.db.get('key00001', { snapshot })), 'STALE');
    await snapshot.release();
    assert.equal(await codeOf(reader.db.get('key00001', { snapshot })), 'CLOSED');
    const drain = async (): Promise<void> => {
      for await (const [key] of late) assert.ok(key);
    };
    assert.equal(await codeOf(drain()), 'STALE');
    for (const { db } of [reader, writer]) await db.close();
  },
);

for (const isTold of [false, true]) {
  const how = isTold ? 'with notice' : 'without notice';
  inWorlds(
    `a write that was done and not answered is not done again: frozen ${how}`,
    async (world) => {
      const [leader] = await joined(world, ['a']);
      const [other] = await joined(world, ['b']);
      // The last in the row: who is frozen without notice and comes to lead holds all others up.
      const [late] = await joined(world, ['c']);
      await late!.db.put('x', 'first');
      const refused = codeOf(late!.db.put('x', 'refused', { columnFamily: 'none' }));
      const pending = late!.db.put('x', 'late');
      await Promise.resolve();
      late!.freeze(false);
      while (text(await leader!.db.get('x')) !== 'late') await turns(1);
      if (isTold) {
        late!.thaw();
        late!.freeze(true);
      }
      leader!.kill();
      await other!.db.put('x', 'other');
      // The mark has to last when others come and go.
      if (isTold) other!.killWorker();
      await other!.db.put('y', 'other');
      late!.thaw();
      await pending;
      assert.notEqual(await refused, 'nothing');
      assert.equal(text(await late!.db.get('x')), 'other');
      await late!.db.close();
      await other!.db.close();
    },
  );
}

inWorlds('writes that come together are one batch, and each has its own answer', async (world) => {
  const [{ db }] = (await joined(world, ['a'])) as [WorldTab];
  const seqnos = await Promise.all([db.put('a', '1'), db.write([]), db.put('b', '2')]);
  // The first one is that of the mark.
  assert.deepEqual(seqnos, [2, 2, 3]);
  assert.equal((await db.snapshot()).seqno, 3);
  const large = new Uint8Array(600_000);
  const codes = await Promise.all([
    ...[db.put('large', large), db.put('large', large), db.put('a', '3')].map(codeOf),
    ...[db.put('x'.repeat(70_000), ''), db.put('b', 7 as never), db.put('c', '3')].map(codeOf),
    codeOf(db.write(7 as never)),
  ]);
  const [fine, long, wrong] = ['nothing', 'RangeError', 'TypeError'];
  assert.deepEqual(codes, [fine, fine, fine, long, wrong, fine, wrong]);
  assert.deepEqual((await db.getMany(['a', 'b', 'c'])).map(text), ['3', '2', '3']);
  await db.close();
});

inWorlds('what a leader says that is gone, and says late, does no harm', async (world) => {
  const tabs = await joined(world, ['a', 'b', 'c']);
  const ghost = world.channel(tabs[0]!.page, 'varve-tabs:app');
  for (const { db } of tabs) {
    ghost.postMessage({ kind: 'leader', leader: 'gone', version: 1 });
    await turns(world.random.below(8));
    await db.put('a', '1');
  }
  for (const { db } of tabs) await db.close();
});

inWorlds('a tab of another version is told so', async (world) => {
  const tab = world.tab('a');
  tab.freeze(false);
  const other = world.tab('b');
  const ghost = world.channel(tab.page, 'varve-tabs:app');
  world.locks
    .of(tab.page)
    .request('varve-lead:app', {}, () => new Promise(() => {}))
    .catch(() => {});
  const opening = codeOf(other.join());
  for (let i = 0; i < 20; i++) {
    ghost.postMessage({ kind: 'leader', leader: 'other', version: 0 });
    await turns(1);
  }
  assert.equal(await opening, 'UNSUPPORTED');
});

inWorlds('the mark of a page goes after the page', async (world) => {
  const tabs = await joined(world, ['a', 'b', 'c']);
  for (const { db } of tabs) await db.put('x', 'value');
  const leader = leaderOf(tabs);
  const rest = tabs.filter((tab) => tab !== leader);
  leader.kill();
  await rest[0]!.db.close();
  await turns(20);
  await rest[1]!.db.put('x', 'value');
  await rest[1]!.db.close();
  assert.equal(await markCount(world), 1);
});

inWorlds('what cannot be known says so', async (world) => {
  const tabs = await joined(world, ['a', 'b']);
  const leader = leaderOf(tabs);
  const other = tabs.find((tab) => tab !== leader)!;
  await other.db.put('a', '1');
  const answer = codeOf(other.db.createColumnFamily('new'));
  await Promise.resolve();
  leader.kill();
  assert.equal(await answer, 'UNKNOWN');
  await other.db.close();
});

inWorlds('who does not share keeps others out, and is kept out', async (world) => {
  const alone = world.tab('a', { isShared: false });
  await alone.join();
  assert.equal(await codeOf(world.tab('b').join()), 'LOCKED');
  assert.equal(await codeOf(world.tab('c', { isShared: false }).join()), 'LOCKED');
  await alone.db.close();
  const shared = world.tab('d');
  await shared.join();
  assert.equal(await codeOf(world.tab('e', { isShared: false }).join()), 'LOCKED');
  await shared.db.close();
});
