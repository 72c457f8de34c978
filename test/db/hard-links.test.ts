/**
 * Copies of a closed database that are made of hard links, as `cp -al` and rsnapshot make them.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Db, open } from '../../src/index.ts';

const KEY_COUNT = 500;

function newBase(t: TestContext): string {
  const base = fs.mkdtempSync(join(tmpdir(), 'varve-links-'));
  t.after(() => fs.rmSync(base, { recursive: true }));
  return base;
}

function linkAll(from: string, to: string): void {
  fs.mkdirSync(to);
  for (const name of fs.readdirSync(from)) fs.linkSync(join(from, name), join(to, name));
}

/** Fills a database in `directory` and closes it; some of it is in tables, some in the log. */
async function fill(directory: string): Promise<void> {
  const db = await open(directory);
  for (let i = 0; i < KEY_COUNT; i++) {
    db.put(`k${i}`, 'first');
    if (i === KEY_COUNT / 2) await db.flush();
  }
  await db.close();
}

/** Changes, flushes and closes: every kind of file is written. */
async function change(directory: string): Promise<void> {
  const db = await open(directory);
  for (let i = 0; i < KEY_COUNT; i++) db.put(`k${i}`, 'second');
  await db.flush();
  await db.compact();
  await db.close();
}

function valuesOf(db: Db): Set<string> {
  const values = new Set<string>();
  for (let i = 0; i < KEY_COUNT; i++) values.add(new TextDecoder().decode(db.get(`k${i}`)));
  return values;
}

async function assertHolds(directory: string, value: string): Promise<void> {
  for (const readOnly of [true, false]) {
    const db = await open(directory, { readOnly });
    assert.deepEqual([...valuesOf(db)], [value]);
    await db.verify();
    await db.close();
  }
}

function bytesOf(directory: string): Map<string, string> {
  const names = fs.readdirSync(directory).sort();
  return new Map(names.map((name) => [name, fs.readFileSync(join(directory, name), 'hex')]));
}

for (const changed of ['original', 'copy'] as const) {
  test(`what is done to the ${changed} does not reach the other`, async (t) => {
    const base = newBase(t);
    const directories = { original: join(base, 'db'), copy: join(base, 'backup') };
    const other = directories[changed === 'original' ? 'copy' : 'original'];
    await fill(directories.original);
    linkAll(directories.original, directories.copy);
    const before = bytesOf(other);
    await change(directories[changed]);
    assert.deepEqual(bytesOf(other), before);
    await assertHolds(other, 'first');
    await assertHolds(directories[changed], 'second');
  });
}

test('a row of such copies keeps every state', async (t) => {
  const base = newBase(t);
  const directory = join(base, 'db');
  for (let day = 0; day < 4; day++) {
    const db = await open(directory);
    for (let i = 0; i < KEY_COUNT; i++) db.put(`k${i}`, `day ${day}`);
    await db.close();
    linkAll(directory, join(base, `day ${day}`));
  }
  for (let day = 0; day < 4; day++) await assertHolds(join(base, `day ${day}`), `day ${day}`);
  await assertHolds(directory, 'day 3');
});
