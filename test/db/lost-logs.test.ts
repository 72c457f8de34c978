/** A log is lost as a whole, another one stands under its name, or a byte of it has changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Db } from '../../src/db/database.ts';
import type { DbEvent } from '../../src/db/events.ts';
import type { DbOptions } from '../../src/db/options.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { bytesOf, setBytes } from '../pipeline/world.ts';
import { code, PATH, text } from './helpers.ts';

const FAMILIES = ['a', 'b', 'c'];
const OPTIONS: DbOptions = { workers: 0, columnFamilies: FAMILIES };
const KEYS: Record<number, Uint8Array> = { 1: new Uint8Array(32).fill(1), 2: new Uint8Array(32) };

function encryption(epoch: number): DbOptions {
  return { encryption: { suite: 'aes-256-gcm', epoch, keys: KEYS } };
}

const WAYS: Record<string, DbOptions> = {
  'in the clear': {},
  'with a code': { ecc: { scheme: 'reed-solomon', data: 4, parity: 2 } },
  encrypted: encryption(1),
};

function put(db: Db, key: string, value = 'v', sync = true): void {
  db.put(key, value, { columnFamily: key[0]!, sync });
}

function logsOf(fs: MemoryFs): string[] {
  return fs
    .list(PATH)
    .filter((name) => name.endsWith('.wal'))
    .sort();
}

/** What a process left that died: two logs that are both needed, and keys that were synced. */
async function twoNamed(options: DbOptions): Promise<{ fs: MemoryFs; keys: string[] }> {
  const fs = new MemoryFs();
  const db = await open(PATH, { ...OPTIONS, ...options, fs });
  put(db, 'a1');
  put(db, 'b1');
  await db.flush({ columnFamily: 'b' });
  put(db, 'a2');
  put(db, 'b2');
  return { fs: fs.clone(), keys: ['a1', 'b1', 'a2', 'b2'] };
}

/** As {@link twoNamed}, with a third log that only the second one names. */
async function threeLogs(options: DbOptions): Promise<{ fs: MemoryFs; keys: string[] }> {
  const fs = new MemoryFs();
  const db = await open(PATH, { ...OPTIONS, ...options, fs });
  put(db, 'a1');
  put(db, 'b1');
  await db.flush({ columnFamily: 'b' });
  put(db, 'a2', 'v', false);
  put(db, 'c1', 'v', false);
  await db.pauseBackgroundWork();
  db.flush({ columnFamily: 'c' }).catch(() => {});
  put(db, 'a3', 'v', false);
  await db.sync();
  return { fs: fs.clone(), keys: ['a1', 'b1', 'a2', 'c1', 'a3'] };
}

const LOSSES: Record<string, (fs: MemoryFs, log: string) => void> = {
  'is gone': (fs, log) => fs.remove(`${PATH}/${log}`),
  'is empty': (fs, log) => setBytes(fs, log, new Uint8Array(0)),
  'has half of its header': (fs, log) => setBytes(fs, log, bytesOf(fs, log).slice(0, 100)),
};

for (const [way, stages] of Object.entries(WAYS)) {
  for (const [loss, lose] of Object.entries(LOSSES)) {
    test(`a log that ${loss} is damage in strict modes, told in others: ${way}`, async () => {
      for (const make of [twoNamed, threeLogs]) {
        const { fs: whole, keys } = await make(stages);
        const logs = logsOf(whole);
        assert.equal(logs.length, make === twoNamed ? 2 : 3);
        for (const log of logs) {
          const fs = whole.clone();
          lose(fs, log);
          for (const walRecovery of ['absolute', 'tolerate-tail'] as const) {
            const options = { ...OPTIONS, ...stages, fs, walRecovery };
            await assert.rejects(open(PATH, options), code('CORRUPTION'));
            await assert.rejects(open(PATH, { ...options, readOnly: true }), code('CORRUPTION'));
          }
          assert.deepEqual(
            logsOf(fs),
            logs.filter((name) => name !== log || loss !== 'is gone'),
            'nothing was removed',
          );
          for (const walRecovery of ['point-in-time', 'skip'] as const) {
            const events: DbEvent[] = [];
            const onEvent = (event: DbEvent) => events.push(event);
            const options = { ...OPTIONS, ...stages, fs: fs.clone(), walRecovery, onEvent };
            const db = await open(PATH, options);
            const { dropped } = db.stats().recovery;
            assert.ok(dropped.some(({ file }) => file === `${PATH}/${log}`));
            assert.deepEqual(
              events.filter(({ type }) => type === 'recovery-dropped'),
              [{ type: 'recovery-dropped', dropped }],
            );
            const left = keys.filter((key) => db.has(key, { columnFamily: key[0]! }));
            assert.ok(left.length < keys.length);
            // What a later log holds is lost to a prefix, and only to that.
            if (walRecovery === 'skip' && log === logs[0]) assert.ok(left.length > 1);
            await db.close();
          }
        }
      }
    });
  }

  test(`a log of a copy that went on is damage: ${way}`, async () => {
    const base = new MemoryFs();
    await (await open(PATH, { ...OPTIONS, ...stages, fs: base })).close();
    const [ours, theirs] = await Promise.all(
      ['alice', 'mallory'].map(async (who) => {
        const fs = base.clone();
        const db = await open(PATH, { ...OPTIONS, ...stages, fs });
        put(db, 'a paid', who);
        return fs.clone();
      }),
    );
    const log = logsOf(ours!).at(-1);
    setBytes(ours!, log!, bytesOf(theirs!, log!));
    const options = { ...OPTIONS, ...stages, fs: ours! };
    await assert.rejects(open(PATH, options), code('CORRUPTION'));
    const db = await open(PATH, { ...options, walRecovery: 'skip' });
    assert.equal(db.get('a paid', { columnFamily: 'a' }), undefined);
    await db.close();
  });
}

test('a log under a retired key is damage', async () => {
  const live = new MemoryFs();
  const first = await open(PATH, { ...OPTIONS, ...encryption(1), fs: live });
  // As a process that died leaves it: then each key begins the same files.
  const base = live.clone();
  await first.close();
  const at = async (epoch: number, value: string) => {
    const fs = base.clone();
    put(await open(PATH, { ...OPTIONS, ...encryption(epoch), fs }), 'a balance', value);
    return fs.clone();
  };
  const ours = await at(2, '100');
  const theirs = await at(1, '999999');
  const [log] = logsOf(ours);
  assert.deepEqual(logsOf(theirs), [log]);
  const own = bytesOf(ours, log!);
  setBytes(ours, log!, bytesOf(theirs, log!));
  const options = { ...OPTIONS, ...encryption(2), fs: ours };
  await assert.rejects(open(PATH, options), code('CORRUPTION'));
  setBytes(ours, log!, own);
  const db = await open(PATH, options);
  assert.equal(text(db.get('a balance', { columnFamily: 'a' })), '100');
  await db.close();
});

for (const [name, byte] of [
  ['zeros', 0],
  ['text', 0x41],
] as const) {
  test(`a changed byte in a log of ${name} is damage, whatever record it is in`, async () => {
    const source = new MemoryFs();
    const db = await open(PATH, { ...OPTIONS, fs: source });
    for (let i = 0; i < 20; i++) db.put(`k${i}`, new Uint8Array(1100).fill(byte));
    await db.sync();
    const fs = source.clone();
    const [log] = logsOf(fs);
    const whole = bytesOf(fs, log!);
    for (let at = 180; at < whole.length; at += 557) {
      const bytes = whole.slice();
      bytes[at]! ^= 1;
      setBytes(fs, log!, bytes);
      for (const readOnly of [true, false]) {
        await assert.rejects(open(PATH, { ...OPTIONS, fs, readOnly }), code('CORRUPTION'));
      }
    }
    setBytes(fs, log!, whole);
    const again = await open(PATH, { ...OPTIONS, fs });
    assert.deepEqual(again.get('k19'), new Uint8Array(1100).fill(byte));
    await again.close();
  });
}
