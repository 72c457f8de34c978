/**
 * The demo as its users run it.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compareWithDisk, prefixToShow, unseenFiles, wrongKeys } from '../../demo/checks.ts';
import { halfFiles, lostFiles } from '../../demo/crash.ts';
import { CONTENT, importFiles, METADATA, openStore, sha256Of } from '../../demo/file-store.ts';
import { Screen } from '../../demo/screen.ts';
import { walkTree } from '../../src/cli/tree.ts';

const extension = extname(import.meta.url);
const program = fileURLToPath(new URL(`../../demo/main${extension}`, import.meta.url));

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'varve-demo-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts the demo; its database goes below `temporary`. */
function start(temporary: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function endOf(child: ChildProcess): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

/** A folder with what real folders have. */
function makeTree(directory: string): string {
  const tree = join(directory, 'tree');
  for (const folder of ['a', 'b', 'c']) {
    mkdirSync(join(tree, folder, 'deep'), { recursive: true });
    for (let i = 0; i < 40; i++) {
      writeFileSync(join(tree, folder, 'deep', `file ${i}`), `${folder}${i}\n`.repeat(i * 50));
    }
  }
  mkdirSync(join(tree, 'empty'));
  symlinkSync('a', join(tree, 'link'));
  writeFileSync(join(tree, 'large'), '');
  truncateSync(join(tree, 'large'), 268_435_457);
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xfe)]), 'odd name');
  return tree;
}

test('the demo holds on a small folder, in plain text, and leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t);
  const temporary = join(directory, 'tmp');
  mkdirSync(temporary);
  const { code, out, err } = await endOf(start(temporary, [makeTree(directory)]));
  assert.equal(err, '');
  assert.equal(code, 0, out);
  assert.match(out, /^Varve demo: 121 files, .*\nleft out: /);
  assert.match(out, /1 \(larger than 256 MiB\)/);
  assert.match(out, /1 \(symbolic link\)/);
  assert.match(out, /ok {6}the process died of SIGKILL/);
  assert.match(out, /ok {6}all \d+ acknowledged files are there, byte for byte/);
  assert.match(out, /ok {6}121 files, .* are equal to the disk/);
  assert.match(out, /ok {6}40 files are deleted, 81 are left/);
  assert.match(out, /ok {6}all damage was found and healed on the disk/);
  assert.match(out, /ok {6}the repaired database has 81 files, .* equal to the disk/);
  assert.match(out, /ok {6}the restored database has 81 files, .* equal to the disk/);
  assert.match(out, /\nAll 18 checks held\.\n$/);
  assert.doesNotMatch(out, /(?!\n)\p{Cc}/u);
  assert.ok(out.split('\n').length < 110, 'three screens');
  assert.deepEqual(readdirSync(temporary), []);
});

test('--keep keeps the database', async (t) => {
  const directory = temporaryDirectory(t);
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'only one, empty'), '');
  const temporary = join(directory, 'tmp');
  mkdirSync(temporary);
  const { code, out } = await endOf(start(temporary, [tree, '--keep']));
  assert.equal(code, 0, out);
  const [kept] = readdirSync(temporary);
  const database = join(temporary, kept!, 'db');
  assert.ok(out.includes(`The database stays in ${database}\n`));
  assert.ok(existsSync(join(database, 'CURRENT')));
});

test('an interrupted demo removes its database and its child', async (t) => {
  const directory = temporaryDirectory(t);
  const temporary = join(directory, 'tmp');
  mkdirSync(temporary);
  const child = start(temporary, [makeTree(directory)]);
  const ended = endOf(child);
  await once(child.stdout!, 'data');
  child.kill('SIGINT');
  assert.equal((await ended).code, 130);
  assert.deepEqual(readdirSync(temporary), []);
});

test('a wrong folder is a message', async (t) => {
  const directory = temporaryDirectory(t);
  for (const [args, code, message] of [
    [[join(directory, 'none')], 2, /cannot read the directory .*none: does not exist/],
    [[directory], 2, /there is no file to import/],
    [['a', 'b'], 2, /name one folder/],
    [['--wrong'], 2, /Usage: npm run demo/],
  ] as const) {
    const outcome = await endOf(start(directory, args));
    assert.equal(outcome.code, code);
    assert.match(outcome.err, message);
    assert.doesNotMatch(outcome.err, /^\s+at /m);
  }
});

test('the checks see what is wrong', async (t) => {
  const directory = temporaryDirectory(t);
  const root = makeTree(directory);
  const { files } = walkTree(root);
  await using db = await openStore(join(directory, 'db'));
  const acknowledged = new Map<string, string>();
  for (const batch of importFiles(db, files, [])) {
    for (const { key, sha256 } of batch.files) acknowledged.set(key.toString('base64'), sha256);
  }
  const crash = {
    files: acknowledged,
    contentBytes: 0,
    batchCount: 1,
    syncedCount: 0,
    wasKilled: true,
    complaints: '',
  };
  assert.equal(acknowledged.size, 121);
  assert.deepEqual([lostFiles(db, crash), halfFiles(db)], [[], []]);
  assert.deepEqual((await compareWithDisk(db, files)).different, []);
  assert.equal(prefixToShow(files).toString(), 'a/');
  const keys = [...db.keys({ columnFamily: CONTENT, prefix: 'a/' })];
  assert.deepEqual(wrongKeys(files, Buffer.from('a/'), keys), []);
  assert.equal(wrongKeys(files, Buffer.from('a/'), keys.slice(1)).length, 40);
  assert.equal(wrongKeys(files, Buffer.from('a/'), []).length, 40);

  const snapshot = db.snapshot();
  db.put('a/deep/file 1', 'other', { columnFamily: CONTENT });
  db.delete('a/deep/file 2', { columnFamily: METADATA });
  db.delete('a/deep/file 3', { columnFamily: CONTENT });
  assert.deepEqual(lostFiles(db, crash), [
    'a/deep/file 1: other content',
    'a/deep/file 2: no metadata, or of other content',
    'a/deep/file 3: no content',
  ]);
  assert.deepEqual(halfFiles(db), ['a/deep/file 2: no metadata', 'a/deep/file 3: no content']);
  assert.deepEqual(unseenFiles(db, keys, snapshot), []);
  assert.equal(unseenFiles(db, keys, db.snapshot()).length, 3);

  // A file that changed after the import contradicts nothing.
  const changed = join(root, 'b', 'deep', 'file 5');
  writeFileSync(changed, 'changed');
  utimesSync(changed, 1, 1);
  rmSync(join(root, 'b', 'deep', 'file 6'));
  const { different, changedCount, equalCount } = await compareWithDisk(db, files);
  assert.deepEqual(different, ['a/deep/file 1: other bytes', 'a/deep/file 3: missing']);
  assert.deepEqual([changedCount, equalCount], [2, 117]);
});

test('a failed check is named and remembered', () => {
  let text = '';
  const screen = new Screen((part) => {
    text += part;
  });
  screen.check('this holds', []);
  screen.check('this does not', ['a', 'b', 'c', 'd']);
  assert.deepEqual([screen.checkCount, screen.failures], [2, ['this does not']]);
  assert.match(
    text,
    /ok {6}this holds\n {3}FAILED {2}this does not\n +a\n +b\n +c\n +and 1 more\n/,
  );
});

test('an acknowledged digest is that of the stored bytes', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'tree'));
  writeFileSync(join(directory, 'tree', 'f'), 'abc');
  await using db = await openStore(join(directory, 'db'));
  const [batch] = [...importFiles(db, walkTree(join(directory, 'tree')).files, [])];
  assert.equal(batch!.files[0]!.sha256, sha256Of(Buffer.from('abc')));
  assert.equal(
    batch!.files[0]!.sha256,
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
