/**
 * Without WebAssembly the engine makes and reads the same files.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(
  new URL(`./no-wasm-program${extname(import.meta.url)}`, import.meta.url),
);

function run(directory: string, round: string, flags: readonly string[]): unknown {
  const args = [PROGRAM, directory, round, ...flags];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

test('processes with and without WebAssembly write and read one database by turns', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-no-wasm-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const without = ['without'];
  assert.deepEqual(run(directory, 'one--', []), { hasWasm: true, found: [], damaged: 0 });
  const second = { hasWasm: false, found: ['one--'], damaged: 0 };
  assert.deepEqual(run(directory, 'two--', without), second);
  assert.deepEqual(run(directory, 'three', []), { hasWasm: true, found: ['two--'], damaged: 0 });
  const last = { hasWasm: false, found: ['three'], damaged: 0 };
  assert.deepEqual(run(directory, 'four-', without), last);
});
