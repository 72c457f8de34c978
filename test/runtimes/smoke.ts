/**
 * Runs everything that depends on the runtime, on the runtime that runs it: Node, Deno or Bun.
 *
 *     node build/test/runtimes/smoke.js make DIRECTORY NAME    all checks; leaves samples there
 *     node build/test/runtimes/smoke.js read DIRECTORY         reads the samples of all runtimes
 *
 * Prints a line for each check, and exits with 1 when one fails.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeFs, open } from '../../src/index.ts';
import { fsSuite } from '../../src/testing/index.ts';
import { API_CHECKS } from './api-checks.ts';
import { makeSample, readSample, SAMPLES } from './sample.ts';

type Check = () => Promise<void>;

const dyingWriter = fileURLToPath(new URL('./dying-writer.js', import.meta.url));
/** What goes before the name of a program. */
const RUNTIME_ARGS = 'Deno' in globalThis ? ['run', '--allow-all'] : [];

const [task, directory, name] = process.argv.slice(2);
if (directory === undefined || (task !== 'make' && task !== 'read')) {
  throw new Error(`usage: ${process.argv[1]} make DIRECTORY NAME | read DIRECTORY`);
}
let failureCount = 0;
if (task === 'make') {
  assert.ok(name !== undefined, 'a runtime has a name');
  for (const [title, check] of Object.entries(checksOf(join(directory, name)))) {
    await run(title, check);
  }
} else {
  for (const runtime of readdirSync(directory)) {
    for (const [sample, options] of Object.entries(SAMPLES)) {
      const path = join(directory, runtime, sample);
      await run(`${runtime}: ${sample}`, () => readSample(path, options));
    }
  }
}
process.exitCode = failureCount > 0 ? 1 : 0;

async function run(title: string, check: Check): Promise<void> {
  try {
    await check();
    console.log(`✔ ${title}`);
  } catch (error) {
    failureCount++;
    console.log(`✖ ${title}\n${error instanceof Error ? error.stack : error}`);
  }
}

function checksOf(path: string): Record<string, Check> {
  const checks: Record<string, Check> = {};
  fsSuite({
    name: 'NodeFs',
    test: (title, check) => {
      checks[title] = check;
    },
    create: async () => {
      const temporary = mkdtempSync(join(tmpdir(), 'varve-runtime-'));
      const cleanup = () => rmSync(temporary, { recursive: true });
      return { fs: new NodeFs(), directory: temporary, cleanup };
    },
  });
  checks['offsets beyond 4 GiB'] = () => inTemporary(farOffsets);
  for (const [title, check] of Object.entries(API_CHECKS)) checks[title] = () => inTemporary(check);
  checks['a killed writer'] = () => inTemporary(killedWriter);
  mkdirSync(path);
  for (const [sample, options] of Object.entries(SAMPLES)) {
    checks[`sample: ${sample}`] = async () => {
      await makeSample(join(path, sample), options);
      await readSample(join(path, sample), options);
    };
  }
  return checks;
}

async function inTemporary(check: (path: string) => Promise<void>): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), 'varve-runtime-'));
  try {
    await check(join(temporary, 'db'));
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

async function farOffsets(path: string): Promise<void> {
  const file = new NodeFs().open(path, 'create');
  const target = new Uint8Array(3);
  for (const far of [2 ** 31 - 1, 2 ** 31 + 5, 2 ** 32 - 1, 2 ** 33 + 7]) {
    file.write(Uint8Array.of(1, 2, 3), 0, 3, far);
    assert.equal(file.size(), far + 3);
    assert.equal(file.read(target, 0, 3, far), 3);
    assert.deepEqual([...target], [1, 2, 3]);
  }
  file.truncate(2 ** 32 + 1);
  assert.equal(file.size(), 2 ** 32 + 1);
  file.close();
}

/** What a process has written before it is killed is there, and its lock is free at once. */
async function killedWriter(path: string): Promise<void> {
  const child = spawn(process.execPath, [...RUNTIME_ARGS, dyingWriter, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  await assert.rejects(open(path), /held by process/);
  child.kill('SIGKILL');
  await exit;
  const db = await open(path);
  for (let n = 0; n < 2000; n++) assert.equal(db.get(`key ${n}`)?.[99], n & 0xff);
  await db.close();
}
