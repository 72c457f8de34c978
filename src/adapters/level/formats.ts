/**
 * Keys and values in the three forms that abstract-level passes in and asks for: `utf8` (strings),
 * `buffer` (Node's Buffer) and `view` (Uint8Array).
 *
 * Node's Buffer is a part of Level's API, and the cheapest way from bytes to strings. Where there
 * is none the form `buffer` is not offered, and abstract-level makes do with `view`.
 * @module
 */

import { CopyPool } from '../../bytes/copy-pool.ts';
import { isBytes } from '../../bytes/is-bytes.ts';

/** The form of keys or values in one call. */
export type Format = 'buffer' | 'utf8' | 'view';

/** A key or value in one of the forms. */
export type Encoded = string | Uint8Array;

const NodeBuffer: typeof Buffer | undefined = globalThis.Buffer;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** True when `buffer` can be offered. */
export const HAS_BUFFER: boolean = NodeBuffer !== undefined;

/**
 * What a caller of abstract-level passed, as the engine takes it. Lone surrogates, which UTF-8 does
 * not have, become U+FFFD, as everywhere in Level. Lends the bytes of `data`.
 */
export function engineBytes(data: Encoded): Encoded {
  if (typeof data === 'string') return data.toWellFormed();
  if (isBytes(data)) return data;
  // The form `view` allows every typed array, and arrays of another realm.
  const view = data as ArrayBufferView;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A value of the engine in a form other than `view`; a fresh copy. Borrows `bytes`. */
export function copyAs(format: Format, bytes: Uint8Array): Encoded {
  return format === 'utf8' ? decoder.decode(bytes) : NodeBuffer!.from(bytes);
}

/** Takes byte ranges out of the memory that a cursor lends, as fresh keys or values of one form. */
export abstract class RangeCopier {
  /** A fresh copy of `buf[off, off + len)`. Borrows `buf`. */
  abstract copy(buf: Uint8Array, off: number, len: number): Encoded;

  static for(format: Format): RangeCopier {
    if (format === 'view') return new ViewCopier();
    if (NodeBuffer === undefined) return new TextCopier();
    return format === 'utf8' ? new BufferTextCopier() : new BufferCopier();
  }
}

class ViewCopier extends RangeCopier {
  readonly #copies = new CopyPool();

  copy(buf: Uint8Array, off: number, len: number): Uint8Array {
    return this.#copies.copy(buf, off, len);
  }
}

class TextCopier extends RangeCopier {
  copy(buf: Uint8Array, off: number, len: number): string {
    return decoder.decode(buf.subarray(off, off + len));
  }
}

/** Buffers over the memory that was lent last: neighbours in key order mostly share it. */
class LentBuffer {
  #source: Uint8Array | undefined;
  #buffer: Buffer;

  constructor() {
    this.#source = undefined;
    this.#buffer = NodeBuffer!.alloc(0);
  }

  over(source: Uint8Array): Buffer {
    if (source !== this.#source) {
      this.#source = source;
      this.#buffer = NodeBuffer!.from(source.buffer, source.byteOffset, source.byteLength);
    }
    return this.#buffer;
  }
}

class BufferTextCopier extends RangeCopier {
  readonly #lent = new LentBuffer();

  copy(buf: Uint8Array, off: number, len: number): string {
    return this.#lent.over(buf).toString('utf8', off, off + len);
  }
}

class BufferCopier extends RangeCopier {
  readonly #lent = new LentBuffer();

  copy(buf: Uint8Array, off: number, len: number): Buffer {
    const copy = NodeBuffer!.allocUnsafe(len);
    this.#lent.over(buf).copy(copy, 0, off, off + len);
    return copy;
  }
}
