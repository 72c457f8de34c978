/**
 * What somebody can do who may write to the directory and has no key: take files apart, change
 * anything, and put them together again so that every checksum, copy, frame and parity section is
 * right. Only what is keyed tells that they were there.
 * @module
 */
import { BLOCK_HEADER_BYTES, BLOCK_TRAILER_BYTES } from '../../src/block/block-format.ts';
import { BlockChecksum } from '../../src/block/checksum.ts';
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_CLASS_TABLE,
  type FileHeader,
  fileHeaderBytes,
} from '../../src/block/file-header.ts';
import { RecordFrame } from '../../src/block/record-frame.ts';
import { writeReplicaParity, writeReplicas } from '../../src/block/replicas.ts';
import { readU32, writeU16, writeU32 } from '../../src/bytes/fixed.ts';
import { createEccCodec } from '../../src/ecc/codec.ts';
import { blockCodeOf } from '../../src/ecc/options.ts';

const SLOT_BYTES = 1024;
const COPY_BYTES = 128;
const COPIES = 7;

/** A file in its parts. */
export interface TakenApart {
  readonly header: FileHeader;
  /** Header and payload of each block, without checksum, frame and parity. */
  readonly blocks: readonly Uint8Array[];
}

/** Offsets of a block's header fields. */
export const FIELDS = {
  type: 0,
  codec: 1,
  suite: 2,
  epoch: 4,
  payloadLen: 8,
  contentLen: 12,
} as const;

/**
 * Takes a table, log or manifest apart, all of whose blocks must be whole. The room that a log has
 * ahead of its end is left out.
 */
export function takeApart(bytes: Uint8Array): TakenApart {
  const header = decodeFileHeader(bytes, bytes.length, 'file');
  if (header === undefined) throw new Error('the file has no sound header');
  const codec = eccOf(header);
  const frameBytes = frameOf(header).sizeBytes;
  const blocks: Uint8Array[] = [];
  for (let at = fileHeaderBytes(header.protection); at < bytes.length; ) {
    if (bytes.subarray(at).every((byte) => byte === 0)) break;
    const start = at + frameBytes;
    const length = BLOCK_HEADER_BYTES + readU32(bytes, start + 8);
    blocks.push(bytes.slice(start, start + length));
    const blockLen = length + BLOCK_TRAILER_BYTES;
    at = start + blockLen + (codec?.parityBytes(blockLen) ?? 0);
    if (at > bytes.length) throw new Error('the last block is not whole');
  }
  return { header, blocks };
}

/** Puts a file together: places the blocks back to back and computes all that is not keyed. */
export function putTogether({ header, blocks }: TakenApart): Uint8Array {
  const codec = eccOf(header);
  const frame = frameOf(header);
  const checksum = new BlockChecksum(header.salt);
  const parts: Uint8Array[] = [encodeFileHeader(header)];
  let position = parts[0]!.length;
  for (const block of blocks) {
    const blockLen = block.length + BLOCK_TRAILER_BYTES;
    const start = frame.sizeBytes;
    const part = new Uint8Array(start + blockLen + (codec?.parityBytes(blockLen) ?? 0));
    if (start > 0) frame.write(part, 0, blockLen, position);
    part.set(block, start);
    const digest = checksum.of(part, start, block.length, position + start);
    writeU32(part, start + block.length, digest.low);
    writeU32(part, start + block.length + 4, digest.high);
    codec?.append(part, start, blockLen);
    parts.push(part);
    position += part.length;
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** A file with changed blocks. */
export function withBlocks(
  bytes: Uint8Array,
  change: (blocks: Uint8Array[], header: FileHeader) => readonly Uint8Array[],
): Uint8Array {
  const { header, blocks } = takeApart(bytes);
  return putTogether({ header, blocks: change([...blocks], header) });
}

/** A file with a changed header. */
export function withHeader(
  bytes: Uint8Array,
  change: (header: FileHeader) => FileHeader,
): Uint8Array {
  const { header, blocks } = takeApart(bytes);
  return putTogether({ header: change(header), blocks });
}

/** A block with another value in one of its header's bytes; fresh. */
export function relabelled(block: Uint8Array, offset: number, value: number): Uint8Array {
  const changed = block.slice();
  changed[offset] = value;
  return changed;
}

/** A block that claims another length of its content; fresh. */
export function withContentLength(block: Uint8Array, contentLen: number): Uint8Array {
  const changed = block.slice();
  writeU32(changed, FIELDS.contentLen, contentLen);
  return changed;
}

/** A block with another payload of the same length: one bit of it is turned; fresh. */
export function withFlippedBit(block: Uint8Array): Uint8Array {
  const changed = block.slice();
  changed[BLOCK_HEADER_BYTES] = changed[BLOCK_HEADER_BYTES]! ^ 1;
  return changed;
}

/** Offsets of the fields of a copy of CURRENT's slot. */
export const SLOT_FIELDS = {
  isClean: 10,
  suite: 11,
  epoch: 12,
  generation: 16,
  manifestNumber: 24,
  manifestBytes: 32,
  databaseId: 40,
  keyCheck: 56,
  salt: 72,
  tag: 88,
  manifestSalt: 104,
} as const;

/** CURRENT with both slots changed, each in all its copies. */
export function withSlots(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const changed = bytes.slice();
  for (let off = 0; off < changed.length; off += SLOT_BYTES) {
    const slot = changed.subarray(off, off + SLOT_BYTES);
    change(slot.subarray(0, COPY_BYTES));
    writeReplicas(slot, 0, COPY_BYTES, COPIES);
    writeReplicaParity(slot, 0, COPIES * COPY_BYTES);
  }
  return changed;
}

/** Makes a slot of CURRENT say that nothing is encrypted. Changes `copy`. */
export function declareClear(copy: Uint8Array): void {
  copy[SLOT_FIELDS.suite] = 0;
  writeU16(copy, SLOT_FIELDS.epoch, 0);
  copy.fill(0, SLOT_FIELDS.keyCheck, SLOT_FIELDS.tag + 16);
}

function eccOf({ protection }: FileHeader): ReturnType<typeof createEccCodec> | undefined {
  const code = blockCodeOf(protection.ecc);
  return code === undefined ? undefined : createEccCodec(code);
}

/** Only the records of logs have frames. */
function frameOf({ fileClass, protection, salt }: FileHeader): RecordFrame {
  return new RecordFrame(fileClass === FILE_CLASS_TABLE ? undefined : protection.ecc, salt);
}
