/**
 * The kernel in TypeScript against that in WebAssembly: the same bytes from the same bytes.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { lz4KernelBytes } from '../../src/compress/lz4-kernel.ts';
import { compressLz4, decompressLz4 } from '../../src/compress/lz4-script.ts';

const SRC = 0x2000;
const SLACK = 16;

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(lz4KernelBytes()));
const wasm = exports as unknown as {
  memory: WebAssembly.Memory;
  compress(src: number, len: number, dst: number, capacity: number): number;
  decompress(src: number, len: number, dst: number, contentLen: number): number;
};
wasm.memory.grow(64);
const wasmHeap = new Uint8Array(wasm.memory.buffer);
const heap = new Uint8Array(wasmHeap.length);

/** What both kernels make of it; the same. */
function compressed(content: Uint8Array, capacity: number): Uint8Array | undefined {
  const dst = SRC + content.length + SLACK;
  for (const each of [heap, wasmHeap]) each.set(content, SRC);
  const stored = compressLz4(heap, SRC, content.length, dst, capacity);
  assert.equal(stored, wasm.compress(SRC, content.length, dst, capacity));
  if (stored < 0) return undefined;
  const bytes = heap.slice(dst, dst + stored);
  assert.deepEqual(bytes, wasmHeap.slice(dst, dst + stored));
  return bytes;
}

function decompressed(stored: Uint8Array, contentLen: number): Uint8Array | undefined {
  const dst = SRC + stored.length + SLACK;
  for (const each of [heap, wasmHeap]) each.set(stored, SRC);
  const isRight = decompressLz4(heap, SRC, stored.length, dst, contentLen);
  assert.equal(isRight, wasm.decompress(SRC, stored.length, dst, contentLen));
  if (isRight === 0) return undefined;
  const bytes = heap.slice(dst, dst + contentLen);
  assert.deepEqual(bytes, wasmHeap.slice(dst, dst + contentLen));
  return bytes;
}

/** Words of a small language, so that there are matches of all lengths and distances. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'bc', 'varve', 'the same words', '0'.repeat(300), 'x'.repeat(70_000)),
      fc.string({ maxLength: 20 }),
    ),
    { maxLength: 60 },
  )
  .map((words) => new TextEncoder().encode(words.join('')));
const content = fc.oneof(text, fc.uint8Array({ maxLength: 3000 }));

test('both kernels compress to the same bytes, which both restore', () => {
  fc.assert(
    fc.property(content, fc.double({ min: 0, max: 1.2, noNaN: true }), (bytes, share) => {
      const room = bytes.length + Math.ceil(bytes.length / 255) + 16;
      compressed(bytes, Math.floor(room * share));
      const stored = compressed(bytes, room)!;
      assert.deepEqual(decompressed(stored, bytes.length), bytes.slice());
      assert.equal(decompressed(stored, bytes.length + 1), undefined);
    }),
    { numRuns: 400 },
  );
});

test('both kernels refuse the same bytes, and make the same of others', () => {
  fc.assert(
    fc.property(text, fc.array(fc.tuple(fc.nat(), fc.nat(255))), fc.nat(400), (bytes, edits, n) => {
      const stored = compressed(bytes, bytes.length + 400)!.slice();
      for (const [at, byte] of edits) stored[at % stored.length] = byte;
      decompressed(stored, Math.max(0, bytes.length + n - 200));
    }),
    { numRuns: 400 },
  );
});
