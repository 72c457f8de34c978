/**
 * How a command that writes stores what it writes.
 * @module
 */
import { type Command, InvalidArgumentError } from 'commander';
import { ZSTD_LEVEL_MAX } from '../compress/zstd-limits.ts';
import { DATA_SHARDS_MAX, PARITY_SHARDS_MAX } from '../ecc/coding-matrix.ts';
import type { CompressionChoice, DbOptions, EccOptions } from '../index.ts';

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
      'error correction of new files: none, secded, xor:DATA, rs:DATA,PARITY; none if absent',
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
  if (text === 'none') return false;
  if (text === 'secded') return { scheme: 'secded' };
  const shards = numberIn(/^xor:(\d{1,3})$/, text, 1, DATA_SHARDS_MAX);
  if (shards !== undefined) return { scheme: 'xor', data: shards };
  const data = numberIn(/^rs:(\d{1,3}),\d+$/, text, 1, DATA_SHARDS_MAX);
  const parity = numberIn(/^rs:\d+,(\d{1,3})$/, text, 1, PARITY_SHARDS_MAX);
  if (data !== undefined && parity !== undefined) return { scheme: 'reed-solomon', data, parity };
  throw new InvalidArgumentError(
    `It must be none, secded, xor:DATA or rs:DATA,PARITY, with 1 to ${DATA_SHARDS_MAX} data and` +
      ` 1 to ${PARITY_SHARDS_MAX} parity shards.`,
  );
}

function numberIn(pattern: RegExp, text: string, min: number, max: number): number | undefined {
  const match = pattern.exec(text);
  const number = Number(match?.[1]);
  return match !== null && number >= min && number <= max ? number : undefined;
}
