/**
 * Processes that may have few files open.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MemoryFs } from '../../src/fs/memory.ts';
import { open } from '../../src/node.ts';
import { FaultFs, type FaultRule } from '../../src/testing/fault-fs.ts';
import { openThreaded, orphans } from '../executor/fixture.ts';
import { code, fill, keyAt, PATH } from './helpers.ts';

/** What Node's own loader of modules needs, and no more. */
const LIMIT = 256;
const url = new URL(`./few-descriptors${extname(import.meta.url)}`, import.meta.url);
const script = fileURLToPath(url);
const directory = mkdtempSync(join(tmpdir(), 'varve-descriptors-'));
after(() => rmSync(directory, { recursive: true }));

async function work(free: number, mode: 'read' | 'write'): Promise<void> {
  const args = [process.execPath, script, directory, String(free), mode];
  // The shell of the system sets limits; Node has no call for that.
  const command = `ulimit -n ${LIMIT} && exec "$0" "$@"`;
  const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command, ...args]);
  assert.equal(stdout, 'well\n', stderr);
}

for (const free of [200, 40]) {
  test(`a writer works with ${free} descriptors to spare`, () => work(free, 'write'));
  test(`a reader works with ${free} descriptors to spare`, () => work(free, 'read'));
}

/** The operations of a worker that take a descriptor. */
const TAKING = ['open', 'syncDirectory'] as const;
const REMOVALS: Record<string, FaultRule | undefined> = {
  'that cleans up': undefined,
  'that cannot clean up': { operation: 'remove', times: Number.POSITIVE_INFINITY },
};

/** Has a worker fail with the `count`-th operation that takes a descriptor. @returns if it did */
async function starve(count: number, removals: FaultRule | undefined): Promise<boolean> {
  const fs = new MemoryFs();
  const workerFs = new FaultFs(fs, removals === undefined ? [] : [removals]);
  const told: string[] = [];
  const settings = { workers: 2, onEvent: ({ type }: { type: string }) => told.push(type) };
  const { db } = await openThreaded(fs, settings, undefined, workerFs);
  workerFs.failCall(count, { operation: TAKING, effect: 'HANDLES' });
  for (let round = 0; round < 3; round++) {
    fill(db, 50, 2000);
    await db.flush();
  }
  await db.compact();
  for (let i = 0; i < 50; i++) assert.equal(db.get(keyAt(i))?.length, 2000);
  assert.ok(!told.includes('error'));
  assert.equal(orphans(fs, db), 0);
  await db.close();
  return workerFs.calls('open') + workerFs.calls('syncDirectory') >= count;
}

for (const [how, removals] of Object.entries(REMOVALS)) {
  test(`a job that a starved worker ${how} fails is done by the caller's thread`, async () => {
    let count = 1;
    while (await starve(count, removals)) count++;
    assert.ok(count > 8, `${count} operations`);
  });
}

test('when nothing is left to close, the error says so', async () => {
  const fs = new FaultFs(new MemoryFs());
  const db = await open(PATH, { fs, workers: 0 });
  fill(db, 5);
  await db.flush();
  await db.close();
  fs.addRule({ operation: 'open', effect: 'HANDLES', times: Number.POSITIVE_INFINITY });
  await assert.rejects(open(PATH, { fs }), code('HANDLES'));
});
