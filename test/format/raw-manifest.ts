/**
 * The manifest, read as docs/FORMAT.md says.
 * @module
 */
import assert from 'node:assert/strict';
import { Bytes, compare } from './raw-bytes.ts';
import { NO_CODE } from './raw-codes.ts';
import type { RawSlot } from './raw-current.ts';
import { type RawFile, type RawProtection, type RawSecrets, readProtection } from './raw-file.ts';
import { keyCheck } from './raw-stages.ts';

const TYPE_EDIT = 32;

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
  readonly codec: number;
  readonly protection: RawProtection;
  /** Of the file's header; undefined for tables in the clear of older versions. */
  readonly salt: Uint8Array | undefined;
}

export interface RawState {
  /** By id. */
  readonly families: Map<number, { name: string; logNumber: number }>;
  /** By file number. */
  readonly tables: Map<number, RawTableFacts>;
  /** Log number to size. */
  readonly walEnds: Map<number, number>;
  /** By number: protection and salt of every log that a family names. */
  readonly logNames: Map<number, Uint8Array>;
  /** By epoch. */
  readonly keyChecks: Map<number, Uint8Array>;
  nextFileNumber: number;
  lastSeqno: number;
  nextFamilyId: number;
  /** Infinite if nothing is encrypted. */
  sealedFrom: number;
}

/** What the edits of a manifest add up to. A bad record may only stand at its torn end. */
export function readManifest(file: RawFile, slot: RawSlot, secrets: RawSecrets): RawState {
  const { protection } = file.header;
  assert.deepEqual([protection.suite, protection.epoch], [slot.suite, slot.epoch]);
  if (slot.manifestSalt !== undefined) assert.deepEqual(file.header.salt, slot.manifestSalt);
  const state: RawState = {
    families: new Map(),
    tables: new Map(),
    walEnds: new Map(),
    logNames: new Map(),
    keyChecks: new Map(),
    nextFileNumber: 1,
    lastSeqno: 0,
    nextFamilyId: 0,
    sealedFrom: Number.POSITIVE_INFINITY,
  };
  let at = file.start;
  while (at < file.bytes.length) {
    const block = file.recordAt(at, TYPE_EDIT);
    if (block === undefined) break;
    assert.equal(block.type, TYPE_EDIT);
    applyEdit(state, fieldsOf(block.content));
    at = block.end;
  }
  assert.ok(at >= slot.durableBytes, 'the manifest is damaged');
  if (slot.isClean) assert.equal(at, slot.durableBytes);
  assert.equal(slot.manifestNumber >= state.sealedFrom, slot.suite !== 0, 'sealed from');
  checkKeys(state, secrets);
  return state;
}

/** Of every epoch that was ever used there is a key check, and of every one in use the key. */
function checkKeys({ keyChecks, tables }: RawState, { databaseId, keys }: RawSecrets): void {
  for (const [epoch, check] of keyChecks) {
    const key = keys.get(epoch);
    if (key !== undefined) assert.equal(compare(keyCheck(key, databaseId), check), 0);
  }
  for (const { protection } of tables.values()) {
    if (protection.suite === 0) continue;
    assert.ok(keyChecks.has(protection.epoch) && keys.has(protection.epoch), 'key of a table');
  }
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
const EFFECT_ORDER = [4, 3, 2, 1, 5, 6, 7, 8, 9, 10, 11, 12];

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
  const named = new Set([...state.families.values()].map((family) => family.logNumber));
  for (const log of [...state.logNames.keys()]) if (!named.has(log)) state.logNames.delete(log);
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
  else if (number === 9) state.nextFamilyId = body.varint();
  else if (number === 10) state.sealedFrom = body.varint();
  else if (number === 11) addKeyCheck(state, body);
  else state.logNames.set(body.varint(), body.take(24));
}

/** The lowest log that some family still needs. */
export function firstLogNumber(state: RawState): number {
  return Math.min(...[...state.families.values()].map((family) => family.logNumber));
}

function addKeyCheck(state: RawState, body: Bytes): void {
  const epoch = body.varint();
  const check = body.take(16);
  const known = state.keyChecks.get(epoch);
  assert.ok(known === undefined || compare(known, check) === 0, 'a key check never changes');
  state.keyChecks.set(epoch, check);
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
    ...storage(parts.get(5)),
  };
  assert.ok(state.families.has(table.familyId) && table.level <= 6);
  assert.ok(!state.tables.has(table.fileNumber), 'a file number is used twice');
  state.tables.set(table.fileNumber, table);
}

function storage(body: Bytes | undefined): Pick<RawTableFacts, 'codec' | 'protection' | 'salt'> {
  const protection = { suite: 0, epoch: 0, code: NO_CODE, stripe: undefined };
  if (body === undefined) return { codec: 0, protection, salt: undefined };
  assert.ok(body.bytes.some((byte) => byte !== 0));
  const found = { codec: body.u8(), protection: readProtection(body) };
  const isOlder = found.protection.suite === 0 && body.left === 0;
  const salt = isOlder ? undefined : body.take(16);
  assert.equal(body.left, 0);
  return { ...found, salt };
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
