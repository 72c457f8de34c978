/**
 * Runs the suite of abstract-level, unmodified, against `varve/level` and prints its TAP; a program
 * of its own, because the suite is written for tape. The argument says on what: `node` or `memory`
 * (file systems), or `bufferless` (in memory, as in a runtime without Node's Buffer).
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseOptions, VarveLevel } from '../../src/adapters/level.ts';
import { MemoryFs } from '../../src/index.ts';

type Options = DatabaseOptions<string, string>;

const setting = process.argv[2];
if (!['node', 'memory', 'bufferless'].includes(setting ?? '')) {
  throw new Error(`usage: ${process.argv[1]} node|memory|bufferless`);
}

// The adapter looks for Buffer when it is loaded; the suite itself needs it. Tape comes last: it
// wants to hear of its tests at once.
const { Buffer } = globalThis;
if (setting === 'bufferless') Object.assign(globalThis, { Buffer: undefined });
const { VarveLevel: Level } = await import('../../src/adapters/level.ts');
Object.assign(globalThis, { Buffer });

const require = createRequire(import.meta.url);
const tape: { onFinish(callback: () => void): void } = require('tape');
const suite: (options: {
  test: unknown;
  factory: (options?: Options) => VarveLevel;
}) => void = require('abstract-level/test');

const root = mkdtempSync(join(tmpdir(), 'varve-level-'));
tape.onFinish(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
suite({
  test: tape,
  factory(options) {
    const name = `db-${count++}`;
    if (setting === 'node') return new Level(join(root, name), options);
    return new Level(name, { ...options, fs: new MemoryFs() });
  },
});
