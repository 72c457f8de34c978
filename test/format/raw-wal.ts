/**
 * The WAL, read as docs/FORMAT.md says, as far as it is sound: a flaw ends it. What the flaw means
 * is not judged here.
 * @module
 */
import assert from 'node:assert/strict';
import { Bytes, compare } from './raw-bytes.ts';
import type { RawBlock, RawFile } from './raw-file.ts';
import type { RawEntry } from './raw-table.ts';

const TYPE_RECORD = 16;

/** One operation of a log. */
export interface RawOperation extends RawEntry {
  readonly familyId: number;
  readonly logNumber: number;
}

/** A log that counts, by number. */
export interface RawLog {
  readonly logNumber: number;
  /** Undefined for a log whose creation was cut off. */
  readonly file: RawFile | undefined;
  /** Where its batches begin. */
  readonly start: number;
  /** Its size at the last clean close, if the manifest names it. */
  readonly endBytes: number | undefined;
}

/** By number: protection and salt of the logs that the manifest names. Adds what logs name. */
export type RawNames = Map<number, Uint8Array>;

/**
 * The operations of the logs that are named, which ascend.
 * @throws AssertionError when a log that is named is not there, or another one
 */
export function readNamedLogs(logs: readonly RawLog[], names: RawNames): RawOperation[] {
  const operations: RawOperation[] = [];
  let lastSeqno: number | undefined;
  for (const { file, start, logNumber, endBytes } of logs) {
    const name = names.get(logNumber);
    if (name === undefined) continue;
    assert.ok(file !== undefined, 'a log that is named is there');
    assert.equal(compare(nameOf(file), name), 0, 'a log is the one that is named');
    const { baseSeqno } = file.header;
    if (lastSeqno !== undefined && baseSeqno > lastSeqno) break;
    assert.ok(lastSeqno === undefined || baseSeqno === lastSeqno);
    lastSeqno = baseSeqno;
    for (let at = start; at < (endBytes ?? file.bytes.length); ) {
      if (endBytes === undefined && file.bytes.subarray(at).every((byte) => byte === 0)) break;
      const block: RawBlock | undefined = file.recordAt(at, TYPE_RECORD);
      if (block === undefined) return operations;
      assert.equal(block.type, TYPE_RECORD);
      at = block.end;
      const next = readClosing(block.content);
      if (next === undefined) {
        const record = readRecord(block.content, logNumber);
        assert.equal(record[0]!.seqno, lastSeqno + 1, 'records leave no gap');
        operations.push(...record);
        lastSeqno = record.at(-1)!.seqno;
      } else {
        names.set(next.logNumber, next.name);
        const rest = file.bytes.subarray(at, endBytes);
        assert.ok(
          rest.every((byte) => byte === 0),
          'it is the last record',
        );
      }
    }
  }
  for (const number of names.keys()) assert.ok(logs.some((log) => log.logNumber === number));
  return operations;
}

/** Bytes 48 to 55 and 16 to 31 of the header. */
function nameOf({ header: { copy } }: RawFile): Uint8Array {
  return new Uint8Array([...copy.subarray(48, 56), ...copy.subarray(16, 32)]);
}

function readClosing(content: Uint8Array): { logNumber: number; name: Uint8Array } | undefined {
  const reader = new Bytes(content);
  if (content.length !== 40 || reader.u64() !== 0) return undefined;
  return { logNumber: reader.u64(), name: reader.take(24) };
}

/** The operations of a chain of logs of an older version, which ascend. */
export function readLogs(logs: readonly RawLog[]): RawOperation[] {
  const operations: RawOperation[] = [];
  let lastSeqno: number | undefined;
  for (const [i, { file, start, logNumber, endBytes }] of logs.entries()) {
    if (file === undefined) continue;
    const { baseSeqno } = file.header;
    const laterBases = logs.slice(i + 1).map((later) => later.file?.header.baseSeqno);
    const voidAbove = Math.min(...laterBases.map((base) => base ?? Number.POSITIVE_INFINITY));
    if (baseSeqno > voidAbove) continue;
    if (lastSeqno !== undefined && baseSeqno > lastSeqno) break;
    lastSeqno = baseSeqno;
    let at = start;
    for (const end = endBytes ?? file.bytes.length; at < end && lastSeqno < voidAbove; ) {
      const block: RawBlock | undefined = file.recordAt(at, TYPE_RECORD);
      if (block === undefined) return operations;
      assert.equal(block.type, TYPE_RECORD);
      const record = readRecord(block.content, logNumber);
      assert.equal(record[0]!.seqno, lastSeqno + 1, 'records leave no gap');
      operations.push(...record);
      lastSeqno = record.at(-1)!.seqno;
      at = block.end;
    }
    if (endBytes !== undefined) assert.equal(at, endBytes, 'end of a log that was closed');
  }
  return operations;
}

/**
 * Where the batches of a log begin: behind a record without content if it is encrypted. If that is
 * not sound, the header does not count; undefined then.
 */
export function firstBatchAt(file: RawFile): number | undefined {
  if (file.header.protection.suite === 0) return file.start;
  const block = file.recordAt(file.start, TYPE_RECORD);
  if (block === undefined) return undefined;
  assert.deepEqual([block.type, block.content.length], [TYPE_RECORD, 0], 'first record');
  return block.end;
}

/** The operations of one record. */
export function readRecord(content: Uint8Array, logNumber: number): RawOperation[] {
  const reader = new Bytes(content);
  const firstSeqno = reader.u64();
  const durableSeqno = reader.u64();
  const count = reader.u32();
  assert.ok(firstSeqno > 0 && count > 0 && durableSeqno < firstSeqno);
  const operations: RawOperation[] = [];
  for (let i = 0; i < count; i++) {
    const kind = reader.u8();
    assert.ok(kind <= 1, `kind ${kind}`);
    const familyId = reader.varint();
    const key = reader.prefixed();
    const value = kind === 1 ? reader.prefixed() : new Uint8Array(0);
    operations.push({ key, seqno: firstSeqno + i, kind, value, familyId, logNumber });
  }
  assert.equal(reader.left, 0);
  return operations;
}
