/**
 * The WAL, read as docs/FORMAT.md says, as far as it is sound: a flaw ends it. What the flaw means
 * is not judged here.
 * @module
 */
import assert from 'node:assert/strict';
import { Bytes, FILE_HEADER_BYTES, readBlock, readFileHeader } from './raw-bytes.ts';
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
  readonly file: Uint8Array;
  /** Its size at the last clean close, if the manifest names it. */
  readonly endBytes: number | undefined;
}

/** The operations of a chain of logs, which ascend. */
export function readLogs(logs: readonly RawLog[]): RawOperation[] {
  const operations: RawOperation[] = [];
  let lastSeqno: number | undefined;
  for (const [i, log] of logs.entries()) {
    const header = readFileHeader(log.file);
    if (header === undefined) {
      assert.ok(log.file.length <= FILE_HEADER_BYTES && log.endBytes === undefined);
      continue;
    }
    assert.deepEqual([header.fileClass, header.fileNumber], ['W', log.logNumber]);
    const laterBases = logs.slice(i + 1).map(({ file }) => readFileHeader(file)?.baseSeqno);
    const voidAbove = Math.min(...laterBases.map((base) => base ?? Number.POSITIVE_INFINITY));
    if (header.baseSeqno > voidAbove) continue;
    if (lastSeqno !== undefined && header.baseSeqno > lastSeqno) break;
    lastSeqno = header.baseSeqno;
    const bytes = log.file.subarray(0, log.endBytes);
    for (let at = FILE_HEADER_BYTES; at < bytes.length && lastSeqno < voidAbove; ) {
      const block = readBlock(bytes, at, header.seed);
      if (block === undefined) return operations;
      assert.equal(block.type, TYPE_RECORD);
      const record = readRecord(block.content, log.logNumber);
      assert.equal(record[0]!.seqno, lastSeqno + 1, 'records leave no gap');
      operations.push(...record);
      lastSeqno = record.at(-1)!.seqno;
      at = block.end;
    }
  }
  return operations;
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
