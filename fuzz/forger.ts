/**
 * Makes blocks whose payload is wrong although checksum, authentication and parity are right, as a
 * bug in another version or a holder of the key could.
 * @module
 */
import {
  BLOCK_DICTIONARY,
  BLOCK_HEADER_BYTES,
  BLOCK_MASK_OFF,
  BLOCK_TRAILER_BYTES,
} from '../src/block/block-format.ts';
import { BlockReader } from '../src/block/block-reader.ts';
import { BlockChecksum } from '../src/block/checksum.ts';
import { decodeFileHeader, type FileHeader, headerBinding } from '../src/block/file-header.ts';
import { applyMask, NO_MASK } from '../src/block/mask.ts';
import { readU32, writeU32 } from '../src/bytes/fixed.ts';
import { CODEC_ZSTD_DICTIONARY } from '../src/compress/port.ts';
import { NO_DICTIONARY, ZstdDictionary } from '../src/compress/zstd-dictionary.ts';
import type { FileCipher, SealContext } from '../src/crypto/file-cipher.ts';
import { KeyRing } from '../src/crypto/key-ring.ts';
import { nodeCrypto } from '../src/crypto/node.ts';
import { SUITE_NONE, TAG_BYTES } from '../src/crypto/port.ts';
import { createEccCodec } from '../src/ecc/codec.ts';
import { blockCodeOf } from '../src/ecc/options.ts';
import { assert } from '../src/errors.ts';
import type { MemoryFs } from '../src/fs/memory.ts';
import { joinPath } from '../src/fs/port.ts';
import { readCurrent } from '../src/manifest/current.ts';
import { contentOf, fileOf, type Sample } from '../test/prove/damage.ts';
import { DIRECTORY } from '../test/prove/environment.ts';

/** A sound block of a file. */
export interface FoundBlock {
  readonly name: string;
  readonly header: FileHeader;
  readonly type: number;
  readonly position: number;
  /** Without the parity section. */
  readonly length: number;
}

/** Changes a payload in place, as it is before encryption; borrows it. */
export type PayloadChange = (payload: Uint8Array) => void;

/** Forges blocks of one sample. */
export class Forger {
  readonly blocks: readonly FoundBlock[];
  readonly #keys: KeyRing | undefined;
  readonly #databaseId: Uint8Array;
  /** By the name of the table. */
  readonly #dictionaryIds: Map<string, number>;

  private constructor(sample: Sample, keys: KeyRing | undefined) {
    this.#keys = keys;
    this.#databaseId = readCurrent(sample.fs, DIRECTORY)!.slot.databaseId;
    this.#dictionaryIds = new Map();
    this.blocks = sample.files.flatMap((name) => blocksOf(sample.fs, name));
    for (const block of this.blocks.filter(({ type }) => type === BLOCK_DICTIONARY)) {
      const bytes = contentOf(fileOf(sample.fs, block.name));
      this.#rework(bytes, block, (payload) => {
        this.#dictionaryIds.set(block.name, new ZstdDictionary(payload).id);
      });
    }
  }

  static async of(sample: Sample): Promise<Forger> {
    const { encryption } = sample.options;
    const keys = encryption ? await KeyRing.open(nodeCrypto(), encryption) : undefined;
    return new Forger(sample, keys);
  }

  /**
   * Changes the payload of a block in a copy of the sample.
   * @param contentLen what the block then declares; as before if absent
   */
  forge(fs: MemoryFs, block: FoundBlock, change: PayloadChange, contentLen?: number): void {
    const file = fileOf(fs, block.name);
    const bytes = contentOf(file);
    this.#rework(bytes, block, change, contentLen);
    file.write(bytes, 0, bytes.length, 0);
  }

  #rework(bytes: Uint8Array, block: FoundBlock, change: PayloadChange, contentLen?: number): void {
    const { header, length, position } = block;
    const ecc = blockCodeOf(header.protection.ecc);
    const end = position + length;
    const payload = bytes.subarray(position + BLOCK_HEADER_BYTES, end - BLOCK_TRAILER_BYTES);
    const mask = bytes[position + BLOCK_MASK_OFF]!;
    if (mask !== NO_MASK) applyMask(payload, 0, payload.length, mask);
    const cipher = this.#cipher(block);
    const context = this.#context(bytes, block);
    if (cipher !== undefined) {
      const isOpen = cipher.open(context, payload, 0, payload.length, payload, 0);
      assert(isOpen, 'the block is authentic');
    }
    const text = cipher === undefined ? payload : payload.subarray(0, -TAG_BYTES);
    change(text);
    if (contentLen !== undefined) writeU32(bytes, position + 12, contentLen);
    cipher?.seal(this.#context(bytes, block), payload, 0, text.length, payload, 0);
    if (mask !== NO_MASK) applyMask(payload, 0, payload.length, mask);
    const checksum = new BlockChecksum(header.salt);
    const checked = end - BLOCK_TRAILER_BYTES;
    const digest = checksum.of(bytes, position, checked - position, position);
    writeU32(bytes, checked, digest.low);
    writeU32(bytes, checked + 4, digest.high);
    if (ecc !== undefined) createEccCodec(ecc).append(bytes, position, length);
  }

  #context(bytes: Uint8Array, { name, type, position }: FoundBlock): SealContext {
    const codec = bytes[position + 1]!;
    const isWithDictionary = codec === CODEC_ZSTD_DICTIONARY;
    return {
      position,
      generation: 0,
      blockType: type,
      codec,
      dictionaryId: isWithDictionary ? this.#dictionaryIds.get(name)! : NO_DICTIONARY,
      contentLen: readU32(bytes, position + 12),
    };
  }

  #cipher({ name, header }: FoundBlock): FileCipher | undefined {
    const { fileClass, fileNumber, salt, protection } = header;
    if (protection.suiteId === SUITE_NONE) return undefined;
    const databaseId = this.#databaseId;
    const identity = { databaseId, fileClass, fileNumber, salt, binding: headerBinding(header) };
    return this.#keys!.fileCipher(protection.suiteId, protection.epoch, identity, name);
  }
}

/** All blocks of a file, found by trying every position. */
function blocksOf(fs: MemoryFs, name: string): FoundBlock[] {
  const bytes = contentOf(fileOf(fs, name));
  const header = decodeFileHeader(bytes, bytes.length, name);
  if (header === undefined) return [];
  const file = fs.open(joinPath(DIRECTORY, name), 'read');
  const reader = new BlockReader(file, {
    salt: header.salt,
    cipher: undefined,
    ecc: undefined,
    decompressor: () => undefined,
    onCorrection: () => {},
  });
  const found: FoundBlock[] = [];
  for (let position = 0; position < bytes.length; position++) {
    if (reader.inspect(bytes, position, bytes.length, position) !== 'none') continue;
    found.push({ name, header, type: reader.blockType, position, length: reader.blockLen });
  }
  file.close();
  return found;
}
