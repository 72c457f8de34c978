/**
 * Bytes that come in pieces of any length, taken in lengths that are asked for.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import { corruption } from '../errors.ts';

/** See the module head. */
export class ByteStream {
  /** Bytes taken so far. */
  position: number;
  readonly #where: string;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #piece: Uint8Array;

  /** @param where it comes from, for messages */
  constructor(source: AsyncIterable<Uint8Array>, where: string) {
    this.position = 0;
    this.#where = where;
    this.#iterator = source[Symbol.asyncIterator]();
    this.#piece = new Uint8Array(0);
  }

  /** The next bytes, at least 1 and at most so many; lent until the next call. Empty at the end. */
  async some(lengthMax: number): Promise<Uint8Array> {
    while (this.#piece.length === 0) {
      const { done, value } = await this.#iterator.next();
      if (done === true) return new Uint8Array(0);
      if (!isBytes(value)) throw new TypeError('an export file comes as pieces of Uint8Array');
      this.#piece = value;
    }
    const bytes = this.#piece.subarray(0, lengthMax);
    this.#piece = this.#piece.subarray(bytes.length);
    this.position += bytes.length;
    return bytes;
  }

  /**
   * Gives out the next bytes, in parts that are lent.
   * @throws VarveError `CORRUPTION` where they end before
   */
  async *exactly(length: number): AsyncGenerator<Uint8Array, void> {
    for (let left = length; left > 0; ) {
      const bytes = await this.some(left);
      if (bytes.length === 0) throw corruption('it is cut short', this.#where, this.position);
      left -= bytes.length;
      yield bytes;
    }
  }

  /** Fresh bytes, of a length that is known to be small. @throws as {@link exactly} */
  async bytes(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const all = new Uint8Array(length);
    let at = 0;
    for await (const part of this.exactly(length)) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** @throws VarveError `CORRUPTION` unless so many zeros follow */
  async zeros(length: number): Promise<void> {
    for await (const part of this.exactly(length)) {
      if (part.some((byte) => byte !== 0)) {
        throw corruption('there are bytes where none may be', this.#where, this.position);
      }
    }
  }

  /** Nobody wants more of it. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
