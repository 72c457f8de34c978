/**
 * The reusable answer of a point lookup.
 * @module
 */
import { KIND_DELETE } from './kind.ts';

/**
 * Filled by the `get` of a memtable or table when it returns true. `valBuf` is lent: the bytes
 * stand until the structure it came from is changed or released.
 */
export class Lookup {
  seqno: number;
  /** `KIND_DELETE` means that the key is known to be absent; `KIND_PUT` that the value is here. */
  kind: number;
  valBuf: Uint8Array;
  valOff: number;
  valLen: number;

  constructor() {
    this.seqno = 0;
    this.kind = KIND_DELETE;
    this.valBuf = EMPTY;
    this.valOff = 0;
    this.valLen = 0;
  }
}

const EMPTY = new Uint8Array(0);
