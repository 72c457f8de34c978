/**
 * The reusable answer of a point lookup.
 * @module
 */
import { KIND_DELETE } from './kind.ts';

/**
 * Filled by the `get` of a memtable or table when it returns true. `valBuf` is lent: the bytes
 * stand until the next lookup or the next move of a cursor, in whatever table, and no longer than
 * the structure that they came from.
 */
export class Lookup {
  /** Set by the caller: bytes of a table are lent for as long as somebody holds them. */
  isKept: boolean;
  seqno: number;
  /** `KIND_DELETE` means that the key is known to be absent; `KIND_PUT` that the value is here. */
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;

  constructor() {
    this.isKept = false;
    this.seqno = 0;
    this.kind = KIND_DELETE;
    this.valBuf = EMPTY;
    this.valOff = 0;
    this.valLen = 0;
  }
}

const EMPTY = new Uint8Array(0);
