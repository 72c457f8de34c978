/**
 * CURRENT and the manifest, read as docs/FORMAT.md says.
 * @module
 */
import assert from 'node:assert/strict';
import { ascii, Bytes, FILE_HEADER_BYTES, readBlock, readFileHeader, xxh64 } from './raw-bytes.ts';

const SLOT_BYTES = 512;
const TYPE_EDIT = 32;

export interface RawSlot {
  readonly generation: number;
  readonly manifestNumber: number;
  readonly durableBytes: number;
  readonly isClean: boolean;
}

/** What the manifest says of a table. */
export interface RawTableFacts {
  readonly familyId: number;
  readonly level: number;
  readonly fileNumber: number;
  readonly sizeBytes: number;
  readonly smallestSeqno: number;
  readonly largestSeqno: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  readonly rawBytes: number;
  readonly createdAtMs: number;
  readonly smallestKey: Uint8Array;
  readonly largestKey: Uint8Array;
  readonly checksum: bigint;
}

export interface RawState {
  /** By id. */
  readonly families: Map<number, { name: string; logNumber: number }>;
  /** By file number. */
  readonly tables: Map<number, RawTableFacts>;
  /** Log number to size. */
  readonly walEnds: Map<number, number>;
  nextFileNumber: number;
  lastSeqno: number;
  nextFamilyId: number;
}

/** The slot that counts. */
export function readCurrent(file: Uint8Array): RawSlot {
  const slots: RawSlot[] = [];
  for (const index of [0, 1]) {
    const bytes = file.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES);
    if (bytes.length < SLOT_BYTES || ascii(bytes.subarray(0, 8)) !== 'VARVECUR') continue;
    if (new Bytes(bytes, 504).wide() !== xxh64(bytes.subarray(0, 504))) continue;
    const reader = new Bytes(bytes, 8);
    assert.equal(reader.u16(), 1, 'format version');
    const isClean = reader.u8() === 1;
    reader.take(5);
    const generation = reader.u64();
    assert.equal((generation - 1) % 2, index, 'place of the generation');
    const manifestNumber = reader.u64();
    slots.push({ generation, manifestNumber, durableBytes: reader.u64(), isClean });
  }
  slots.sort((a, b) => b.generation - a.generation);
  assert.ok(slots[0] !== undefined, 'CURRENT has no valid slot');
  return slots[0];
}

/** What the edits of a manifest add up to. A bad record may only stand at its torn end. */
export function readManifest(file: Uint8Array, slot: RawSlot): RawState {
  const header = readFileHeader(file);
  assert.equal(header?.fileClass, 'M');
  assert.equal(header?.fileNumber, slot.manifestNumber);
  const state: RawState = {
    families: new Map(),
    tables: new Map(),
    walEnds: new Map(),
    nextFileNumber: 1,
    lastSeqno: 0,
    nextFamilyId: 0,
  };
  let at = FILE_HEADER_BYTES;
  while (at < file.length) {
    const block = readBlock(file, at, header!.seed);
    if (block === undefined) break;
    assert.equal(block.type, TYPE_EDIT);
    applyEdit(state, fieldsOf(block.content));
    at = block.end;
  }
  assert.ok(at >= slot.durableBytes, 'the manifest is damaged');
  if (slot.isClean) assert.equal(at, slot.durableBytes);
  return state;
}

interface RawField {
  readonly number: number;
  readonly body: Bytes;
}

function fieldsOf(content: Uint8Array): RawField[] {
  const fields: RawField[] = [];
  const reader = new Bytes(content);
  while (reader.left > 0) {
    const tag = reader.varint();
    const body = new Bytes(reader.prefixed());
    if (tag % 2 === 0) fields.push({ number: tag / 2, body });
  }
  return fields;
}

/** Order of effects by field number: drop, create, remove, add, numbers. */
const EFFECT_ORDER = [4, 3, 2, 1, 5, 6, 7, 8, 9];

function applyEdit(state: RawState, fields: readonly RawField[]): void {
  for (const { number } of fields) assert.ok(EFFECT_ORDER.includes(number), `field ${number}`);
  for (const wanted of EFFECT_ORDER) {
    for (const { number, body } of fields) {
      if (number !== wanted) continue;
      applyField(state, number, body);
      assert.equal(body.left, 0, `field ${number} is longer than its values`);
    }
  }
  const first = firstLogNumber(state);
  for (const log of [...state.walEnds.keys()]) if (log < first) state.walEnds.delete(log);
}

function applyField(state: RawState, number: number, body: Bytes): void {
  if (number === 1) addTable(state, body);
  else if (number === 2) removeTable(state, body);
  else if (number === 3) createFamily(state, body);
  else if (number === 4) dropFamily(state, body.varint());
  else if (number === 5) state.families.get(body.varint())!.logNumber = body.varint();
  else if (number === 6) state.nextFileNumber = body.varint();
  else if (number === 7) state.lastSeqno = body.varint();
  else if (number === 8) while (body.left > 0) state.walEnds.set(body.varint(), body.varint());
  else state.nextFamilyId = body.varint();
}

/** The lowest log that some family still needs. */
export function firstLogNumber(state: RawState): number {
  return Math.min(...[...state.families.values()].map((family) => family.logNumber));
}

function addTable(state: RawState, body: Bytes): void {
  const parts = new Map(fieldsOf(body.take(body.left)).map((field) => [field.number, field.body]));
  const facts = parts.get(1)!;
  const table = {
    familyId: facts.varint(),
    level: facts.varint(),
    fileNumber: facts.varint(),
    sizeBytes: facts.varint(),
    smallestSeqno: facts.varint(),
    largestSeqno: facts.varint(),
    entryCount: facts.varint(),
    tombstoneCount: facts.varint(),
    rawBytes: facts.varint(),
    createdAtMs: facts.varint(),
    smallestKey: parts.get(2)!.bytes,
    largestKey: parts.get(3)!.bytes,
    checksum: parts.get(4)!.wide(),
  };
  assert.ok(state.families.has(table.familyId) && table.level <= 6);
  assert.ok(!state.tables.has(table.fileNumber), 'a file number is used twice');
  state.tables.set(table.fileNumber, table);
}

function removeTable(state: RawState, body: Bytes): void {
  const familyId = body.varint();
  const level = body.varint();
  const fileNumber = body.varint();
  const table = state.tables.get(fileNumber);
  assert.deepEqual([table?.familyId, table?.level], [familyId, level]);
  state.tables.delete(fileNumber);
}

function createFamily(state: RawState, body: Bytes): void {
  const id = body.varint();
  assert.ok(id >= state.nextFamilyId, 'a family id is used twice');
  const name = Buffer.from(body.take(body.left)).toString('utf8');
  state.families.set(id, { name, logNumber: 0 });
  state.nextFamilyId = id + 1;
}

function dropFamily(state: RawState, id: number): void {
  assert.ok(state.families.delete(id));
  for (const table of [...state.tables.values()]) {
    if (table.familyId === id) state.tables.delete(table.fileNumber);
  }
}
