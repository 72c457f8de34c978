/**
 * `varve scan`.
 * @module
 */
import { Command } from 'commander';
import type { EntriesOptions } from '../index.ts';
import { type Encoding, keyArgument, toJson, toShortText, toText } from './encoding.ts';
import { usageError } from './failure.ts';
import { addKeys } from './keys.ts';
import {
  addEncoding,
  addFamily,
  addJson,
  type EncodingOptions,
  type FamilyOptions,
  parseCount,
} from './options.ts';
import type { Output } from './output.ts';
import { withReader } from './session.ts';
import { SKIP_OPTION, tellSkipped } from './skipped.ts';

/** A terminal shows this much of a value; a pipe gets all of it. */
const TERMINAL_VALUE_BYTES = 160;

interface ScanOptions extends FamilyOptions, EncodingOptions {
  readonly prefix?: string;
  readonly gte?: string;
  readonly gt?: string;
  readonly lte?: string;
  readonly lt?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly keysOnly?: boolean;
  readonly valuesOnly?: boolean;
  readonly skip?: boolean;
}

/** The command, which prints to `output`. */
export function scanCommand(output: Output): Command {
  const command = new Command('scan')
    .description('print the entries of a range, one a line: key, tab, value')
    .argument('<db>', 'directory of the database')
    .option('--prefix <key>', 'keys that begin so')
    .option('--gte <key>', 'keys from this one on')
    .option('--gt <key>', 'keys after this one')
    .option('--lte <key>', 'keys up to this one')
    .option('--lt <key>', 'keys before this one')
    .option('--reverse', 'from the last key to the first')
    .option('--limit <n>', 'stop after this many entries', parseCount)
    .option('--keys-only', 'print keys without values')
    .option('--values-only', 'print values without keys')
    .option(...SKIP_OPTION)
    .addHelpText(
      'after',
      '\nBytes that are no printable text are shown as \\n, \\t, \\xNN or \\u{n}, and \\ as \\\\.' +
        '\nA terminal shows the beginning of long values, a pipe or --json all of them.',
    )
    .action(async (path: string, options: ScanOptions) => {
      if (options.keysOnly && options.valuesOnly) {
        throw usageError('--keys-only and --values-only exclude each other');
      }
      await withReader(path, options, async (db) => {
        const range = rangeOf(options);
        const print = printerOf(output, options);
        // Without values wanted, none is copied.
        if (options.keysOnly) {
          const keys = db.keys(range);
          for (const key of keys) {
            if (output.isClosed) return;
            await print(key, undefined);
          }
          tellSkipped(keys.lostRanges, options.encoding);
          return;
        }
        const entries = db.entries({ ...range, borrow: true });
        for (const [key, value] of entries) {
          if (output.isClosed) return;
          await print(options.valuesOnly ? undefined : key, value);
        }
        tellSkipped(entries.lostRanges, options.encoding);
      });
    });
  addKeys(command, 'read');
  return addJson(addEncoding(addFamily(command, 'column family; default if absent')));
}

function rangeOf(options: ScanOptions): EntriesOptions {
  const { encoding, family, limit, reverse } = options;
  const bounds: { [bound: string]: Uint8Array } = {};
  for (const name of ['prefix', 'gte', 'gt', 'lte', 'lt'] as const) {
    const text = options[name];
    if (text !== undefined) bounds[name] = keyArgument(text, encoding);
  }
  return {
    ...bounds,
    reverse: reverse === true,
    fillCache: false,
    onDamage: options.skip === true ? 'skip' : 'throw',
    ...(limit === undefined ? {} : { limit }),
    ...(family === undefined ? {} : { columnFamily: family }),
  };
}

/** Prints an entry; borrows its bytes until the call returns. */
type Printer = (key: Uint8Array | undefined, value: Uint8Array | undefined) => Promise<void>;

function printerOf(output: Output, { json, encoding }: ScanOptions): Printer {
  if (json) {
    return (key, value) =>
      output.json({
        ...(key === undefined ? {} : { key: toJson(key, encoding) }),
        ...(value === undefined ? {} : { value: toJson(value, encoding) }),
      });
  }
  const showValue =
    process.stdout.isTTY === true
      ? (value: Uint8Array, how: Encoding) => toShortText(value, how, TERMINAL_VALUE_BYTES)
      : toText;
  return (key, value) => {
    const parts: string[] = [];
    if (key !== undefined) parts.push(toText(key, encoding));
    if (value !== undefined) parts.push(showValue(value, encoding));
    return output.text(`${parts.join('\t')}\n`);
  };
}
