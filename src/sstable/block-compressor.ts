/**
 * How the blocks of one table are compressed. Where a dictionary is to be trained, the first data
 * blocks are held back as its samples.
 * @module
 */
import type { BlockCompression } from '../block/block-writer.ts';
import type { Pipeline } from '../block/pipeline.ts';
import { type CodecSettings, LZ4_SETTINGS } from '../compress/options.ts';
import { CODEC_NONE } from '../compress/port.ts';
import { trainDictionary } from '../compress/train-dictionary.ts';
import { DICTIONARY_BYTES_MIN, ZstdDictionary } from '../compress/zstd-dictionary.ts';

/** Samples are gathered up to so many times the dictionary's size, or to the most of all. */
const SAMPLES_PER_DICTIONARY = 100;
const SAMPLES_BYTES_MAX = 0x40_0000;
/** A dictionary that is not this many times smaller than what it was made of costs too much. */
const SAMPLES_PER_DICTIONARY_MIN = 8;

export class BlockCompressor {
  /** For data blocks, once nothing is held back any more; undefined: not compressed. */
  data: BlockCompression | undefined;
  /** For the index: never with a dictionary. */
  readonly index: BlockCompression | undefined;
  /** The dictionary of `data`. */
  dictionary: ZstdDictionary | undefined;
  readonly #pipeline: Pipeline;
  readonly #settings: CodecSettings;
  #samples: Uint8Array[] | undefined;
  #sampleBytes: number;

  constructor(pipeline: Pipeline, wanted: CodecSettings) {
    const isReady = wanted.codec !== 'zstd' || pipeline.isZstdReady;
    const settings = isReady ? wanted : LZ4_SETTINGS;
    this.#pipeline = pipeline;
    this.#settings = settings;
    this.dictionary = settings.dictionary;
    this.data = pipeline.compression(settings, settings.dictionary);
    this.index =
      settings.dictionary === undefined ? this.data : pipeline.compression(settings, undefined);
    this.#samples = settings.trainedBytes > 0 ? [] : undefined;
    this.#sampleBytes = 0;
  }

  /** A `CODEC_*` number; final once nothing is held back. */
  get codecId(): number {
    return this.data?.codec.id ?? CODEC_NONE;
  }

  /** True while data blocks are held back as samples. */
  get isSampling(): boolean {
    return this.#samples !== undefined;
  }

  /** Bytes of the contents that are held back. */
  get heldBytes(): number {
    return this.#sampleBytes;
  }

  /**
   * Takes the content of a data block as a sample.
   * @returns true when there are enough
   */
  hold(content: Uint8Array): boolean {
    this.#samples!.push(content);
    this.#sampleBytes += content.length;
    const wanted = this.#settings.trainedBytes * SAMPLES_PER_DICTIONARY;
    return this.#sampleBytes >= Math.min(wanted, SAMPLES_BYTES_MAX);
  }

  /** Trains the dictionary, if it is worth its bytes, and gives the samples back, in order. */
  release(): readonly Uint8Array[] {
    const samples = this.#samples ?? [];
    const { trainedBytes } = this.#settings;
    const mostBytes = Math.floor(this.#sampleBytes / SAMPLES_PER_DICTIONARY_MIN);
    if (trainedBytes > 0 && mostBytes >= DICTIONARY_BYTES_MIN) {
      const bytes = trainDictionary(samples, Math.min(trainedBytes, mostBytes));
      if (bytes.length >= DICTIONARY_BYTES_MIN) {
        this.dictionary = this.#pipeline.dictionary(new ZstdDictionary(bytes));
        this.data = this.#pipeline.compression(this.#settings, this.dictionary);
      }
    }
    this.#samples = undefined;
    this.#sampleBytes = 0;
    return samples;
  }
}
