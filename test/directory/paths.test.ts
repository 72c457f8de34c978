/**
 * One directory, whatever the spelling of its path and whatever becomes of the working directory.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { basename, join, relative } from 'node:path';
import { test } from 'node:test';
import { VarveLevel } from '../../src/adapters/level.ts';
import { NodeFs, open } from '../../src/index.ts';
import { bytesOf, DatabaseChild, keysAt, newBase } from './fixture.ts';

test('a second open in one process is refused in every spelling of the path', async (t) => {
  const base = newBase(t);
  const directory = join(base, 'db');
  const link = join(base, 'link');
  const parentLink = join(base, 'parent');
  const db = await open(directory);
  fs.symlinkSync(directory, link);
  fs.symlinkSync(base, parentLink);
  const spellings = [
    directory,
    `${directory}/`,
    `${directory}//`,
    `${directory}/.`,
    `${directory}/../db`,
    `${base}/./db`,
    relative(process.cwd(), directory),
    `./${relative(process.cwd(), directory)}/`,
    link,
    `${link}/`,
    `${parentLink}/db`,
    `${parentLink}/link`,
  ];
  for (const spelling of spellings) {
    await assert.rejects(open(spelling), { code: 'LOCKED' }, spelling);
  }
  await db.close();
  for (const spelling of spellings) await (await open(spelling)).close();
});

test('where names are the same in upper and lower case, the lock is too', async (t) => {
  const base = newBase(t);
  const db = await open(join(base, 'db'));
  const other = join(base, 'DB');
  // Only some file systems are so.
  if (fs.existsSync(other)) await assert.rejects(open(other), { code: 'LOCKED' });
  await db.close();
});

test('of two opens at the same time, in two spellings, one succeeds', async (t) => {
  const base = newBase(t);
  fs.mkdirSync(join(base, 'real'));
  fs.symlinkSync(join(base, 'real'), join(base, 'link'));
  for (let round = 0; round < 5; round++) {
    const opens = ['real', 'link', 'real/', 'link/.'].map((name) => open(join(base, name)));
    const results = await Promise.allSettled(opens);
    const opened = results.filter((result) => result.status === 'fulfilled');
    assert.equal(opened.length, 1);
    await opened[0]!.value.close();
  }
});

test('a relative path means the directory of the moment of the call', async (t) => {
  const base = newBase(t);
  for (const name of ['x', 'y']) fs.mkdirSync(join(base, name));
  const start = process.cwd();
  try {
    process.chdir(join(base, 'x'));
    const opening = open('data', { writeBufferBytes: 65_536 });
    process.chdir(join(base, 'y'));
    const x = await opening;
    const y = await open('./data');
    x.put('x1', 'x');
    await x.flush();
    y.put('y1', 'y');
    await y.flush();
    process.chdir(base);
    x.put('x2', 'x');
    await Promise.all([x.compact(), y.compact()]);
    await x.close();
    await y.close();
  } finally {
    process.chdir(start);
  }
  assert.deepEqual(fs.readdirSync(base), ['x', 'y']);
  assert.deepEqual(await keysAt(join(base, 'x', 'data')), ['x1', 'x2']);
  assert.deepEqual(await keysAt(join(base, 'y', 'data')), ['y1']);
});

test('a location of Level means the directory of the moment, for every open', async (t) => {
  const base = newBase(t);
  for (const name of ['x', 'y']) fs.mkdirSync(join(base, name));
  const start = process.cwd();
  try {
    process.chdir(join(base, 'x'));
    const db = new VarveLevel('data');
    process.chdir(join(base, 'y'));
    await db.put('k', 'v');
    await db.close();
    process.chdir(base);
    await db.open();
    assert.equal(await db.get('k'), 'v');
    assert.equal(db.location, 'data');
    await db.close();
  } finally {
    process.chdir(start);
  }
  assert.deepEqual(fs.readdirSync(join(base, 'x')), ['data']);
  assert.deepEqual(fs.readdirSync(join(base, 'y')), []);
});

test('processes that change their directory keep their databases apart', async (t) => {
  const base = newBase(t);
  for (const name of ['x', 'y']) fs.mkdirSync(join(base, name));
  const x = new DatabaseChild(t, './data', join(base, 'x'));
  const y = new DatabaseChild(t, './data', join(base, 'y'));
  for (const child of [x, y]) assert.equal(await child.ask('open'), 'ok');
  assert.equal(await x.ask(`chdir ${join(base, 'y')}`), 'ok');
  assert.equal(await y.ask(`chdir ${join(base, 'x')}`), 'ok');
  for (const [child, key] of [
    [x, 'x1'],
    [y, 'y1'],
  ] as const) {
    assert.equal(await child.ask(`put ${key}`), 'ok');
    assert.equal(await child.ask('flush'), 'ok');
  }
  await y.kill();
  assert.equal(await x.ask('close'), 'ok');
  assert.deepEqual(await keysAt(join(base, 'x', 'data')), ['x1']);
  assert.deepEqual(await keysAt(join(base, 'y', 'data')), ['y1']);
});

test('a database goes on where it is when the link that led there is switched', async (t) => {
  const base = newBase(t);
  for (const name of ['one', 'two']) fs.mkdirSync(join(base, name));
  const link = join(base, 'current');
  const switchTo = (name: string): void => {
    fs.rmSync(link, { force: true });
    fs.symlinkSync(join(base, name), link);
  };
  switchTo('two');
  const two = await open(join(link, 'db'));
  two.put('two', '');
  await two.close();
  switchTo('one');
  const one = await open(join(link, 'db'));
  one.put('one', '');
  switchTo('two');
  const before = bytesOf(join(base, 'two', 'db'));
  await one.flush();
  await one.compact();
  await one.close();
  assert.deepEqual(bytesOf(join(base, 'two', 'db')), before);
  assert.deepEqual(await keysAt(join(base, 'one', 'db')), ['one']);
  assert.deepEqual(await keysAt(join(link, 'db')), ['two']);
});

test('a reader goes on where it is too', async (t) => {
  const base = newBase(t);
  for (const name of ['one', 'two']) {
    const db = await open(join(base, name));
    for (let i = 0; i < 3; i++) {
      db.put(`${name}${i}`, '');
      await db.flush();
    }
    await db.close();
  }
  const link = join(base, 'current');
  fs.symlinkSync(join(base, 'one'), link);
  const reader = await open(link, { readOnly: true });
  fs.rmSync(link);
  fs.symlinkSync(join(base, 'two'), link);
  const keys = [...reader.keys()].map((key) => new TextDecoder().decode(key));
  assert.deepEqual(keys, ['one0', 'one1', 'one2']);
  await reader.close();
});

test('paths are resolved as far as there is something', (t) => {
  const base = newBase(t);
  const nodeFs = new NodeFs();
  fs.mkdirSync(join(base, 'real'));
  fs.symlinkSync(join(base, 'real'), join(base, 'link'));
  fs.symlinkSync(join(base, 'nowhere'), join(base, 'dangling'));
  fs.writeFileSync(join(base, 'file'), '');
  assert.equal(nodeFs.resolve(join(base, 'link')), join(base, 'real'));
  assert.equal(nodeFs.resolve(join(base, 'link', 'a', 'b')), join(base, 'real', 'a', 'b'));
  assert.equal(nodeFs.resolve(join(base, 'dangling', 'a')), join(base, 'dangling', 'a'));
  assert.equal(nodeFs.resolve(join(base, 'file', 'a')), join(base, 'file', 'a'));
  assert.equal(nodeFs.resolve(relative(process.cwd(), base)), base);
  assert.equal(nodeFs.resolve('.'), fs.realpathSync('.'));
  assert.equal(basename(nodeFs.resolve('missing')), 'missing');
  assert.throws(() => nodeFs.resolve('a\0b'), TypeError);
});
