/**
 * The few files that the build makes of the command: what they load, and that they find what stays
 * outside.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { projectRoot } from '../project-root.ts';
import { temporaryDirectory } from './run-varve.ts';

/** Files of ours, and of packages: commander has eight. */
const FILES_OF_GET_MAX = 24;

const compiled = fileURLToPath(new URL('../../src', import.meta.url));

/** Returns `main.js` of a bundle that goes with the test, in a place where packages are found. */
async function bundled(t: TestContext): Promise<string> {
  const script = pathToFileURL(join(projectRoot(), 'scripts/command-bundle.mjs')).href;
  const { bundleCommand } = await import(script);
  const folder = mkdtempSync(join(dirname(compiled), 'command-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  bundleCommand(compiled, folder);
  return join(folder, 'main.js');
}

function run(main: string, args: readonly string[], env: Record<string, string> = {}) {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], options);
  return { status, stdout, stderr };
}

/** Addresses of the files that a command loads, packages included. */
function loadedBy(t: TestContext, main: string, args: readonly string[]): string[] {
  const NODE_V8_COVERAGE = temporaryDirectory(t);
  const { status, stderr } = run(main, args, { NODE_V8_COVERAGE });
  assert.equal(status, 0, stderr);
  const urls = readdirSync(NODE_V8_COVERAGE).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(NODE_V8_COVERAGE, name), 'utf8'));
    return (result as { url: string }[]).map(({ url }) => url);
  });
  return urls.filter((url) => url.startsWith('file:'));
}

test('a short command loads few files, and only what it needs', async (t) => {
  const main = await bundled(t);
  const db = join(temporaryDirectory(t), 'db');
  assert.equal(run(main, ['put', db, 'key', 'value']).status, 0);
  const files = loadedBy(t, main, ['get', db, 'key']);
  assert.ok(files.includes(pathToFileURL(main).href), 'coverage tells what is loaded');
  assert.ok(files.length <= FILES_OF_GET_MAX, `get loads ${files.length}: ${files.join('\n')}`);
  const unneeded = /noble|cli-table3|cli-progress|zstd-binding|worker-program|inspect-/;
  for (const each of [files, loadedBy(t, main, ['unlock', db])]) {
    assert.deepEqual(
      each.filter((file) => unneeded.test(file)),
      [],
    );
  }
});

test('the files of the command do and say what its modules do', async (t) => {
  const main = await bundled(t);
  const source = join(compiled, 'cli/main.js');
  const db = join(temporaryDirectory(t), 'db');
  assert.equal(run(main, ['put', db, 'key', 'value', '--compression', 'zstd']).status, 0);
  assert.equal(run(main, ['compact', db]).status, 0);
  for (const args of [
    ['get', db, 'key'],
    ['get', db, 'absent'],
    ['get', db],
    ['get', join(db, 'none'), 'key'],
    ['get', db, 'key', '--json', '--family', 'none'],
    ['scan', db],
    ['export', db],
    ['inspect', db],
    ['unlock', db],
    ['completion', 'bash'],
    ['nonsense'],
    ['--version'],
    ['--help'],
    [],
  ]) {
    assert.deepEqual(run(main, args), run(source, args), `${args}`);
  }
});

test('its worker threads and its ciphers run', async (t) => {
  const main = await bundled(t);
  const folder = temporaryDirectory(t);
  const [db, key, input] = ['db', 'key', 'input'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(key, new Uint8Array(32).fill(7), { mode: 0o600 });
  const filler = 'value'.repeat(40);
  const lines = Array.from({ length: 20_000 }, (_, at) =>
    JSON.stringify({ key: `${(at * 7919) % 20_000}`, value: filler + at }),
  );
  writeFileSync(input, `${lines.join('\n')}\n`);
  const imported = run(main, ['import', db, input, '--key-file', key, '--json']);
  assert.equal(imported.status, 0, imported.stderr);
  const compacted = run(main, ['compact', db, '--key-file', key], { NODE_DEBUG: 'worker' });
  assert.equal(compacted.status, 0, compacted.stderr);
  // What Node says of a thread that it starts.
  const program = pathToFileURL(join(compiled, 'executor/node-worker.js')).href;
  assert.ok(compacted.stderr.includes(program), compacted.stderr);
  const verified = run(main, ['verify', db, '--key-file', key]);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.equal(run(main, ['get', db, '7919', '--key-file', key]).stdout, `${filler}1`);
});
