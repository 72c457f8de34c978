/**
 * The cursor over nothing.
 * @module
 */
import type { Cursor } from '../key/cursor.ts';
import { NO_ENTRY_CHECKSUM } from '../key/entry-checksum.ts';
import { KIND_DELETE } from '../key/kind.ts';

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** A cursor that never stands on an entry. */
export class EmptyCursor implements Cursor {
  valid: boolean;
  keyBuf: Uint8Array;
  keyOff: number;
  keyLen: number;
  seqno: number;
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;

  constructor() {
    this.valid = false;
    this.keyBuf = NO_BYTES;
    this.keyOff = 0;
    this.keyLen = 0;
    this.seqno = 0;
    this.kind = KIND_DELETE;
    this.valBuf = NO_BYTES;
    this.valOff = 0;
    this.valLen = 0;
  }

  first(): boolean {
    return false;
  }

  last(): boolean {
    return false;
  }

  seek(_buf: Uint8Array, _off: number, _len: number, _seqno: number): boolean {
    return false;
  }

  seekForPrev(_buf: Uint8Array, _off: number, _len: number, _seqno: number): boolean {
    return false;
  }

  next(): boolean {
    return false;
  }

  prev(): boolean {
    return false;
  }

  keepValue(): boolean {
    return false;
  }

  entryChecksum(): number {
    return NO_ENTRY_CHECKSUM;
  }

  close(): void {}
}
