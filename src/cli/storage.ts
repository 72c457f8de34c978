/**
 * How a command that writes stores what it writes.
 * @module
 */
import { type Command, InvalidArgumentError } from 'commander';
import { ZSTD_LEVEL_MAX } from '../compress/zstd-limits.ts';
import { DATA_SHARDS_MAX, PARITY_SHARDS_MAX } from '../ecc/coding-matrix.ts';
import type {
  BlockCodeOptions,
  CompressionChoice,
  DbOptions,
  EccOptions,
  StripeOptions,
} from '../index.ts';

/** Options of commands that write. */
export interface StorageOptions {
  readonly compression?: CompressionChoice;
  readonly ecc?: EccOptions | false;
}

/** Adds `--compression` and `--ecc`. */
export function addStorage(command: Command): Command {
  return command
    .option(
      '--compression <codec>',
      'of new tables: none, lz4, zstd, zstd:1 to zstd:19; lz4 if absent',
      parseCompression,
    )
    .option(
      '--ecc <code>',
      'error correction of new files: none, secded, xor:DATA, rs:DATA,PARITY, each with ' +
        '+stripe:DATA,PARITY if wanted; none if absent',
      parseEcc,
    );
}

/** The options of `open` for what was chosen. */
export function storageOptions({ compression, ecc }: StorageOptions): DbOptions {
  return {
    ...(compression === undefined ? {} : { compression }),
    ...(ecc === undefined ? {} : { ecc }),
  };
}

function parseCompression(text: string): CompressionChoice {
  if (text === 'none' || text === 'lz4' || text === 'zstd') return text;
  const level = numberIn(/^zstd:(\d{1,3})$/, text, 1, ZSTD_LEVEL_MAX);
  if (level !== undefined) return { codec: 'zstd', level };
  throw new InvalidArgumentError(`It must be none, lz4, zstd or zstd:1 to zstd:${ZSTD_LEVEL_MAX}.`);
}

function parseEcc(text: string): EccOptions | false {
  const at = text.indexOf('+');
  const code = parseCode(at < 0 ? text : text.slice(0, at));
  if (at < 0 && code !== undefined) return code;
  const stripe = at < 0 ? undefined : parseShards('stripe', text.slice(at + 1));
  if (code !== undefined && stripe !== undefined) {
    return code === false ? { scheme: 'none', stripe } : { ...code, stripe };
  }
  throw new InvalidArgumentError(
    `It must be none, secded, xor:DATA or rs:DATA,PARITY, and may go on with` +
      ` +stripe:DATA,PARITY, with 1 to ${DATA_SHARDS_MAX} data and 1 to ${PARITY_SHARDS_MAX}` +
      ` parity shards.`,
  );
}

/** False for none, undefined for what is no code. */
function parseCode(text: string): BlockCodeOptions | false | undefined {
  if (text === 'none') return false;
  if (text === 'secded') return { scheme: 'secded' };
  const data = numberIn(/^xor:(\d{1,3})$/, text, 1, DATA_SHARDS_MAX);
  if (data !== undefined) return { scheme: 'xor', data };
  const shards = parseShards('rs', text);
  return shards === undefined ? undefined : { scheme: 'reed-solomon', ...shards };
}

/** `NAME:DATA,PARITY`. */
function parseShards(name: string, text: string): StripeOptions | undefined {
  if (!text.startsWith(`${name}:`)) return undefined;
  const numbers = text.slice(name.length + 1);
  const data = numberIn(/^(\d{1,3}),\d+$/, numbers, 1, DATA_SHARDS_MAX);
  const parity = numberIn(/^\d+,(\d{1,3})$/, numbers, 1, PARITY_SHARDS_MAX);
  return data === undefined || parity === undefined ? undefined : { data, parity };
}

function numberIn(pattern: RegExp, text: string, min: number, max: number): number | undefined {
  const match = pattern.exec(text);
  const number = Number(match?.[1]);
  return match !== null && number >= min && number <= max ? number : undefined;
}
