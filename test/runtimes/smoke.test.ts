/**
 * What `npm run test:runtimes` runs on other runtimes, on this one.
 * @slow
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('smoke.js', import.meta.url));

/** Runs the program; resolves with its exit code and what it printed. */
function smoke(...args: readonly string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr });
    });
  });
}

test('everything that depends on the runtime works on this one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-smoke-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const task of [
    ['make', directory, 'one'],
    ['read', directory],
  ]) {
    const { code, output } = await smoke(...task);
    assert.equal(code, 0, output);
    assert.ok(output.split('\n').filter((line) => line.startsWith('✔')).length > 5, output);
  }
  // Reading is more than opening: a byte in the middle of a table counts.
  const sample = join(directory, 'one', 'default');
  const table = readdirSync(sample).find((file) => file.endsWith('.sst'))!;
  const bytes = readFileSync(join(sample, table));
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(join(sample, table), bytes);
  const { code, output } = await smoke('read', directory);
  assert.equal(code, 1);
  assert.match(output, /✖ one: default\nVarveError: block checksum does not match/);
});
