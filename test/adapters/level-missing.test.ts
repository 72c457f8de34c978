/**
 * `varve/level` where the package abstract-level is not installed.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { projectRoot } from '../project-root.ts';

const compiled = fileURLToPath(new URL('../../src', import.meta.url));

test('the error says what to install', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-missing-'));
  t.after(() => rmSync(directory, { recursive: true }));
  cpSync(compiled, join(directory, 'src'), { recursive: true });
  const root = projectRoot();
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(directory, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  // Empty, so that none of a folder above is found instead.
  mkdirSync(join(directory, 'node_modules/abstract-level'));
  const level = pathToFileURL(join(directory, 'src/adapters/level.js')).href;
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    const args = ['--input-type=module', '-e', `await import(${JSON.stringify(level)})`];
    execFile(process.execPath, args, { cwd: directory }, (error, _, text) =>
      resolve({ code: error?.code, stderr: text }),
    );
  });
  assert.equal(code, 1);
  assert.match(stderr, /Cannot find package '.*abstract-level.*npm-install-abstract-level\.js/);
});
