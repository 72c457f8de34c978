/**
 * The pool of worker threads in processes of their own: what they start, what they cost, and what
 * keeps threads from starting.
 *
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

const root = mkdtempSync(join(tmpdir(), 'varve-pool-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** What a program of a process of its own writes; `open` and `path` are there. */
async function run(program: string, ...args: string[]): Promise<string> {
  const head = 'const { open } = await import(process.argv[1]); const path = process.argv[2];';
  const module = new URL('../../src/index.js', import.meta.url).href;
  const flags = [
    '--input-type=module',
    '-e',
    head + program,
    module,
    join(mkdtempSync(join(root, 'db-')), 'db'),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...args]);
  return stdout;
}

test('a loop of writes needs no worker, whose start hooks of module loaders hold up', async () => {
  // In Node, a worker loads its modules through the hooks of the thread that made it.
  const hooks = `export async function load(url, context, next) {
    if (url.includes('executor')) await new Promise(() => setInterval(() => {}, 1000));
    return next(url, context);
  }`;
  const program = `
    const db = await open(path, { writeBufferBytes: 1 << 20, workers: 2 });
    (await import('node:module')).register(process.argv[3]);
    for (let i = 0; i < 30000; i++) db.put('key ' + i, new Uint8Array(200).fill(i));
    await db.flush();
    const { counters, workers, backgroundError } = db.stats();
    await db.close();
    console.log(counters.flushCount > 3, workers.runningCount > 0, backgroundError);
  `;
  const url = `data:text/javascript,${encodeURIComponent(hooks)}`;
  assert.equal(await run(program, url), 'true true undefined\n');
});

test('the program of workers is taken from where the caller says', async () => {
  const program = `
    const { stats } = await (async () => {
      const onEvent = ({ type, error }) => type === 'workers-unavailable' && events.push(error);
      const events = [];
      const workerUrl = process.argv[3];
      const options = { writeBufferBytes: 1 << 20, workers: 2, workerUrl, onEvent };
      const db = await open(path, options);
      // Turns of the host, so that it is told what becomes of its workers.
      for (let i = 0; i < 30000; i++) {
        db.put('key ' + i, new Uint8Array(200).fill(i));
        if (i % 5000 === 0) await new Promise((resolve) => setTimeout(resolve, 200));
      }
      await db.flush();
      const { workers, backgroundError } = db.stats();
      await db.close();
      return { stats: [workers.runningCount > 0, backgroundError, events.length, events[0]?.code] };
    })();
    console.log(...stats);
  `;
  const own = new URL('../../src/executor/node-worker.js', import.meta.url).href;
  assert.equal(await run(program, own), 'true undefined 0 undefined\n');
  const missing = new URL('../../src/executor/no-worker.js', import.meta.url).href;
  assert.equal(await run(program, missing), 'false undefined 1 UNSUPPORTED\n');
});

test('a worker that ends in a job is replaced in a loop of writes, without a turn', async () => {
  const own = new URL('../../src/executor/node-worker.js', import.meta.url).href;
  // A worker that creates a table file says so; if there is a trap, it takes that away, and ends.
  const trapped = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    import { dirname, join } from 'node:path';
    const { openSync } = fs;
    fs.openSync = (path, ...rest) => {
      const file = openSync(path, ...rest);
      if (!String(path).endsWith('.sst') || rest[0] === 'r') return file;
      const beside = (name) => join(dirname(path), '..', name);
      fs.writeFileSync(beside('came'), '');
      if (!fs.existsSync(beside('trap'))) return file;
      fs.rmSync(beside('trap'));
      process.exit(3);
    };
    syncBuiltinESMExports();
    await import('${own}');
  `;
  const program = `
    const fs = await import('node:fs');
    const { join } = await import('node:path');
    const isThere = (name) => fs.existsSync(join(path, '..', name));
    const db = await open(path, {
      writeBufferBytes: 1536 * 1024,
      workers: 1,
      workerUrl: process.argv[3],
    });
    let count = 0;
    const writeUntil = (isSo) => {
      while (!isSo()) db.put('key ' + (count++ % 20000), new Uint8Array(200).fill(count / 20000));
    };
    // The thread blocks for no worker that has not come.
    while (!isThere('came')) {
      const end = count + 20000;
      writeUntil(() => count === end);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    fs.writeFileSync(join(path, '..', 'trap'), '');
    writeUntil(() => count % 100 === 0 && !isThere('trap'));
    const started = performance.now();
    const { flushCount } = db.stats().counters;
    writeUntil(() => db.stats().counters.flushCount > flushCount);
    const milliseconds = performance.now() - started;
    await db.flush();
    let isComplete = true;
    for (let n = 0; n < 20000; n++) {
      const last = n + Math.floor((count - 1 - n) / 20000) * 20000;
      isComplete &&= db.get('key ' + n)[0] === (Math.floor((last + 1) / 20000) & 255);
    }
    await db.compact();
    const { backgroundError, tableCount, workers } = db.stats();
    const files = fs.readdirSync(path).filter((name) => name.endsWith('.sst')).length;
    const { runningCount, error } = workers;
    // Two minutes are what a silent worker is given.
    const isQuick = milliseconds < 120_000 || milliseconds;
    console.log(isQuick, isComplete, files - tableCount, runningCount, error, backgroundError);
    await db.close();
  `;
  const url = `data:text/javascript,${encodeURIComponent(trapped)}`;
  assert.equal(await run(program, url), 'true true 0 1 undefined undefined\n');
});

test('a hundred databases have the threads and not much more memory than one', async () => {
  const program = `
    const { readdirSync } = await import('node:fs');
    const dbs = [];
    for (let i = 0; i < 100; i++) dbs.push(await open(path + '/' + i, { workers: 2 }));
    for (const round of [0, 1]) {
      for (const db of dbs) {
        for (let i = 0; i < 50; i++) db.put('key ' + i, new Uint8Array(1000).fill(round));
        await db.flush();
      }
    }
    await Promise.all(dbs.map((db) => db.compact()));
    const { runningCount } = dbs[0].stats().workers;
    const isComplete = dbs.every((db) => db.get('key 7')[999] === 1 && db.stats().tableCount === 1);
    const rssMb = process.memoryUsage().rss / 1e6;
    await Promise.all(dbs.map((db) => db.close()));
    console.log(runningCount <= 2, isComplete, rssMb < 300 || rssMb);
  `;
  assert.equal(await run(program), 'true true true\n');
});

test('who opens and closes quickly starts no worker, also with much to compact', async () => {
  const program = `
    const calm = { writeBufferBytes: 1 << 20, l0TriggerCount: 4 };
    const first = await open(path, { ...calm, l0TriggerCount: 64, workers: 0 });
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 500; i++) first.put('key ' + i, new Uint8Array(1000).fill(round));
      await first.flush();
    }
    await first.close();
    const observer = await open(path + '/observer');
    const counts = [];
    for (let i = 0; i < 5; i++) {
      const db = await open(path, { ...calm, workers: 2 });
      counts.push(db.stats().columnFamilies[0].levels[0].tableCount);
      await db.close();
      counts.push(observer.stats().workers.runningCount);
    }
    console.log(String(counts));
  `;
  assert.equal(await run(program), '6,0,6,0,6,0,6,0,6,0\n');
});
