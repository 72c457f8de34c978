/**
 * Options that several commands share.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ENCODINGS, type Encoding } from './encoding.ts';
import { addKeys, type KeyOptions } from './keys.ts';
import { addStorage, type StorageOptions } from './storage.ts';

/** Options of every command. */
export type CommonOptions = KeyOptions;

/** Options of commands that work on one column family. */
export interface FamilyOptions extends CommonOptions {
  readonly family?: string;
}

/** Options of commands that show or take keys. */
export interface EncodingOptions extends CommonOptions {
  readonly encoding: Encoding;
}

/** Options of commands that write. */
export interface WriteOptions extends FamilyOptions, StorageOptions {
  readonly sync?: boolean;
}

/** Adds `--json`. */
export function addJson(command: Command): Command {
  return command.option('--json', 'print JSON and nothing else; errors are JSON as well');
}

/** Options of commands that read or copy a whole database. */
export interface RateOptions {
  readonly rate?: number;
}

/** Adds `--rate`. */
export function addRate(command: Command, what: 'read' | 'copy'): Command {
  const text = `${what} no more than so many bytes per second`;
  return command.option('--rate <bytes>', text, parseCount);
}

/** The option of the calls that `--rate` stands for. */
export function rateOf({ rate }: RateOptions): { readonly bytesPerSecond?: number } {
  return rate === undefined ? {} : { bytesPerSecond: rate };
}

/** Adds `--family`. */
export function addFamily(command: Command, what: string): Command {
  return command.option('--family <name>', what);
}

/** Adds `--encoding`. */
export function addEncoding(command: Command): Command {
  const option = new Option('--encoding <name>', 'how keys and values are written as text');
  return command.addOption(option.choices(ENCODINGS).default('utf8'));
}

/** Adds `--sync`. */
export function addSync(command: Command, what: string): Command {
  return command.option('--sync', what);
}

/** Adds what every command that writes has: keys and how to store. */
export function addWriting(command: Command): Command {
  return addStorage(addKeys(command, 'write'));
}

/** Adds `--no-create`. */
export function addCreate(command: Command): Command {
  return command
    .option('--create', 'make the database if it does not exist', true)
    .option('--no-create', 'fail if it does not exist');
}

/** Adds `--create-family`: a family that is misspelt would take what belongs elsewhere. */
export function addCreateFamily(command: Command): Command {
  return command.option(
    '--create-family',
    'make the family of --family if it does not exist',
    false,
  );
}

/** Parses an integer of at least 0. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError('It must be an integer of at least 0.');
  }
  return count;
}

/** Names of the options that stand in the command line. */
export function givenOptions(command: Command): string[] {
  const names = Object.keys(command.opts());
  return names.filter((name) => command.getOptionValueSource(name) === 'cli');
}
