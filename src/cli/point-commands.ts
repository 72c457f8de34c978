/**
 * `varve put`, `get` and `del`.
 * @module
 */
import { Command } from 'commander';
import { WriteBatch } from '../db/write-batch.ts';
import { VALUE_BYTES_MAX } from '../key/kind.ts';
import { keyArgument, toJson, toText, valueArgument } from './encoding.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE, shortened, usageError } from './failure.ts';
import { addKeys } from './keys.ts';
import {
  addCreate,
  addCreateFamily,
  addEncoding,
  addFamily,
  addJson,
  addSync,
  addWriting,
  type EncodingOptions,
  type FamilyOptions,
  type WriteOptions,
} from './options.ts';
import type { Output } from './output.ts';
import { withReader, withWriter } from './session.ts';

interface PutOptions extends WriteOptions, EncodingOptions {
  readonly create: boolean;
  readonly createFamily: boolean;
}

type GetOptions = FamilyOptions & EncodingOptions;
type DeleteOptions = WriteOptions & EncodingOptions;

/** The commands, which print to `output`. */
export function pointCommands(output: Output): Command[] {
  return [putCommand(output), getCommand(output), deleteCommand(output)];
}

function putCommand(output: Output): Command {
  const command = new Command('put')
    .description('set a key')
    .argument('<db>', 'directory of the database')
    .argument('<key>')
    .argument('[value]', "the value; '-' takes the bytes of standard input, absent as well if any")
    .action(async (path: string, key: string, value: string | undefined, options: PutOptions) => {
      const keyBytes = keyArgument(key, options.encoding);
      const valueBytes = await readValue(value, options);
      const { family, sync } = options;
      const seqno = await withWriter(path, options, async (db) =>
        db.put(keyBytes, valueBytes, inFamily(family, { sync: sync === true })),
      );
      if (options.json) await output.json({ key: toJson(keyBytes, options.encoding), seqno });
    });
  addCreateFamily(addCreate(addWriting(command)));
  addSync(command, 'wait for stable storage before the write counts');
  return addJson(addEncoding(addFamily(command, 'column family; default if absent')));
}

function getCommand(output: Output): Command {
  const command = new Command('get')
    .description('print the value of a key')
    .argument('<db>', 'directory of the database')
    .argument('<key>')
    .addHelpText(
      'after',
      '\nTo a pipe or a file the value goes byte by byte, to a terminal as escaped text.',
    )
    .action(async (path: string, key: string, options: GetOptions) => {
      const { encoding, family } = options;
      const keyBytes = keyArgument(key, encoding);
      const value = await withReader(path, options, async (db) =>
        db.get(keyBytes, inFamily(family, {})),
      );
      if (value === undefined) {
        const text = `key not found: ${shortened(toText(keyBytes, encoding))}`;
        throw new CommandError('NOT_FOUND', text, EXIT_NOT_FOUND_OR_DAMAGE);
      }
      const isRaw = encoding === 'utf8' && process.stdout.isTTY !== true;
      if (options.json) {
        await output.json({ key: toJson(keyBytes, encoding), value: toJson(value, encoding) });
      } else if (isRaw) {
        await output.bytes(value);
      } else {
        await output.text(`${toText(value, encoding)}\n`);
      }
    });
  addKeys(command, 'read');
  return addJson(addEncoding(addFamily(command, 'column family; default if absent')));
}

function deleteCommand(output: Output): Command {
  const command = new Command('del')
    .description('remove keys, all of them or none; an absent key is no error')
    .argument('<db>', 'directory of the database')
    .argument('<key...>')
    .action(async (path: string, keys: string[], options: DeleteOptions) => {
      const { encoding, family, sync } = options;
      const all = keys.map((key) => keyArgument(key, encoding));
      const seqno = await withWriter(path, { ...options, create: false }, async (db) => {
        const handle = family === undefined ? undefined : db.columnFamily(family);
        const batch = new WriteBatch();
        for (const key of all) batch.delete(key, handle);
        return db.write(batch, { sync: sync === true });
      });
      if (options.json) {
        await output.json({ keys: all.map((key) => toJson(key, encoding)), seqno });
      }
    });
  addSync(addWriting(command), 'wait for stable storage before the write counts');
  return addJson(addEncoding(addFamily(command, 'column family; default if absent')));
}

async function readValue(value: string | undefined, options: EncodingOptions): Promise<Uint8Array> {
  if (value !== undefined && value !== '-') return valueArgument(value, options.encoding);
  if (value === undefined && process.stdin.isTTY) {
    throw usageError("give a value, or pipe it in; '-' reads it from the terminal");
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > VALUE_BYTES_MAX) {
      process.stdin.destroy();
      throw usageError(`the value on standard input exceeds ${VALUE_BYTES_MAX} bytes`);
    }
  }
  // Where a script runs without a terminal, standard input may be nothing at all.
  if (value === undefined && length === 0) {
    throw usageError(
      "give a value: there is none on standard input; '-' or '' stores an empty one",
    );
  }
  return Buffer.concat(chunks);
}

/** The options with the family, if one is named. */
export function inFamily<T extends object>(
  family: string | undefined,
  options: T,
): T & { columnFamily?: string } {
  return family === undefined ? options : { ...options, columnFamily: family };
}
