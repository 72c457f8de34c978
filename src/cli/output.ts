/**
 * Where results go: standard output or a file, with back pressure. A reader that has seen enough
 * (`varve scan db | head`) is no error: the output is closed then, and commands stop writing to it.
 * @module
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { systemCode } from './failure.ts';

/** Short lines are gathered to pieces of this size. */
const PIECE_BYTES = 65_536;

/** See the module head. */
export class Output {
  readonly #stream: Writable;
  readonly #ends: boolean;
  #pieces: string[];
  #length: number;
  #error: Error | undefined;
  #isClosed: boolean;

  private constructor(stream: Writable, ends: boolean) {
    this.#stream = stream;
    this.#ends = ends;
    this.#pieces = [];
    this.#length = 0;
    this.#error = undefined;
    this.#isClosed = false;
    stream.on('error', (error: Error) => {
      this.#isClosed = true;
      if (systemCode(error) !== 'EPIPE') this.#error = error;
    });
  }

  /** Standard output; make one per process. */
  static standard(): Output {
    return new Output(process.stdout, false);
  }

  /** A file, replaced if it exists. What goes wrong with it is thrown by the calls below. */
  static file(path: string): Output {
    return new Output(createWriteStream(path), true);
  }

  /** True when nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Adds text. @throws the error of an earlier write */
  async text(text: string): Promise<void> {
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length >= PIECE_BYTES) await this.flush();
  }

  /** Adds one JSON document as a line. */
  json(document: unknown): Promise<void> {
    return this.text(`${JSON.stringify(document)}\n`);
  }

  /** Adds bytes as they are; borrows them until the promise resolves. */
  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(bytes);
  }

  /** Resolves when the stream has taken what was added. */
  async flush(): Promise<void> {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    this.#length = 0;
    await this.#write(pieces.length === 1 ? pieces[0]! : pieces.join(''));
  }

  /** Flushes, and closes a file. */
  async end(): Promise<void> {
    await this.flush();
    if (!this.#ends) return;
    this.#stream.end();
    await finished(this.#stream);
  }

  /** Waits for the write itself: its bytes are lent, and its error belongs to the caller. */
  async #write(chunk: string | Uint8Array): Promise<void> {
    if (!this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#stream.write(chunk, () => resolve());
      });
      // The stream reports errors after it calls back.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (this.#error !== undefined) throw this.#error;
  }
}
