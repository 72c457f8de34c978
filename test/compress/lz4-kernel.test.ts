/**
 * The checked-in kernel is the assembled source.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import wabt from 'wabt';
import { lz4KernelBytes } from '../../src/compress/lz4-kernel.ts';
import { projectRoot } from '../project-root.ts';

const SOURCE = 'src/compress/lz4.wat';

test('the LZ4 kernel is what its source assembles to', async () => {
  const text = readFileSync(join(projectRoot(), SOURCE), 'utf8');
  const assembled = (await wabt()).parseWat(SOURCE, text).toBinary({}).buffer;
  const base64 = (bytes: Uint8Array) =>
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,92}/g);
  assert.deepEqual(base64(lz4KernelBytes()), base64(assembled));
});

test('the LZ4 kernel is small enough to be compiled synchronously on any thread', () => {
  assert.ok(lz4KernelBytes().length < 4096);
});
