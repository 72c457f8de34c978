/**
 * `varve inspect`.
 * @module
 */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { loadChecksum } from '../block/checksum.ts';
import { Pipeline } from '../block/pipeline.ts';
import { nodeCompression } from '../compress/node.ts';
import { DATABASE_ID_BYTES } from '../crypto/derive.ts';
import { KeyRing } from '../crypto/key-ring.ts';
import { nodeCrypto } from '../crypto/node.ts';
import { NodeFs, systemRandom } from '../index.ts';
import { learnDatabase } from '../inspect/current.ts';
import { inspectFile } from '../inspect/file.ts';
import type { InspectOptions } from '../inspect/options.ts';
import type { SummaryPart } from '../inspect/parts.ts';
import { refuseForeign } from '../manifest/foreign.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE, usageError } from './failure.ts';
import { formatItems } from './format.ts';
import { inspectDirectory } from './inspect-directory.ts';
import { inspectionJson } from './inspect-json.ts';
import { inspectionText } from './inspect-text.ts';
import { addKeys, readKeys, wipeKeys } from './keys.ts';
import { addEncoding, addJson, type EncodingOptions } from './options.ts';
import type { Output } from './output.ts';

/** As much of a value as is shown. */
const VALUE_BYTES_MAX = 96;

interface CommandOptions extends EncodingOptions {
  readonly block?: number | 'header';
  readonly entries: boolean;
  readonly databaseId?: Uint8Array;
}

/** The command, which prints to `output`. */
export function inspectCommand(output: Output): Command {
  const command = new Command('inspect')
    .description('print what a file of a database is made of, and what of it is damaged')
    .argument('<path>', 'a file: CURRENT, manifest, log or table; or a directory of them')
    .option('--block <n>', "only block n, or 'header': every byte with its meaning", parseBlock)
    .option('--entries', 'print the entries of blocks', true)
    .option('--no-entries', 'print blocks without their entries')
    .option('--database-id <hex>', 'to decrypt a file without CURRENT beside it', parseId)
    .addHelpText('after', HELP)
    .action(async (path: string, options: CommandOptions) => {
      const isDirectory = statOf(path);
      if (isDirectory && options.block !== undefined) {
        throw usageError('--block wants a file, not a directory');
      }
      if (isDirectory) refuseForeign(new NodeFs(), path, true);
      const inspection = await prepare(isDirectory ? path : dirname(path), options);
      try {
        if (isDirectory) await inspectDirectory(path, inspection, output, options.json === true);
        else await inspectOne(path, inspection, output, options);
      } finally {
        inspection.pipeline.close();
      }
    });
  addKeys(command, 'file');
  return addJson(addEncoding(command));
}

const HELP = `
Reads files as they are: without the lock, without writing, beside a running database. Damage is
named and passed over; the exit code is then 1. An unfinished last record of a log is no damage.
Without its key an encrypted file shows everything but contents.
--json prints one document a line; the field "part" tells them apart.`;

/** True for a directory, false for a file; nothing else can be read to its end. */
function statOf(path: string): boolean {
  const stat = statSync(path);
  if (!stat.isDirectory() && !stat.isFile()) {
    throw new CommandError('INVALID', `${path} is neither a file nor a directory`);
  }
  return stat.isDirectory();
}

async function prepare(directory: string, options: CommandOptions): Promise<InspectOptions> {
  await loadChecksum();
  const pipeline = new Pipeline({
    random: systemRandom,
    compression: nodeCompression(),
    keys: await openKeys(options),
    logEcc: undefined,
    logCompression: 'none',
    // What is damaged is told block by block.
    onCorrection: () => undefined,
  });
  try {
    await pipeline.loadZstd();
    const fs = new NodeFs();
    const database = learnDatabase(fs, directory, pipeline, options.databaseId);
    const contents = { hasEntries: options.entries, valueBytesMax: VALUE_BYTES_MAX };
    return { fs, pipeline, database, contents, block: options.block };
  } catch (error) {
    pipeline.close();
    throw error;
  }
}

async function openKeys(options: CommandOptions): Promise<KeyRing | undefined> {
  const encryption = readKeys(options);
  if (encryption === undefined) return undefined;
  try {
    // Nothing is written, so any key that was given may be the current one.
    const epoch = Number(Object.keys(encryption.keys)[0]);
    return await KeyRing.open(nodeCrypto(), { ...encryption, epoch });
  } finally {
    wipeKeys(encryption);
  }
}

async function inspectOne(
  path: string,
  inspection: InspectOptions,
  output: Output,
  { json, encoding, block }: CommandOptions,
): Promise<void> {
  const show = json ? inspectionJson : inspectionText;
  let summary: SummaryPart | undefined;
  let kind = 'unknown';
  let isFound = false;
  for (const part of inspectFile(dirname(path), basename(path), inspection)) {
    if (output.isClosed) return;
    if (part.part === 'summary') summary = part;
    if (part.part === 'file') kind = part.kind;
    if (part.part === 'block' || part.part === 'slot') isFound = true;
    for (const text of show(part, encoding)) await output.text(text);
  }
  if (kind === 'unknown') throw new CommandError('INVALID', `${path} is no file of a database`);
  if (typeof block === 'number' && !isFound) {
    const text = `there is no block ${block}`;
    throw new CommandError('NOT_FOUND', text, EXIT_NOT_FOUND_OR_DAMAGE);
  }
  if (summary !== undefined) failIfDamaged(summary);
}

function failIfDamaged({ correctedCount, damageCount }: SummaryPart): void {
  if (damageCount + correctedCount === 0) return;
  const corrected = correctedCount > 0 ? `, ${formatItems(correctedCount, 'place')} corrected` : '';
  const text = `the file is damaged: ${formatItems(damageCount, 'place')} lost${corrected}`;
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}

function parseBlock(text: string): number | 'header' {
  if (text === 'header') return text;
  const block = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(block)) {
    throw new InvalidArgumentError("It must be a number from 0 on, or 'header'.");
  }
  return block;
}

function parseId(text: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'hex'));
  if (text.length !== 2 * DATABASE_ID_BYTES || bytes.length !== DATABASE_ID_BYTES) {
    throw new InvalidArgumentError(`It must be ${2 * DATABASE_ID_BYTES} hexadecimal digits.`);
  }
  return bytes;
}
