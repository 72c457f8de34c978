/**
 * Compression and encryption, undone as docs/FORMAT.md says: with Node's cryptography and
 * zstd-codec's own interface, and an LZ4 decoder after the LZ4 block format.
 * @module
 */
import assert from 'node:assert/strict';
import { createDecipheriv, hkdfSync } from 'node:crypto';
// @ts-expect-error: the package has no types; `Zstd` is what is used of it.
import zstdCodec from 'zstd-codec';
import { Bytes, littleEndian, xxh32 } from './raw-bytes.ts';

interface Zstd {
  readonly Simple: new () => {
    decompress(bytes: Uint8Array): Uint8Array | null;
    decompressUsingDict(bytes: Uint8Array, dictionary: object): Uint8Array | null;
  };
  readonly Dict: {
    readonly Decompression: new (bytes: Uint8Array) => { close(): void };
  };
}

const zstd = await new Promise<Zstd>((resolve) => zstdCodec.ZstdCodec.run(resolve));

/** The content of a payload that is not encrypted any more. */
export function decompress(
  codec: number,
  payload: Uint8Array,
  contentBytes: number,
  dictionary: Uint8Array | undefined,
): Uint8Array {
  let content: Uint8Array | null;
  if (codec === 0) content = payload;
  else if (codec === 1) content = lz4(payload, contentBytes);
  else if (codec === 2) content = new zstd.Simple().decompress(payload);
  else {
    assert.equal(codec, 3, 'codec');
    assert.ok(dictionary !== undefined, 'a table with this codec has a dictionary');
    content = new zstd.Simple().decompressUsingDict(payload, prepared(dictionary));
  }
  assert.equal(content?.length, contentBytes, 'content length');
  return content!;
}

let last: { dictionary: Uint8Array; handle: { close(): void } } | undefined;

/** A dictionary as zstd-codec wants it; the last one is kept. */
function prepared(dictionary: Uint8Array): object {
  if (last?.dictionary !== dictionary) {
    last?.handle.close();
    last = { dictionary, handle: new zstd.Dict.Decompression(dictionary) };
  }
  return last.handle;
}

/** The id of a dictionary. */
export function dictionaryId(dictionary: Uint8Array): number {
  return xxh32(dictionary) || 1;
}

/** One LZ4 block: literals, then a match, again and again; it ends with literals. */
function lz4(payload: Uint8Array, contentBytes: number): Uint8Array {
  const input = new Bytes(payload);
  const output = new Uint8Array(contentBytes);
  let at = 0;
  for (;;) {
    const token = input.u8();
    const literals = input.take(lz4Length(input, token >> 4));
    output.set(literals, at);
    at += literals.length;
    if (input.left === 0) break;
    const distance = input.u16();
    assert.ok(distance > 0 && distance <= at, 'a match begins within what is there');
    const end = at + lz4Length(input, token & 15) + 4;
    assert.ok(end <= output.length);
    for (; at < end; at++) output[at] = output[at - distance]!;
  }
  assert.equal(at, contentBytes);
  return output;
}

function lz4Length(input: Bytes, nibble: number): number {
  let length = nibble;
  if (nibble < 15) return length;
  for (;;) {
    const more = input.u8();
    length += more;
    if (more < 255) return length;
  }
}

const SUITES = ['', 'aes-256-gcm', 'chacha20-poly1305'] as const;

/** The file that something is encrypted for. */
export interface RawIdentity {
  readonly suite: number;
  readonly epoch: number;
  readonly fileClass: string;
  readonly fileNumber: number;
  readonly databaseId: Uint8Array;
  readonly salt: Uint8Array;
  readonly binding: Uint8Array;
}

/** Where in the file it stands, and what it is. */
export interface RawPlace {
  readonly position: number;
  readonly blockType: number;
  readonly codec: number;
  readonly contentBytes: number;
  readonly dictionaryId: number;
}

/** The key of one file. */
export function fileKey(epochKey: Uint8Array, identity: RawIdentity): Uint8Array {
  const info = Buffer.concat([
    Buffer.from('varve file key 1'),
    littleEndian(identity.suite, 1),
    Buffer.from(identity.fileClass, 'latin1'),
    littleEndian(identity.epoch, 2),
    littleEndian(identity.fileNumber, 8),
    identity.databaseId,
    identity.binding,
  ]);
  return new Uint8Array(hkdfSync('sha256', epochKey, identity.salt, info, 32));
}

export function keyCheck(epochKey: Uint8Array, databaseId: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', epochKey, databaseId, 'varve key check 1', 16));
}

/** The plaintext of ciphertext and tag; throws when the tag is wrong. */
export function decrypt(
  key: Uint8Array,
  identity: RawIdentity,
  place: RawPlace,
  sealed: Uint8Array,
): Uint8Array {
  const name = SUITES[identity.suite];
  assert.ok(name, `suite ${identity.suite}`);
  const nonce = Buffer.concat([littleEndian(place.position, 6), littleEndian(0, 6)]);
  const end = sealed.length - 16;
  assert.ok(end >= 0, 'a payload holds its tag');
  // The types know one name at a time; both ciphers take the same calls.
  const cipher = createDecipheriv(name as 'aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(additionalData(identity, place, sealed.length));
  cipher.setAuthTag(sealed.subarray(end));
  return Buffer.concat([cipher.update(sealed.subarray(0, end)), cipher.final()]);
}

function additionalData(identity: RawIdentity, place: RawPlace, payloadBytes: number): Buffer {
  return Buffer.concat([
    littleEndian(1, 1),
    littleEndian(identity.suite, 1),
    littleEndian(identity.epoch, 2),
    Buffer.from(identity.fileClass, 'latin1'),
    littleEndian(place.blockType, 1),
    littleEndian(place.codec, 1),
    littleEndian(0, 1),
    littleEndian(identity.fileNumber, 8),
    identity.databaseId,
    littleEndian(place.position, 8),
    littleEndian(0, 8),
    littleEndian(place.contentBytes, 4),
    littleEndian(payloadBytes, 4),
    littleEndian(place.dictionaryId, 4),
    littleEndian(0, 4),
  ]);
}
