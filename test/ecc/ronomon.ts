/**
 * `@ronomon/reed-solomon` as the oracle for parity: native, so only tests and benches may need it.
 * @module
 */
import { createRequire } from 'node:module';

interface Ronomon {
  create(dataShards: number, parityShards: number): Buffer;
  encode(
    context: Buffer,
    sources: number,
    targets: number,
    buffer: Buffer,
    bufferOff: number,
    bufferBytes: number,
    parity: Buffer,
    parityOff: number,
    parityBytes: number,
    done: (error?: Error) => void,
  ): void;
}

const ronomon = createRequire(import.meta.url)('@ronomon/reed-solomon') as Ronomon;

/** One of its codes. */
export class RonomonCode {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly #context: Buffer;

  constructor(dataShards: number, parityShards: number) {
    this.dataShards = dataShards;
    this.parityShards = parityShards;
    this.#context = ronomon.create(dataShards, parityShards);
  }

  /**
   * The parity of `data`, whose length is a multiple of 8 k.
   * @param parity takes it
   */
  encode(data: Uint8Array<ArrayBuffer>, parity: Uint8Array<ArrayBuffer>): Promise<void> {
    const sources = 2 ** this.dataShards - 1;
    const targets = (2 ** this.parityShards - 1) * 2 ** this.dataShards;
    const from = Buffer.from(data.buffer, data.byteOffset, data.length);
    const to = Buffer.from(parity.buffer, parity.byteOffset, parity.length);
    return new Promise((resolve, reject) => {
      ronomon.encode(
        this.#context,
        sources,
        targets,
        from,
        0,
        from.length,
        to,
        0,
        to.length,
        (error) => (error ? reject(error) : resolve()),
      );
    });
  }
}
