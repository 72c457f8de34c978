/**
 * The fields of contents. The layouts are in the heads of the files that write them.
 * @module
 */
import {
  BLOCK_DATA,
  BLOCK_FILTER,
  BLOCK_FOOTER,
  BLOCK_INDEX,
  BLOCK_MANIFEST_EDIT,
  BLOCK_PROPERTIES,
  BLOCK_WAL_RECORD,
} from '../block/block-format.ts';
import { KIND_MIXED } from '../block/data-block-layout.ts';
import { DataBlock } from '../block/data-block-reader.ts';
import { SALT_BYTES } from '../block/file-header.ts';
import { PROTECTION_BYTES } from '../block/file-protection.ts';
import { VarintReader } from '../bytes/varint.ts';
import { isVarveError } from '../errors.ts';
import { KIND_DELETE, KIND_PUT } from '../key/kind.ts';
import type { FieldReader } from './fields.ts';
import type { FieldPart } from './parts.ts';

const FOOTER_PARTS = ['dictionary', 'filter', 'index', 'properties'];
const EDIT_FIELDS = [
  ...['', 'added table', 'removed table', 'created family', 'dropped family', 'log number'],
  ...['next file number', 'last seqno', 'WAL ends', 'next family id', 'sealed from', 'key check'],
  'log identity',
];
const FIELD_ADDED_TABLE = 1;
const TABLE_FIELDS = ['', 'facts', 'smallest key', 'largest key', 'checksum', 'storage'];

/**
 * Cuts a content into its fields; what is left over or malformed is a field too.
 * @param fields of the content
 * @param buf holds the content at `off`; lent
 */
export function* contentFields(
  fields: FieldReader,
  type: number,
  buf: Uint8Array,
  off: number,
  len: number,
): Generator<FieldPart> {
  if (len === 0) return;
  if (type === BLOCK_DATA) yield* dataFields(fields, buf, off, len);
  else if (type === BLOCK_INDEX) yield* indexFields(fields);
  else if (type === BLOCK_FILTER) yield* filterFields(fields);
  else if (type === BLOCK_PROPERTIES) yield* propertiesFields(fields);
  else if (type === BLOCK_FOOTER) yield* footerFields(fields);
  else if (type === BLOCK_WAL_RECORD) yield* recordFields(fields);
  else if (type === BLOCK_MANIFEST_EDIT) yield* editFields(fields, EDIT_FIELDS);
  yield* fields.rest('content');
}

function* dataFields(
  fields: FieldReader,
  buf: Uint8Array,
  off: number,
  len: number,
): Generator<FieldPart> {
  const block = new DataBlock();
  try {
    block.open(buf, off, len, '', 0);
  } catch (error) {
    if (!isVarveError(error)) throw error;
    yield fields.bytes('content', len, 'no data block');
    return;
  }
  yield* valueFields(fields.part(block.keyStart - block.valueStart), block);
  yield* keyFields(fields.part(block.keyEnd - block.keyStart), block);
  const { entryCount, restartCount, seqnoWidth } = block;
  if (block.kind === KIND_MIXED) {
    for (let i = 0; i < entryCount; i++) yield fields.u8(`kind of entry ${i}`, kindName);
  }
  for (let i = 0; i < entryCount && seqnoWidth > 0; i++) {
    yield fields.bytes(`seqno of entry ${i}`, seqnoWidth, seqnoText(block, i));
  }
  for (let i = 0; i < entryCount && block.checksumStart > 0; i++) {
    yield fields.hex(`checksum of entry ${i}`, 4);
  }
  for (let i = 0; i < restartCount; i++) {
    yield fields.u32(`restart ${i}: offset in the key area`);
    yield fields.u32(`restart ${i}: offset in the value area`);
    yield fields.hex(`restart ${i}: head word`, 4);
  }
  yield fields.u32('tail: entry count');
  yield fields.u32('tail: bytes of the value area');
  yield fields.u32('tail: bytes of the key area');
  yield fields.u16('tail: restart interval');
  yield fields.u8('tail: bytes of a seqno');
  yield fields.u8('tail: kind', (kind) => (kind === KIND_MIXED ? 'mixed' : kindName(kind)));
  yield fields.u64('tail: base seqno');
  yield fields.u32('tail: head prefix length');
  yield fields.u32('tail: flags');
}

/** The value area, cut by the lengths that the key area has. */
function* valueFields(fields: FieldReader, block: DataBlock): Generator<FieldPart> {
  const { buf, keyStart, keyEnd, entryCount } = block;
  const reader = new VarintReader(buf, keyStart, keyEnd);
  for (let i = 0; i < entryCount; i++) {
    reader.next();
    const unshared = reader.next();
    const valueLen = reader.next();
    reader.skip(unshared);
    if (reader.failed) break;
    yield* bytesIfAny(fields, `value ${i}`, valueLen);
  }
  yield* fields.rest('value area', 'of no entry');
}

function* keyFields(fields: FieldReader, block: DataBlock): Generator<FieldPart> {
  for (let i = 0; i < block.entryCount && fields.left > 0; i++) {
    yield fields.varint(`entry ${i}: shared key bytes`);
    yield fields.varint(`entry ${i}: unshared key bytes`);
    const unshared = fields.value;
    yield fields.varint(`entry ${i}: value length`);
    yield* bytesIfAny(fields, `entry ${i}: key`, unshared);
  }
  yield* fields.rest('key area', 'of no entry');
}

function* indexFields(fields: FieldReader): Generator<FieldPart> {
  yield fields.varint('data blocks');
  const count = fields.value;
  yield fields.varint('prefix length');
  yield* bytesIfAny(fields, 'prefix', fields.value);
  for (let i = 0; i < count && fields.left > 0; i++) {
    yield fields.varint(`data block ${i}: length`);
    yield fields.varint(`data block ${i}: continued seqno`);
    yield fields.varint(`data block ${i}: separator length`);
    yield* bytesIfAny(fields, `data block ${i}: separator`, fields.value);
  }
}

function* filterFields(fields: FieldReader): Generator<FieldPart> {
  yield fields.u8('filter kind', (kind) => (kind === 1 ? '1, blocked Bloom' : String(kind)));
  yield fields.u8('probes');
  yield fields.u16('reserved');
  yield fields.u32('lines');
  const lines = fields.value;
  yield fields.u32('keys');
  yield fields.u32('reserved');
  yield fields.bytes('lines', Math.min(lines * 64, fields.left));
}

function* propertiesFields(fields: FieldReader): Generator<FieldPart> {
  yield fields.varint('properties');
  for (let left = fields.value; left > 0 && fields.left > 0; left--) {
    yield fields.varint('name length');
    yield* bytesIfAny(fields, 'name', fields.value);
    yield fields.varint('value length');
    yield* bytesIfAny(fields, 'value', fields.value);
  }
}

function* footerFields(fields: FieldReader): Generator<FieldPart> {
  yield fields.bytes('magic', 8);
  for (const name of FOOTER_PARTS) {
    yield fields.u64(`${name} block: offset`);
    yield fields.u32(`${name} block: length`);
  }
  yield fields.u32('data blocks');
}

function* recordFields(fields: FieldReader): Generator<FieldPart> {
  yield fields.u64('first seqno');
  const firstSeqno = fields.value;
  if (firstSeqno === 0) {
    yield fields.u64('next log number');
    yield fields.hex('protection of the next log', PROTECTION_BYTES);
    yield fields.hex('salt of the next log', SALT_BYTES);
    return;
  }
  yield fields.u64('durable seqno');
  yield fields.u32('operations');
  const count = fields.value;
  for (let i = 0; i < count && fields.left > 0; i++) {
    const name = `operation ${i}`;
    yield fields.u8(`${name}: kind`, (kind) => `${kindName(kind)}, seqno ${firstSeqno + i}`);
    const isPut = fields.value === KIND_PUT;
    yield fields.varint(`${name}: family id`);
    yield fields.varint(`${name}: key length`);
    yield* bytesIfAny(fields, `${name}: key`, fields.value);
    if (!isPut) continue;
    yield fields.varint(`${name}: value length`);
    yield* bytesIfAny(fields, `${name}: value`, fields.value);
  }
}

function* editFields(fields: FieldReader, names: readonly string[]): Generator<FieldPart> {
  while (fields.left > 0) {
    yield fields.varint('tag', (tag) => fieldName(names, tag));
    const tag = fields.value;
    yield fields.varint('length');
    const length = fields.value;
    const isTable = names === EDIT_FIELDS && tag === 2 * FIELD_ADDED_TABLE;
    if (isTable && length <= fields.left) {
      yield* editFields(fields.part(length), TABLE_FIELDS);
    } else {
      yield* bytesIfAny(fields, fieldName(names, tag), length);
    }
  }
}

function fieldName(names: readonly string[], tag: number): string {
  return names[Math.floor(tag / 2)] || `field ${Math.floor(tag / 2)}`;
}

/** No more than there are. */
function* bytesIfAny(fields: FieldReader, name: string, length: number): Generator<FieldPart> {
  const taken = Math.min(length, fields.left);
  if (taken > 0) yield fields.bytes(name, taken, taken < length ? 'cut short' : '');
}

function kindName(kind: number): string {
  if (kind === KIND_PUT) return 'put';
  return kind === KIND_DELETE ? 'delete' : `unknown kind ${kind}`;
}

function seqnoText(block: DataBlock, index: number): string {
  try {
    return String(block.seqnoAt(index));
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return 'impossible';
  }
}
