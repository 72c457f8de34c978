/**
 * zstd-codec (zstd in WebAssembly, by Emscripten), with its traps closed: it starts
 * asynchronously, answers failures with odd values, and lives in a heap of 16 MiB that cannot grow
 * and ends the module when it is full. So everything here has a size that is bounded, and three
 * buffers in that heap are made once: its vectors grow by single bytes, 3 ns each, and a view of
 * one costs 3 us.
 * @module
 */
import { assert, VarveError } from '../errors.ts';
import type { ZstdDictionary } from './zstd-dictionary.ts';
import { ZSTD_CONTENT_BYTES_MAX } from './zstd-limits.ts';

/** Content above this is compressed at `LARGE_LEVEL_MAX` at most: more would not fit the heap. */
const LARGE_CONTENT_BYTES = 0x2_0000;
const LARGE_LEVEL_MAX = 3;
/** Prepared dictionaries that stay in the heap. */
const WRITERS_MAX = 1;
const READERS_MAX = 8;

/** A C++ object, freed by `delete`. */
interface Handle {
  delete(): void;
}

interface Vector extends Handle {
  /** Growing fills with `value`; shrinking keeps the memory. */
  resize(length: number, value: number): void;
}

/** Results are lengths; negative ones are failures. */
interface Codec {
  compress(dst: Vector, src: Vector, level: number): number;
  compressUsingDict(dst: Vector, src: Vector, dictionary: Handle): number;
  decompress(dst: Vector, src: Vector): number;
  decompressUsingDict(dst: Vector, src: Vector, dictionary: Handle): number;
}

/** What is used of the module. */
interface Binding {
  readonly VectorU8: new () => Vector;
  readonly ZstdCodec: new () => Codec;
  toTypedArrayView(vector: Vector): Uint8Array;
  createCompressionDict(bytes: Uint8Array, level: number): Handle;
  createDecompressionDict(bytes: Uint8Array): Handle;
}

/** What the module is started with. */
interface Start {
  onRuntimeInitialized(): void;
  onAbort(reason: unknown): void;
  print(text: string): void;
  printErr(text: string): void;
}

/** The buffer of a vector that has been made as large as it will ever be. */
class HeapBuffer {
  readonly vector: Vector;
  readonly bytes: Uint8Array;

  constructor(binding: Binding) {
    this.vector = new binding.VectorU8();
    this.vector.resize(ZSTD_CONTENT_BYTES_MAX, 0);
    this.bytes = binding.toTypedArrayView(this.vector);
  }

  /** Takes `src[off, off + len)` in, and nothing else. */
  take(src: Uint8Array, off: number, len: number): void {
    this.vector.resize(len, 0);
    this.bytes.set(src.subarray(off, off + len));
  }
}

/** A dictionary in the form that one direction and level needs. */
class Prepared {
  readonly dictionary: ZstdDictionary;
  readonly level: number;
  readonly handle: Handle;

  constructor(dictionary: ZstdDictionary, level: number, handle: Handle) {
    this.dictionary = dictionary;
    this.level = level;
    this.handle = handle;
  }
}

/** One running module; results stand in `out` until the next call. Not reentrant. */
export class ZstdModule {
  readonly #binding: Binding;
  readonly #codec: Codec;
  readonly #content: HeapBuffer;
  readonly #frame: HeapBuffer;
  readonly #out: HeapBuffer;
  /** Most recently used last. */
  readonly #writers: Prepared[];
  readonly #readers: Prepared[];

  constructor(binding: Binding) {
    this.#binding = binding;
    this.#codec = new binding.ZstdCodec();
    this.#content = new HeapBuffer(binding);
    this.#frame = new HeapBuffer(binding);
    this.#out = new HeapBuffer(binding);
    this.#writers = [];
    this.#readers = [];
  }

  /** Lent until the next call: where results stand, from 0. */
  get out(): Uint8Array {
    return this.#out.bytes;
  }

  /**
   * Makes a frame of `src[off, off + len)`, 1 to `ZSTD_CONTENT_BYTES_MAX` bytes. Borrows `src`.
   * @returns its length, or a negative number if it would be longer than that
   */
  compress(
    src: Uint8Array,
    off: number,
    len: number,
    level: number,
    dictionary: ZstdDictionary | undefined,
  ): number {
    assert(len > 0 && len <= ZSTD_CONTENT_BYTES_MAX, 'zstd takes contents of limited size only');
    this.#content.take(src, off, len);
    const fitting = len > LARGE_CONTENT_BYTES ? Math.min(level, LARGE_LEVEL_MAX) : level;
    const [out, content] = [this.#out.vector, this.#content.vector];
    if (dictionary === undefined) return this.#codec.compress(out, content, fitting);
    return this.#codec.compressUsingDict(out, content, this.#writer(dictionary, fitting));
  }

  /**
   * Decompresses `src[off, off + len)`, at most `ZSTD_CONTENT_BYTES_MAX` bytes that may be damaged.
   * Borrows `src`.
   * @returns the length of the content, or a negative number if there is none
   */
  decompress(
    src: Uint8Array,
    off: number,
    len: number,
    dictionary: ZstdDictionary | undefined,
  ): number {
    assert(len <= ZSTD_CONTENT_BYTES_MAX, 'zstd takes frames of limited size only');
    this.#frame.take(src, off, len);
    const [out, frame] = [this.#out.vector, this.#frame.vector];
    if (dictionary === undefined) return this.#codec.decompress(out, frame);
    return this.#codec.decompressUsingDict(out, frame, this.#reader(dictionary));
  }

  #writer(dictionary: ZstdDictionary, level: number): Handle {
    return prepared(this.#writers, WRITERS_MAX, dictionary, level, () =>
      this.#binding.createCompressionDict(dictionary.bytes, level),
    );
  }

  #reader(dictionary: ZstdDictionary): Handle {
    return prepared(this.#readers, READERS_MAX, dictionary, 0, () =>
      this.#binding.createDecompressionDict(dictionary.bytes),
    );
  }
}

/** Finds a dictionary in `list`, or prepares it and drops the one that was not used for longest. */
function prepared(
  list: Prepared[],
  max: number,
  dictionary: ZstdDictionary,
  level: number,
  prepare: () => Handle,
): Handle {
  const last = list.at(-1);
  if (last?.dictionary === dictionary && last.level === level) return last.handle;
  const at = list.findIndex((each) => each.dictionary === dictionary && each.level === level);
  if (at >= 0) {
    const [found] = list.splice(at, 1);
    list.push(found!);
    return found!.handle;
  }
  if (list.length === max) list.shift()?.handle.delete();
  const handle = prepare();
  list.push(new Prepared(dictionary, level, handle));
  return handle;
}

let loading: Promise<ZstdModule> | undefined;
let loaded: ZstdModule | undefined;

/**
 * Starts the module, once; takes 50 to 100 ms. After a failure the next call tries again.
 * @throws VarveError `UNSUPPORTED` where it cannot run
 */
export async function loadZstdModule(): Promise<void> {
  loading ??= start();
  try {
    loaded = await loading;
  } catch (cause) {
    loading = undefined;
    throw new VarveError('UNSUPPORTED', 'zstd cannot run here', { cause });
  }
}

/** The module that {@link loadZstdModule} started. */
export function zstdModule(): ZstdModule {
  assert(loaded !== undefined, 'zstd is loaded before it is used');
  return loaded;
}

async function start(): Promise<ZstdModule> {
  // The package makes functions from text. Where a content security policy forbids that, it would
  // fail in a place from which nobody hears of it.
  new Function();
  const { default: run } = await import('./zstd-binding.js');
  return new Promise((resolve, reject) => {
    const binding: Start = {
      // The module fills in the object that it is given, and has no promise of its own.
      onRuntimeInitialized: () => {
        try {
          resolve(new ZstdModule(binding as unknown as Binding));
        } catch (error) {
          reject(error);
        }
      },
      onAbort: reject,
      print: () => {},
      printErr: () => {},
    };
    run(binding);
  });
}
