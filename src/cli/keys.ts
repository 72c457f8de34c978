/**
 * Keys on the command line. A key itself never stands among arguments or in the environment, where
 * other processes and histories see it: both name files that hold keys.
 * @module
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { delimiter } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EPOCH_MAX } from '../crypto/key-options.ts';
import { KEY_BYTES } from '../crypto/port.ts';
import { isError } from '../errors.ts';
import type { EncryptionOptions, SuiteName } from '../index.ts';
import { CommandError, shortened, systemCode, usageError } from './failure.ts';

/** Options of every command that opens a database or its files. */
export interface KeyOptions {
  readonly keyFile?: readonly string[];
  readonly keyEpoch?: number;
  readonly suite?: SuiteName;
  readonly encryptExisting?: boolean;
  /** Whether warnings are JSON too. */
  readonly json?: boolean;
}

/** How a command uses keys: `file` looks at files without opening a database. */
export type KeyUse = 'file' | 'read' | 'write';

/** Encryption options whose keys have been read. */
export interface ReadKeys extends EncryptionOptions {
  readonly keys: Readonly<Record<number, Uint8Array>>;
}

const SUITES: readonly SuiteName[] = ['aes-256-gcm', 'chacha20-poly1305'];
const DEFAULT_EPOCH = 1;
/** Longer than any form of a key. */
const KEY_FILE_BYTES_MAX = 256;
/** Whether others than owner and group may read or write. */
const ALL_OTHERS = 0o006;

/** What `--help` says of keys. */
export const KEYS_HELP: string = `
Encrypted databases:
  --key-file names a file with a key: 32 bytes, or 64 hexadecimal digits. EPOCH=PATH is the key of
  another epoch; the option may be repeated. Where an option is absent the environment counts:
    VARVE_KEY_FILE   as --key-file; several are separated by '${delimiter}'
    VARVE_KEY_EPOCH  as --key-epoch
    VARVE_SUITE      as --suite
  A new key:  head -c 32 /dev/urandom > key && chmod 600 key`;

/** Adds the options of keys. */
export function addKeys(command: Command, use: KeyUse): Command {
  command.option(
    '--key-file <[epoch=]path>',
    'file with the key of the current, or of this, epoch',
    (path: string, before: readonly string[] = []) => [...before, path],
  );
  command.option('--key-epoch <n>', 'the current epoch: the highest named, or 1', parseEpoch);
  if (use === 'file') return command;
  command.option('--encrypt-existing', 'with a key: also open a database that is not encrypted');
  if (use === 'read') return command;
  const suite = new Option('--suite <name>', 'how new files are encrypted; aes-256-gcm if absent');
  return command.addOption(suite.choices(SUITES));
}

/**
 * Reads the keys that options and environment name.
 * @returns fresh keys, to be wiped after use; undefined when none is named
 * @throws CommandError `USAGE` for options without sense, `KEY` for a file without a key
 */
export function readKeys(options: KeyOptions): ReadKeys | undefined {
  const files = namedFiles(options).map(splitEpoch);
  if (files.length === 0) {
    const useless = ['keyEpoch', 'suite', 'encryptExisting'].find((name) => name in options);
    if (useless === undefined) return undefined;
    throw usageError(`${optionName(useless)} does nothing without --key-file`);
  }
  const highest = Math.max(0, ...files.map(({ epoch }) => epoch ?? 0)) || DEFAULT_EPOCH;
  const epoch = options.keyEpoch ?? environmentEpoch() ?? highest;
  const keys: Record<number, Uint8Array> = {};
  for (const file of files) {
    const own = file.epoch ?? epoch;
    if (keys[own] !== undefined) throw usageError(`epoch ${own} has two key files`);
    keys[own] = readKeyFile(file.path, options.json === true);
  }
  const suite = options.suite ?? environmentSuite() ?? SUITES[0]!;
  return { suite, epoch, keys, encryptExisting: options.encryptExisting === true };
}

/** Overwrites keys that have been handed over. */
export function wipeKeys(encryption: ReadKeys | undefined): void {
  for (const key of Object.values(encryption?.keys ?? {})) key.fill(0);
}

/** True if options or environment name a key. */
export function namesKey(options: KeyOptions): boolean {
  return namedFiles(options).length > 0;
}

function namedFiles({ keyFile }: KeyOptions): string[] {
  const named = keyFile ?? fromEnvironment('VARVE_KEY_FILE')?.split(delimiter) ?? [];
  return named.filter((text) => text !== '');
}

/** What to do about a `KEY` error, by what was given. */
export function keyHint(encryption: ReadKeys | undefined, isDatabaseClear: boolean): string {
  if (encryption === undefined) return 'name the file with its key: --key-file PATH';
  if (isDatabaseClear) {
    return 'leave the key out, or encrypt what is written from now on with --encrypt-existing';
  }
  const epochs = Object.keys(encryption.keys);
  const given = `${epochs.length === 1 ? 'epoch' : 'epochs'} ${epochs.join(', ')}`;
  return `keys were given for ${given}; --key-file EPOCH=PATH names that of another`;
}

function parseEpoch(text: string): number {
  const epoch = Number(text);
  if (!/^[1-9]\d*$/.test(text) || epoch > EPOCH_MAX) {
    throw new InvalidArgumentError(`It must be an integer of 1 to ${EPOCH_MAX}.`);
  }
  return epoch;
}

/** `2=path` or `path`; what begins with digits and `=` can be written as `./2=path`. */
function splitEpoch(text: string): { epoch: number | undefined; path: string } {
  const match = /^(\d+)=(.+)$/s.exec(text);
  if (match === null) return { epoch: undefined, path: text };
  try {
    return { epoch: parseEpoch(match[1]!), path: match[2]! };
  } catch {
    throw usageError(`the epoch in '${text}' must be an integer of 1 to ${EPOCH_MAX}`);
  }
}

function readKeyFile(path: string, isJson: boolean): Uint8Array {
  const buf = Buffer.alloc(KEY_FILE_BYTES_MAX);
  try {
    const length = readStart(path, buf, isJson);
    if (length === KEY_BYTES) return Uint8Array.from(buf.subarray(0, length));
    const text = buf.toString('latin1', 0, length).replace(/\r?\n$/, '');
    if (!/^[0-9a-f]{64}$/i.test(text)) {
      const size = length === buf.length ? `${length} bytes or more` : `${length} bytes`;
      const what = `${KEY_BYTES} bytes or ${2 * KEY_BYTES} hexadecimal digits`;
      throw new CommandError('KEY', `${path} holds no key: it has ${size}, not ${what}`);
    }
    return Uint8Array.from(Buffer.from(text, 'hex'));
  } finally {
    buf.fill(0);
  }
}

/** Reads at most as much as `buf` holds; from a pipe, too. */
function readStart(path: string, buf: Buffer, isJson: boolean): number {
  try {
    const file = openSync(path, 'r');
    try {
      warnIfExposed(file, path, isJson);
      let length = 0;
      for (let got = 1; got > 0 && length < buf.length; length += got) {
        got = readSync(file, buf, length, buf.length - length, null);
      }
      return length;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const reason = code === 'ENOENT' ? 'it does not exist' : isError(error) ? error.message : code;
    throw new CommandError('KEY', `cannot read the key file ${path}: ${reason}`);
  }
}

/** Says so when everybody on the machine can read or replace a key. */
function warnIfExposed(file: number, path: string, isJson: boolean): void {
  const stat = fstatSync(file);
  // Windows shows the same bits for every file.
  if (process.platform === 'win32' || !stat.isFile() || (stat.mode & ALL_OTHERS) === 0) return;
  const mode = (stat.mode & 0o777).toString(8);
  const name = shortened(path).replace(/\p{Cc}/gu, '?');
  const warning = `others can read or change the key file ${name} (mode ${mode}); use chmod 600`;
  const text = isJson ? JSON.stringify({ warning }) : `varve: warning: ${warning}`;
  process.stderr.write(`${text}\n`);
}

function environmentEpoch(): number | undefined {
  const text = fromEnvironment('VARVE_KEY_EPOCH');
  if (text === undefined) return undefined;
  try {
    return parseEpoch(text);
  } catch {
    throw usageError(`VARVE_KEY_EPOCH must be an integer of 1 to ${EPOCH_MAX}`);
  }
}

function environmentSuite(): SuiteName | undefined {
  const text = fromEnvironment('VARVE_SUITE');
  if (text === undefined) return undefined;
  const suite = SUITES.find((name) => name === text);
  if (suite === undefined) throw usageError(`VARVE_SUITE must be one of ${SUITES.join(', ')}`);
  return suite;
}

/** A variable; an empty one counts as absent. */
function fromEnvironment(name: string): string | undefined {
  return process.env[name] || undefined;
}

function optionName(property: string): string {
  return `--${property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
