/**
 * Every codec that there is, for tests that hold for all of them, and how they are called there:
 * with bytes around the ranges that must stay as they are.
 * @module
 */
import assert from 'node:assert/strict';
import { nodeCompression } from '../../src/compress/node.ts';
import { type Compressor, DOES_NOT_FIT } from '../../src/compress/port.ts';
import { portableCompression } from '../../src/compress/portable.ts';
import { ZstdDictionary } from '../../src/compress/zstd-dictionary.ts';
import { jsonContent } from './contents.ts';

const CANARY = 0xa7;
const MARGIN_BYTES = 24;

export const jsonDictionary: ZstdDictionary = new ZstdDictionary(jsonContent(8192, 99));

/** Codecs by name; those of a group read what the others of it write. */
export interface CodecGroup {
  readonly name: string;
  readonly codecs: ReadonlyMap<string, Compressor>;
}

export async function codecGroups(): Promise<CodecGroup[]> {
  await portableCompression.loadZstd();
  const [portable, node] = [portableCompression, nodeCompression()];
  const levels = new Map([1, 3, 9].map((level) => [`portable ${level}`, portable.zstd(level)]));
  return [
    { name: 'lz4', codecs: new Map([['portable', portable.lz4()]]) },
    { name: 'zstd', codecs: new Map([...levels, ['node 3', node.zstd(3)]]) },
    {
      name: 'zstd with a dictionary',
      codecs: new Map([
        ['portable 3', portable.zstd(3, jsonDictionary)],
        ['node 9', node.zstd(9, jsonDictionary)],
      ]),
    },
  ];
}

/** All codecs, each with its name. */
export async function allCodecs(): Promise<[string, Compressor][]> {
  return (await codecGroups()).flatMap(({ name, codecs }) =>
    [...codecs].map(([variant, codec]): [string, Compressor] => [`${name}, ${variant}`, codec]),
  );
}

/** The stored bytes, fresh, or `undefined` if they do not fit `capacity`. */
export function compressed(
  codec: Compressor,
  content: Uint8Array,
  capacity: number = content.length * 2 + 64,
): Uint8Array | undefined {
  const src = framed(content);
  const dst = new Uint8Array(capacity + 2 * MARGIN_BYTES).fill(CANARY);
  const off = MARGIN_BYTES;
  const length = codec.compress(src, off, content.length, dst, off, capacity);
  assert.ok(Buffer.from(src).equals(framed(content)), 'the content is as it was');
  const written = length === DOES_NOT_FIT ? 0 : length;
  assert.ok(written <= capacity);
  assertCanaries(dst, written);
  return length === DOES_NOT_FIT ? undefined : dst.slice(off, off + length);
}

/** The content, fresh, or `undefined` if the codec refuses the bytes. */
export function decompressed(
  codec: Compressor,
  stored: Uint8Array,
  contentLen: number,
): Uint8Array | undefined {
  const src = framed(stored);
  const dst = new Uint8Array(contentLen + 2 * MARGIN_BYTES).fill(CANARY);
  const off = MARGIN_BYTES;
  const isRight = codec.decompress(src, off, stored.length, dst, off, contentLen);
  assert.ok(Buffer.from(src).equals(framed(stored)), 'the stored bytes are as they were');
  assertCanaries(dst, isRight ? contentLen : 0);
  return isRight ? dst.slice(off, off + contentLen) : undefined;
}

function framed(bytes: Uint8Array): Uint8Array {
  const buf = new Uint8Array(bytes.length + 2 * MARGIN_BYTES).fill(CANARY);
  buf.set(bytes, MARGIN_BYTES);
  return buf;
}

function assertCanaries(dst: Uint8Array, written: number): void {
  const end = MARGIN_BYTES + written;
  const around = Buffer.concat([dst.subarray(0, MARGIN_BYTES), dst.subarray(end)]);
  assert.ok(around.equals(Buffer.alloc(around.length, CANARY)), 'nothing else was touched');
}
