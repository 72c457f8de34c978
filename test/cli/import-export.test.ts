/**
 * `varve import` and `varve export`.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type Db, open } from '../../src/index.ts';
import { fails, jsonLines, ok, temporaryDirectory, varve } from './run-varve.ts';

/** Entries of every kind in three families, some in tables and some in the log only. */
async function fill(directory: string): Promise<void> {
  const db = await open(directory, { columnFamilies: ['other', 'näme\n'] });
  for (let i = 0; i < 256; i++) {
    db.put(Uint8Array.of(i), Uint8Array.of(i, 255 - i, 0x0a));
    db.put(`text ${i} "\\\u2028é`, `value\n${i}`, { columnFamily: 'other' });
  }
  await db.flush();
  db.put('', '');
  db.put('\u{feff}bom', '\u{feff}');
  db.put('deleted', 'x');
  db.delete('deleted');
  db.put('k', new Uint8Array(300_000).fill(0x80), { columnFamily: 'näme\n' });
  await db.close();
}

/** Everything in a database, as text. */
async function contentOf(directory: string): Promise<string[]> {
  const db = await open(directory, { readOnly: true });
  const lines = db.listColumnFamilies().flatMap((columnFamily) =>
    [...db.entries({ columnFamily })].map(([key, value]) => {
      const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
      return `${columnFamily} ${text(key)} ${text(value)}`;
    }),
  );
  await db.close();
  return lines;
}

test('export and import give the same bytes in the same families', async (t) => {
  const directory = temporaryDirectory(t);
  const [source, copy, copy2] = ['source', 'copy', 'copy2'].map((name) => join(directory, name));
  await fill(source!);
  const lines = await ok(['export', source!]);
  const content = await contentOf(source!);
  assert.equal(content.length, 256 + 2 + 256 + 1);
  assert.equal(jsonLines(lines).length, content.length);
  assert.match(await ok(['import', copy!], lines), /^imported 515 entries, /);
  assert.deepEqual(await contentOf(copy!), content);

  const file = join(directory, 'file.jsonl');
  assert.match(await ok(['export', source!, file, '--encoding', 'hex']), /^exported 515 entries, /);
  const report = JSON.parse(await ok(['import', copy2!, file, '--json', '--sync']));
  assert.equal(report.entries, 515);
  assert.deepEqual(report.skipped, []);
  assert.deepEqual(await contentOf(copy2!), content);
});

test('export of one family goes into any family', async (t) => {
  const directory = temporaryDirectory(t);
  const [source, copy] = [join(directory, 'source'), join(directory, 'copy')];
  await fill(source);
  const lines = await ok(['export', source, '--family', 'other']);
  assert.ok(jsonLines(lines).every((line) => !('family' in (line as object))));
  await ok(['import', copy, '--family', 'third', '--create-family'], lines);
  const content = await contentOf(source);
  const expected = content.filter((line) => line.startsWith('other '));
  assert.deepEqual(
    await contentOf(copy),
    expected.map((line) => line.replace('other', 'third')),
  );
  assert.deepEqual(
    JSON.parse(await ok(['export', source, join(directory, 'x'), '--json'])).entries,
    515,
  );
});

test('a wrong line is named, and the lines before it stay', async (t) => {
  const directory = temporaryDirectory(t);
  const good = '{"key":"a","value":"1"}\n\n{"key":"b","value":"2"}\n';
  const wrong: [line: string, message: RegExp][] = [
    ['{"key":"c"}', /^varve: line 4: value is not a string.*; 2 entries were imported before\n$/],
    [`{"key":"${'k'.repeat(65_537)}","value":""}`, /an entry exceeds 65536 bytes/],
  ];
  for (const [index, [line, message]] of wrong.entries()) {
    const db = join(directory, String(index));
    assert.match(await fails(4, ['import', db], `${good}${line}\n`), message);
    assert.equal((await contentOf(db)).length, 2);
  }
});

test('import checks what it is given before it makes a database', async (t) => {
  const directory = temporaryDirectory(t);
  const db = join(directory, 'db');
  assert.match(await fails(4, ['import', db, join(directory, 'none')]), /no such file/);
  assert.match(await fails(2, ['import', db, directory]), /import it with --dir/);
  assert.match(await fails(2, ['import', db, 'file', '--dir', 'dir']), /not both/);
  assert.match(await fails(4, ['import', db, '--dir', join(directory, 'none')]), /does not exist/);
  await fails(4, ['stats', db]);
});

function makeTree(t: TestContext): string {
  const tree = join(temporaryDirectory(t), 'tree');
  mkdirSync(join(tree, 'sub', 'deep'), { recursive: true });
  mkdirSync(join(tree, 'empty'));
  writeFileSync(join(tree, 'a.txt'), 'text');
  writeFileSync(join(tree, 'zero'), '');
  writeFileSync(join(tree, 'sub', 'deep', 'bin'), Uint8Array.of(0, 255, 10));
  writeFileSync(Buffer.concat([Buffer.from(join(tree, 'sub/')), Buffer.from([0xff])]), 'odd name');
  symlinkSync('a.txt', join(tree, 'link'));
  symlinkSync('..', join(tree, 'sub', 'loop'));
  return tree;
}

/** What the tree of {@link makeTree} gives. */
function checkTree(db: Db): void {
  const entries = [...db.entries()].map(([key, value]) => [
    Buffer.from(key).toString('latin1'),
    Buffer.from(value).toString('latin1'),
  ]);
  assert.deepEqual(entries, [
    ['a.txt', 'text'],
    ['sub/deep/bin', '\0\xff\n'],
    ['sub/\xff', 'odd name'],
    ['zero', ''],
  ]);
}

test('import --dir takes files and leaves links out', async (t) => {
  const tree = makeTree(t);
  const directory = join(temporaryDirectory(t), 'db');
  const text = await ok(['import', directory, '--dir', tree]);
  assert.match(text, /^imported 4 entries, .*\nleft out 2 links and special files\n$/);
  const db = await open(directory, { readOnly: true });
  checkTree(db);
  await db.close();
});

test('import --dir leaves the database itself out', async (t) => {
  const tree = makeTree(t);
  const directory = join(tree, 'db');
  await ok(['import', directory, '--dir', tree]);
  const report = JSON.parse(await ok(['import', directory, '--dir', tree, '--json']));
  assert.equal(report.entries, 4);
  assert.deepEqual(report.skipped, [
    { path: 'link', reason: 'symbolic link' },
    { path: 'sub/loop', reason: 'symbolic link' },
  ]);
  const db = await open(directory, { readOnly: true });
  checkTree(db);
  await db.close();
});

test('import --dir names files that are too large, and fails in the end', async (t) => {
  const tree = makeTree(t);
  const large = join(tree, 'large');
  writeFileSync(large, '');
  truncateSync(large, 268_435_457);
  const directory = join(temporaryDirectory(t), 'db');
  const { code, stdout, stderr } = await varve(['import', directory, '--dir', tree]);
  assert.match(stdout.toString(), /^imported 4 entries, /);
  assert.match(stderr, /1 file was not imported:\n {2}large: larger than 256 MiB\n/);
  assert.equal(code, 4);
});

test('export replaces a file, and says when it cannot', async (t) => {
  const directory = temporaryDirectory(t);
  const db = join(directory, 'db');
  const file = join(directory, 'file');
  await ok(['put', db, 'k', 'v']);
  writeFileSync(file, 'x'.repeat(1000));
  await ok(['export', db, file]);
  assert.equal(readFileSync(file, 'utf8'), '{"key":"k","value":"v"}\n');
  await fails(4, ['export', db, file, '--family', 'none']);
  assert.equal(readFileSync(file, 'utf8').length, 24, 'the file was left alone');
  assert.match(await fails(4, ['export', db, directory]), /cannot open .*directory/);
  assert.match(await fails(4, ['export', db, join(directory, 'no', 'file')]), /no such file/);
});
