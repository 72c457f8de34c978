/**
 * The fields of what stands around contents: file header, frame, block, parity section, slot of
 * CURRENT. The layouts are in the heads of the files that write them.
 * @module
 */
import { BLOCK_HEADER_BYTES, BLOCK_TRAILER_BYTES } from '../block/block-format.ts';
import type { FoundBlock } from '../block/block-walker.ts';
import { FILE_HEADER_BYTES_MIN, type FileHeader, SALT_BYTES } from '../block/file-header.ts';
import { FRAME_COPY_BYTES } from '../block/record-frame.ts';
import { REPLICA_CHECKSUM_BYTES } from '../block/replicas.ts';
import { DATABASE_ID_BYTES, KEY_CHECK_BYTES } from '../crypto/derive.ts';
import { SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import type { EccCodec } from '../ecc/port.ts';
import { CURRENT_COPIES, CURRENT_COPY_BYTES, CURRENT_SLOT_BYTES } from '../manifest/current.ts';
import { FieldReader } from './fields.ts';
import { className, codecName, suiteName, typeName } from './names.ts';
import type { FieldPart } from './parts.ts';

const HEADER_COPY_BYTES = 64;
const SHARD_CHECKSUM_BYTES = 4;
const ECC_SCHEMES = ['none', 'SEC-DED', 'XOR', 'Reed-Solomon'];

/** The header of a file, from its first bytes; `bytes` are lent. */
export function* headerFields(bytes: Uint8Array, hasSection: boolean): Generator<FieldPart> {
  const fields = new FieldReader('file', bytes, 0, bytes.length, 0);
  const copiesEnd = hasSection ? FILE_HEADER_BYTES_MIN : bytes.length;
  for (let copy = 0; copy * HEADER_COPY_BYTES < copiesEnd; copy++) {
    yield fields.bytes('magic', 5, `copy ${copy}`);
    yield fields.u8('file class', className);
    yield fields.u16('format version');
    yield fields.u64('file number');
    yield fields.hex('salt', SALT_BYTES);
    yield fields.u64('preceding file number');
    yield fields.u64('base seqno');
    yield fields.u8('cipher suite', suiteName);
    yield fields.u8('reserved');
    yield fields.u16('key epoch');
    yield fields.u8('ECC scheme', schemeName);
    yield fields.u8('data shards');
    yield fields.u8('parity shards');
    yield fields.u8('reserved');
    yield fields.hex('checksum', REPLICA_CHECKSUM_BYTES);
  }
  yield* fields.rest('SEC-DED section', 'a check byte for each 8 bytes of the copies');
}

/** A slot of CURRENT from its bytes, which are lent. */
export function* slotFields(bytes: Uint8Array, slot: number): Generator<FieldPart> {
  const fields = new FieldReader('file', bytes, 0, bytes.length, slot * CURRENT_SLOT_BYTES);
  for (let copy = 0; copy < CURRENT_COPIES; copy++) {
    yield fields.bytes('magic', 8, `copy ${copy}`);
    yield fields.u16('format version');
    yield fields.u8('closed cleanly');
    yield fields.u8('cipher suite', suiteName);
    yield fields.u16('key epoch');
    yield fields.u16('reserved');
    yield fields.u64('generation');
    yield fields.u64('manifest number');
    yield fields.u64('manifest bytes');
    yield fields.hex('database id', DATABASE_ID_BYTES);
    yield fields.hex('key check', KEY_CHECK_BYTES);
    yield fields.hex('salt', SALT_BYTES);
    yield fields.hex('tag', TAG_BYTES);
    yield fields.hex('manifest salt', SALT_BYTES);
    yield fields.hex('checksum', REPLICA_CHECKSUM_BYTES);
  }
  yield fields.bytes('SEC-DED section', (CURRENT_COPIES * CURRENT_COPY_BYTES) / 8);
  yield* fields.rest('reserved');
}

/** What the payload of a block is cut into. */
export type PayloadFields = (fields: FieldReader, payloadLen: number) => Iterable<FieldPart>;

/**
 * A block with frame and parity section, as they stand in the file.
 * @param payload names the bytes between header and checksum
 */
export function* blockFields(
  block: FoundBlock,
  header: FileHeader,
  ecc: EccCodec | undefined,
  payload: PayloadFields,
): Generator<FieldPart> {
  const { stored, blockLen, start, position } = block;
  const fields = new FieldReader('file', stored, 0, stored.length, start);
  if (position > start) yield* frameFields(fields, position - start);
  yield fields.u8('block type', (type) => `${type}, ${typeName(type)}`);
  yield fields.u8('codec', (codec) => `${codec}, ${codecName(codec)}`);
  yield fields.u8('cipher suite', (suite) => `${suite}, ${suiteName(suite)}`);
  yield fields.u8('checksum kind', (kind) => (kind === 1 ? '1, XXH64' : String(kind)));
  yield fields.u16('key epoch');
  yield fields.u8('mask');
  yield fields.u8('reserved');
  yield fields.u32('payload length');
  yield fields.u32('content length');
  yield* payload(fields, blockLen - BLOCK_HEADER_BYTES - BLOCK_TRAILER_BYTES);
  yield fields.hex('checksum', BLOCK_TRAILER_BYTES);
  if (ecc !== undefined) yield* parityFields(fields, header, ecc, blockLen);
  yield* fields.rest('behind the block');
}

/** The payload of a block whose content does not stand in it as it is. */
export function* opaquePayload(
  fields: FieldReader,
  payloadLen: number,
  codec: number,
  suite: number,
): Generator<FieldPart> {
  const name = codec === 0 ? 'content' : `${codecName(codec)} of the content`;
  if (suite === SUITE_NONE || payloadLen < TAG_BYTES) {
    yield fields.bytes('payload', payloadLen, name);
    return;
  }
  yield fields.bytes('ciphertext', payloadLen - TAG_BYTES, name);
  yield fields.hex('tag', TAG_BYTES);
}

function* frameFields(fields: FieldReader, sizeBytes: number): Generator<FieldPart> {
  for (let copy = 0; (copy + 1) * FRAME_COPY_BYTES <= sizeBytes; copy++) {
    yield fields.u32('frame: block length', (length) => `${length}, copy ${copy}`);
    yield fields.hex('frame: check', 4);
  }
  const check = sizeBytes % FRAME_COPY_BYTES;
  if (check > 0) yield fields.hex('frame: check byte', check);
}

function* parityFields(
  fields: FieldReader,
  header: FileHeader,
  ecc: EccCodec,
  blockLen: number,
): Generator<FieldPart> {
  const { dataShards, dataShardBytes, parityShards } = ecc.layout(blockLen);
  if (header.protection.ecc?.scheme === 'secded') {
    yield fields.bytes('SEC-DED section', dataShards, 'a check byte for each 8 bytes');
    return;
  }
  for (let j = 0; j < parityShards && fields.left > 0; j++) {
    yield fields.bytes(`parity shard ${j}`, dataShardBytes, 'parity');
    for (let i = 0; i < dataShards; i++) {
      yield fields.hex(`parity shard ${j}: checksum of data shard ${i}`, SHARD_CHECKSUM_BYTES);
    }
    yield fields.hex(`parity shard ${j}: checksum of its own`, SHARD_CHECKSUM_BYTES);
  }
}

function schemeName(scheme: number): string {
  return `${scheme}, ${ECC_SCHEMES[scheme] ?? 'unknown'}`;
}
