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
import { FaultFs } from '../../src/testing/fault-fs.ts';
import { openThreaded } from '../executor/fixture.ts';
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

test("a job for which a worker can open no file is done by the caller's thread", async () => {
  const fs = new FaultFs(new MemoryFs());
  const told: string[] = [];
  const settings = { workers: 2, onEvent: ({ type }: { type: string }) => told.push(type) };
  const { db } = await openThreaded(fs, settings);
  const path = (name: string) => name.endsWith('.sst');
  for (let skip = 0; skip < 3; skip++) {
    fill(db, 50, 2000);
    fs.addRule({ operation: 'open', path, effect: 'HANDLES', skip });
    await db.flush();
    await db.compact();
    fs.clearRules();
  }
  assert.ok(fs.faults > 0);
  for (let i = 0; i < 50; i++) assert.equal(db.get(keyAt(i))?.length, 2000);
  assert.ok(!told.includes('error'));
  await db.close();
});

test('when nothing is left to close, the error says so', async () => {
  const fs = new FaultFs(new MemoryFs());
  const db = await open(PATH, { fs, workers: 0 });
  fill(db, 5);
  await db.flush();
  await db.close();
  fs.addRule({ operation: 'open', effect: 'HANDLES', times: Number.POSITIVE_INFINITY });
  await assert.rejects(open(PATH, { fs }), code('HANDLES'));
});
