/**
 * How tables are compressed, as users say it and as the engine works with it.
 * @module
 */
import { isBytes } from '../bytes/is-bytes.ts';
import type { CodecName } from './port.ts';
import { DICTIONARY_BYTES_MAX, DICTIONARY_BYTES_MIN, ZstdDictionary } from './zstd-dictionary.ts';
import { ZSTD_LEVEL_MAX, ZSTD_LEVEL_MIN } from './zstd-limits.ts';

/** Zstd with settings; its name alone means level 3 and no dictionary. */
export interface ZstdOptions {
  readonly codec: 'zstd';
  /** 1 (fast) to 19 (small); 3 if absent. */
  readonly level?: number;
  /**
   * Content that blocks are likely to repeat: bytes of your own, 8 bytes to 64 KiB, copied; or the
   * size of a dictionary that each table makes of samples of its entries, 1 KiB to 64 KiB. None if
   * absent.
   */
  readonly dictionary?: Uint8Array | { readonly trainedBytes: number };
}

/** One way to compress. */
export type CompressionChoice = CodecName | ZstdOptions;

/**
 * One way for all levels of the tree, or one per level from L0 down (the last repeats). LZ4 if
 * absent.
 */
export type CompressionOptions = CompressionChoice | readonly CompressionChoice[];

/** A checked choice, every setting filled in. */
export interface CodecSettings {
  readonly codec: CodecName;
  /** Of zstd; 0 for others. */
  readonly level: number;
  /** The dictionary that the user gave. */
  readonly dictionary: ZstdDictionary | undefined;
  /** The size of one to be trained for each table; 0 for none. */
  readonly trainedBytes: number;
}

/** What the levels of a tree are compressed with, from L0 down: at least one; the last repeats. */
export type CompressionPolicy = readonly CodecSettings[];

export const ZSTD_LEVEL_DEFAULT = 3;
/** LZ4 has none to choose. */
export const LZ4_SETTINGS: CodecSettings = {
  codec: 'lz4',
  level: 0,
  dictionary: undefined,
  trainedBytes: 0,
};
const TRAINED_BYTES_MIN = 1024;

const CODEC_NAMES: readonly unknown[] = ['none', 'lz4', 'zstd'] satisfies CodecName[];
const OPTION_NAMES = ['codec', 'level', 'dictionary'];

/**
 * Checks what a user chose and fills in the defaults. `false` means `'none'`.
 * @param levelsMax levels of the tree
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value out of range
 */
export function parseCompression(
  options: CompressionOptions | false | undefined,
  levelsMax: number,
): CompressionPolicy {
  if (options === undefined) return [LZ4_SETTINGS];
  if (options === false) return [settings('none')];
  if (!Array.isArray(options)) return [parseChoice(options as CompressionChoice, 'compression')];
  if (options.length === 0 || options.length > levelsMax) {
    throw new RangeError(`compression must list 1 to ${levelsMax} levels`);
  }
  return Array.from(options, (choice, i) => parseChoice(choice, `compression[${i}]`));
}

/** What a table of this level of the tree is written with. */
export function settingsFor(policy: CompressionPolicy, level: number): CodecSettings {
  return policy[Math.min(level, policy.length - 1)]!;
}

/** True if tables of this policy cannot be written without zstd. */
export function needsZstd(policy: CompressionPolicy): boolean {
  return policy.some(({ codec }) => codec === 'zstd');
}

function parseChoice(choice: CompressionChoice, label: string): CodecSettings {
  if (typeof choice === 'object' && choice !== null) return parseZstd(choice, label);
  if (typeof choice !== 'string') {
    throw new TypeError(`${label} must be the name of a codec or an object`);
  }
  if (!CODEC_NAMES.includes(choice)) {
    throw new TypeError(`${label}: unknown codec ${JSON.stringify(choice)}`);
  }
  return settings(choice);
}

function parseZstd(options: ZstdOptions, label: string): CodecSettings {
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.includes(name));
  if (unknown !== undefined) throw new TypeError(`unknown option of ${label}: ${unknown}`);
  if (options.codec !== 'zstd') throw new TypeError(`${label}.codec must be 'zstd'`);
  const { level = ZSTD_LEVEL_DEFAULT, dictionary } = options;
  checkInteger(level, ZSTD_LEVEL_MIN, ZSTD_LEVEL_MAX, `${label}.level`);
  if (dictionary === undefined) return { ...settings('zstd'), level };
  if (isBytes(dictionary)) {
    checkInteger(
      dictionary.length,
      DICTIONARY_BYTES_MIN,
      DICTIONARY_BYTES_MAX,
      `${label}.dictionary.length`,
    );
    return { ...settings('zstd'), level, dictionary: new ZstdDictionary(dictionary) };
  }
  if (typeof dictionary !== 'object' || dictionary === null) {
    throw new TypeError(`${label}.dictionary must be a Uint8Array or { trainedBytes }`);
  }
  const { trainedBytes } = dictionary;
  checkInteger(
    trainedBytes,
    TRAINED_BYTES_MIN,
    DICTIONARY_BYTES_MAX,
    `${label}.dictionary.trainedBytes`,
  );
  return { ...settings('zstd'), level, trainedBytes };
}

function settings(codec: CodecName): CodecSettings {
  const level = codec === 'zstd' ? ZSTD_LEVEL_DEFAULT : 0;
  return { codec, level, dictionary: undefined, trainedBytes: 0 };
}

function checkInteger(value: unknown, min: number, max: number, label: string): void {
  if (typeof value !== 'number') throw new TypeError(`${label} must be a number`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${label} must be an integer from ${min} to ${max}`);
  }
}
