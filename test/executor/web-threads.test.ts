/**
 * Web workers where there are none; test/executor/browser-checks.ts has them at work.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isVarveError, type ModuleExport, webThreads } from '../../src/core.ts';

const FS: ModuleExport = { module: new URL('file:///fs.js'), export: 'open' };

test('a runtime without web workers is refused', async () => {
  await assert.rejects(webThreads({ fs: FS }), (error) => isVarveError(error, 'UNSUPPORTED'));
});

test('a module must have an address that means the same everywhere', async () => {
  for (const module of ['./fs.js', 'fs', '', { href: 'fs' }]) {
    await assert.rejects(webThreads({ fs: { ...FS, module } }), TypeError);
  }
  for (const name of ['stewardUrl', 'workerUrl']) {
    await assert.rejects(webThreads({ fs: FS, [name]: './worker.js' }), TypeError);
  }
  const nameless = { module: FS.module } as ModuleExport;
  await assert.rejects(webThreads({ fs: nameless }), TypeError);
});
