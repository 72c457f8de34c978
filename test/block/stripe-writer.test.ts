/**
 * The writer of a stripe section: it trusts nothing that it reads back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileChecksum, loadChecksum } from '../../src/block/checksum.ts';
import { encodeFileHeader, FILE_CLASS_TABLE } from '../../src/block/file-header.ts';
import { UNPROTECTED } from '../../src/block/file-protection.ts';
import { StripeWriter } from '../../src/block/stripe-writer.ts';
import { stripesOf } from '../../src/block/striped-file.ts';
import { isVarveError } from '../../src/errors.ts';
import { MemoryFs } from '../../src/fs/memory.ts';
import type { FileHandle } from '../../src/fs/port.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const STRIPE = { data: 3, parity: 2 };
const BODY_BYTES = 50_000;
const HEADER = {
  fileClass: FILE_CLASS_TABLE,
  fileNumber: 7,
  salt: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  previousNumber: 0,
  baseSeqno: 0,
  protection: { ...UNPROTECTED, ecc: { scheme: 'none', stripe: STRIPE } },
} as const;

await loadChecksum();

/**
 * Writes a body in uneven pieces, and its stripes.
 * @param readsAs changes what is read back
 */
function write(readsAs: (buf: Uint8Array, position: number) => void): FileHandle {
  const file = new MemoryFs().open('table', 'create');
  const wrapped: FileHandle = Object.create(file, {
    read: {
      value: (buf: Uint8Array, off: number, length: number, position: number): number => {
        const got = file.read(buf, off, length, position);
        readsAs(buf.subarray(off, off + got), position);
        return got;
      },
    },
  });
  const body = new Uint8Array(BODY_BYTES);
  new SeededRandom(3).fill(body);
  body.set(encodeFileHeader(HEADER));
  const stripes = new StripeWriter(wrapped, HEADER, STRIPE);
  for (let at = 0, piece = 1; at < body.length; at += piece, piece = (piece * 7) % 9973) {
    const length = Math.min(piece, body.length - at);
    stripes.update(body, at, length);
    file.write(body, at, length, at);
  }
  const { fileBytes } = stripes;
  stripes.finish(new FileChecksum());
  assert.equal(file.size(), fileBytes);
  return file;
}

/** Turns one bit where it is read. */
function flipAt(place: number): (buf: Uint8Array, position: number) => void {
  return (buf, position) => {
    if (place >= position && place < position + buf.length) buf[place - position]! ^= 1;
  };
}

test('makes sound stripes of whatever pieces the body comes in', () => {
  const stripes = stripesOf(
    write(() => {}),
    HEADER,
    undefined,
  )!;
  assert.equal(stripes.layout.bodyBytes, BODY_BYTES);
  for (let r = 0; r < stripes.layout.stripeCount; r++) {
    assert.deepEqual(stripes.check(r), { state: 'sound', chunks: [], units: [] });
  }
});

test('refuses a file that gives back another body or other units than it wrote', () => {
  for (const place of [0, 4096, 30_000, BODY_BYTES - 1, BODY_BYTES, BODY_BYTES + 20_000]) {
    const isRefused = (error: unknown) => isVarveError(error, 'CORRUPTION');
    assert.throws(() => write(flipAt(place)), isRefused, `a bit of byte ${place}`);
  }
});
