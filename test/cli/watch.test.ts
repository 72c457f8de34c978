/**
 * `varve stats --watch`, beside a process that writes.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type DbStats, open } from '../../src/index.ts';
import { fails, jsonLines, ok, outcomeOf, start, temporaryDirectory, varve } from './run-varve.ts';

const steadyWriter = new URL(`./steady-writer${extname(import.meta.url)}`, import.meta.url);

/** One line of `--watch --json`. */
interface Line extends DbStats {
  readonly time: string;
  readonly since: null | {
    readonly milliseconds: number;
    readonly writes: number;
    readonly added: readonly {
      readonly family: string;
      readonly level: number;
      readonly tableCount: number;
      readonly bytesWritten: number;
    }[];
  };
}

/** Starts a process that writes, and waits until it has made tables. */
async function startWriter(t: TestContext, directory: string): Promise<ChildProcess> {
  const writer = spawn(process.execPath, [fileURLToPath(steadyWriter), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => writer.kill());
  await once(writer.stdout, 'data');
  return writer;
}

async function endWriter(writer: ChildProcess): Promise<void> {
  writer.stdin!.end();
  const [code] = await once(writer, 'close');
  assert.equal(code, 0, 'watching does not get in the way of the writer');
}

function fileNumbers(line: Line): Set<number> {
  const levels = line.columnFamilies.flatMap((family) => family.levels);
  return new Set(levels.flatMap(({ tables }) => tables.map(({ fileNumber }) => fileNumber)));
}

test('watching shows what a process writes, look after look', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const writer = await startWriter(t, directory);
  const args = ['stats', directory, '--watch', '0.3', '--count', '4'];
  const lines = jsonLines(await ok([...args, '--json'])) as Line[];
  const text = await ok(args);
  await endWriter(writer);
  assert.equal(lines.length, 4);
  assert.equal(lines[0]!.since, null);
  let [tableCount, writeCount] = [0, 0];
  for (const [i, line] of lines.entries()) {
    if (i === 0) continue;
    const before = lines[i - 1]!;
    const { milliseconds, writes, added } = line.since!;
    assert.equal(writes, line.seqno - before.seqno);
    writeCount += writes;
    assert.ok(milliseconds >= 290, `${milliseconds} ms`);
    assert.ok(Date.parse(line.time) > Date.parse(before.time));
    const known = fileNumbers(before);
    for (const { family, level, bytesWritten, ...rest } of added) {
      const { tables } = line.columnFamilies.find(({ name }) => name === family)!.levels[level]!;
      const fresh = tables.filter(({ fileNumber }) => !known.has(fileNumber));
      assert.equal(rest.tableCount, fresh.length);
      assert.equal(
        bytesWritten,
        fresh.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      );
      tableCount += fresh.length;
    }
  }
  assert.ok(writeCount > 0, 'some look sees new writes');
  assert.ok(tableCount > 0, 'some look sees new tables');
  assert.ok(!text.includes('\u001b'));
  assert.equal(text.match(/writes.* {3}WAL .* in \d+ files? {3}space amplification /g)?.length, 4);
  assert.equal(text.match(/ writes, [\d,]+\/s /g)?.length, 3);
  assert.match(text, /default +L\d +\d+ .* +\d+ +[\d.]+ k?B\/s\n/);
  assert.match(text, /\n {2}other +- +0 +- +- +0 +0 +- +-\n/);
  assert.match(
    text,
    /\n {2}default +[\d,]+ +\d+ +4 \/ 20 \/ 36 +[\d.]+ \S+ +4\.3 GB \/ 17\.2 GB\n/,
  );
});

test('watching ends at Ctrl-C, and when nobody reads any more', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory);
  db.put('a', '1');
  for (const end of ['SIGINT', 'reader'] as const) {
    const child = start(['stats', directory, '--watch', '0.1']);
    const ended = outcomeOf(child);
    await once(child.stdout, 'data');
    if (end === 'SIGINT') child.kill('SIGINT');
    else child.stdout.destroy();
    const { code, signal, stderr } = await ended;
    assert.deepEqual([code, signal, stderr], [0, null, ''], end);
  }
  await db.close();
});

test('watching goes by the profile and the family that are named', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const db = await open(directory, { columnFamilies: ['other'], profile: 'write-heavy' });
  db.put('a', '1', { columnFamily: 'other' });
  await db.close();
  const args = ['stats', directory, '--profile', 'write-heavy', '--family', 'other'];
  const text = await ok([...args, '--watch', '0.1', '--count', '1', '--plain']);
  assert.match(text, /\n {2}other +1 +0 +8 \/ 40 \/ 72 /);
  assert.doesNotMatch(text, /default/);
  const { columnFamilies } = JSON.parse(await ok([...args, '--json'])) as DbStats;
  assert.equal(columnFamilies[0]!.thresholds.l0StopCount, 72);
});

test('what cannot be watched is an error, also when that shows later', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  assert.match(await fails(4, ['stats', directory, '--watch']), /there is no such directory/);
  const db = await open(directory);
  await db.close();
  const child = start(['stats', directory, '--watch', '0.1']);
  const ended = outcomeOf(child);
  await once(child.stdout, 'data');
  rmSync(directory, { recursive: true });
  const { code, stderr } = await ended;
  assert.equal(code, 4);
  assert.match(stderr, /^varve: no database at .*: there is no such directory\n$/);
});

test('wrong arguments are explained', async (t) => {
  const directory = join(temporaryDirectory(t), 'db');
  const wrong: [args: string[], message: RegExp][] = [
    [['--watch', '0'], /'--watch \[seconds\]' argument '0' is invalid. It must be a number of sec/],
    [['--watch', 'soon'], /argument 'soon' is invalid/],
    [['--watch', '1e9'], /argument '1e9' is invalid/],
    [['--watch', '--count', '0'], /argument '0' is invalid. It must be an integer of at least 1/],
    [['--watch', '--count', '-1'], /argument '-1' is invalid/],
    [['--count', '3'], /--count wants --watch/],
    [['--plain'], /--plain wants --watch/],
    [['--profile', 'fast'], /Allowed choices are default, balanced, write-heavy, low-memory/],
  ];
  for (const [args, message] of wrong) {
    assert.match(await fails(2, ['stats', directory, ...args]), message);
  }
  const json = await varve(['stats', directory, '--plain', '--json']);
  assert.equal(JSON.parse(json.stderr).error.code, 'USAGE');
});
