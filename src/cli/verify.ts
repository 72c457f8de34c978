/**
 * `varve verify`.
 * @module
 */
import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { isVarveError } from '../errors.ts';
import { NodeFs } from '../fs/node.ts';
import type { Damage, DbStats, Finding, VerifyOptions } from '../index.ts';
import { scrubDirectory } from '../index.ts';
import { typeName } from '../inspect/names.ts';
import { toJson, toText } from './encoding.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { formatBytes, formatItems, formatRate, formatSeconds } from './format.ts';
import { plain } from './inspect-text.ts';
import { addKeys, namesKey } from './keys.ts';
import {
  addEncoding,
  addJson,
  addRate,
  type EncodingOptions,
  type RateOptions,
  rateOf,
} from './options.ts';
import type { Output } from './output.ts';
import { withProgress } from './progress.ts';
import { interruptible, isFile, requireDatabase, withReader } from './session.ts';

/** A writer may remove a table before it is verified; then the newer tables are verified. */
const ATTEMPTS_MAX = 3;

interface VerifyCommandOptions extends EncodingOptions, RateOptions {
  readonly files?: 'tables' | 'all';
  readonly depth?: 'checksums' | 'full';
}

/** Damage, with its keys as far as they are known. */
type ShownDamage = Finding & Partial<Pick<Damage, 'columnFamily' | 'smallestKey' | 'largestKey'>>;

interface Verification {
  readonly fileCount: number;
  readonly tableCount: number;
  readonly bytesRead: number;
  /** Unfinished ends of logs: no damage, but nobody should be surprised by it. */
  readonly dropped: DbStats['recovery']['dropped'];
  /** Damage that error correction puts right whenever it is read. */
  readonly corrected: readonly ShownDamage[];
  readonly damage: readonly ShownDamage[];
  /** Damages beside those. */
  readonly omittedCount: number;
  /** What could not be looked into, and why. */
  readonly notChecked: readonly string[];
}

const NOT_WITHOUT_KEY =
  'without the key: what blocks hold (order, index, filters, counts, records), nor whether it is ' +
  'authentic';

const HELP = `
Checks every byte of every file, and that what the bytes say fits together: order, index, filter and
counts of tables, checksums of entries, records of logs, the manifest against the files. Without the
key of an encrypted database, checksums and parity are checked, and what that leaves out is said.
A file that 'varve export --whole' wrote is checked likewise.
Exit code 1 if something is damaged that nothing corrects.`;

/** The command, which prints to `output`. */
export function verifyCommand(output: Output): Command {
  const files = new Option('--files <which>', 'which files').choices(['tables', 'all']);
  const depth = new Option('--depth <how>', 'how closely').choices(['checksums', 'full']);
  const command = new Command('verify')
    .description('read everything from disk and check it; exit code 1 if something is damaged')
    .argument('<db>', 'directory of the database')
    .addOption(files.default('all'))
    .addOption(depth.default('full'))
    .addHelpText('after', HELP)
    .action(async (path: string, options: VerifyCommandOptions) => {
      if (!isFile(path)) requireDatabase(path);
      const begin = performance.now();
      const found = await interruptible((stop) => verify(path, options, stop));
      await print(output, found, performance.now() - begin, options);
      const count = found.damage.length + found.omittedCount;
      if (count === 0) return;
      const text = `${formatItems(count, 'place is', 'places are')} damaged`;
      throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
    });
  addKeys(addRate(command, 'read'), 'read');
  return addJson(addEncoding(command));
}

async function verify(
  path: string,
  options: VerifyCommandOptions,
  stop: AbortSignal,
): Promise<Verification> {
  if (isFile(path)) return verifyFile(path, options, stop);
  for (let attempt = 1; ; attempt++) {
    const found = await verifyOpen(path, options, stop).catch((error: unknown) =>
      verifyClosed(path, options, stop, error),
    );
    const isOutrun = found.damage.some(({ file }) => !existsSync(file));
    if (!isOutrun || attempt === ATTEMPTS_MAX) return found;
  }
}

/** Every byte of an export file; then, with the key, what the bytes say. */
async function verifyFile(
  path: string,
  options: VerifyCommandOptions,
  stop: AbortSignal,
): Promise<Verification> {
  const { verifyWhole } = await import('./export-file.ts');
  const { fileCount, bytesWritten: bytesRead } = await verifyWhole(path, options, stop);
  try {
    return await verifyOpen(path, options, stop);
  } catch (error) {
    if (!isVarveError(error, 'KEY') || namesKey(options)) throw error;
    const none = { dropped: [], corrected: [], damage: [], omittedCount: 0 };
    return { ...none, fileCount, tableCount: 0, bytesRead, notChecked: [NOT_WITHOUT_KEY] };
  }
}

async function verifyOpen(
  path: string,
  options: VerifyCommandOptions,
  stop: AbortSignal,
): Promise<Verification> {
  const { files, depth, json } = options;
  return withReader(path, options, async (db) => {
    const { recovery } = db.stats();
    return withProgress('verifying', json !== true, async (onProgress) => {
      const report = await db.verify({
        ...({ files, depth, signal: stop, onProgress } satisfies VerifyOptions),
        ...rateOf(options),
      });
      const { uncorrectable: damage, ...rest } = report;
      return { ...rest, damage, dropped: recovery.dropped, notChecked: [] };
    });
  });
}

/** What cannot be opened, for damage or for want of its key, is looked at byte by byte. */
async function verifyClosed(
  path: string,
  options: VerifyCommandOptions,
  stop: AbortSignal,
  error: unknown,
): Promise<Verification> {
  if (!isVarveError(error)) throw error;
  const isKeyless = error.code === 'KEY' && !namesKey(options);
  const isMissing = error.code === 'IO' && error.file !== undefined && !existsSync(error.file);
  if (error.code !== 'CORRUPTION' && !isMissing && !isKeyless) throw error;
  const report = await withProgress('verifying', options.json !== true, (onProgress) =>
    scrubDirectory(new NodeFs(), path, { signal: stop, onProgress }),
  );
  const { fileCount, bytesRead, findings, tornLogs, isManifestRead } = report;
  const damage: ShownDamage[] = findings.filter(({ state }) => state === 'lost');
  if (!isKeyless && damage.length === 0) damage.push(asDamage(path, error));
  const unread = 'the manifest was not read: a missing file goes unnoticed';
  return {
    ...{ fileCount, bytesRead, damage, omittedCount: 0 },
    tableCount: 0,
    corrected: findings.filter(({ state }) => state === 'healable'),
    dropped: tornLogs.map((torn) => ({ ...torn, reason: 'record was not completely written' })),
    notChecked: [
      isKeyless ? NOT_WITHOUT_KEY : 'what blocks hold: the database cannot be opened',
      ...(isManifestRead ? [] : [unread]),
    ],
  };
}

function asDamage(
  path: string,
  error: { readonly file: string | undefined; readonly message: string } & {
    readonly offset: number | undefined;
  },
): ShownDamage {
  const { file = path, offset = 0, message: cause } = error;
  return {
    ...{ file, offset, cause, fileClass: 'manifest', part: 'content', lengthBytes: 0 },
    ...{ blockType: 0, state: 'lost', source: '', ranges: [] },
  };
}

async function print(
  output: Output,
  found: Verification,
  milliseconds: number,
  options: VerifyCommandOptions,
): Promise<void> {
  const { fileCount, tableCount, bytesRead, dropped, corrected, damage } = found;
  const { omittedCount, notChecked } = found;
  if (options.json) {
    await output.json({
      ...{ files: fileCount, tables: tableCount, bytes: bytesRead },
      milliseconds: Math.round(milliseconds),
      dropped,
      corrected: corrected.map((one) => damageJson(one, options)),
      damage: damage.map((one) => damageJson(one, options)),
      omitted: omittedCount,
      notChecked,
    });
    return;
  }
  const tables = tableCount === 0 ? '' : ` (${formatItems(tableCount, 'table')})`;
  const amount = `${formatItems(fileCount, 'file')}${tables}, ${formatBytes(bytesRead)}`;
  const rate = formatRate(bytesRead, milliseconds);
  await output.text(`verified ${amount} in ${formatSeconds(milliseconds)} (${rate})\n`);
  for (const { file, offset, reason } of dropped) {
    await output.text(`unfinished log, no damage: ${plain(file)}, offset ${offset}: ${reason}\n`);
  }
  for (const one of corrected) await output.text(correctedText(one));
  for (const one of damage) await output.text(damageText(one, options));
  if (omittedCount > 0) await output.text(`and ${omittedCount} more damaged places\n`);
  for (const text of notChecked) await output.text(`not checked: ${text}\n`);
  if (damage.length > 0) return;
  const nothing = corrected.length === 0 ? 'no damage' : 'no other damage';
  await output.text(notChecked.length === 0 ? `${nothing}\n` : `${nothing} found\n`);
}

/** Which part of the file: `data block`, `file header`. */
function partText({ part, blockType }: ShownDamage): string {
  if (part === 'content' || part === 'file') return 'the whole file';
  if (part === 'header') return 'file header';
  const block = blockType === 0 ? '' : `${typeName(blockType)} `;
  if (part === 'block') return `${block}block`;
  return part === 'parity' ? `parity of a ${block}block` : `${block}${part}`;
}

function placeText(damage: ShownDamage): string {
  const { part, offset, lengthBytes } = damage;
  if (part === 'content') return offset === 0 ? 'the whole file' : `content at offset ${offset}`;
  if (part === 'file') return partText(damage);
  return `${partText(damage)} at offset ${offset}, ${formatBytes(lengthBytes)}`;
}

function correctedText(damage: ShownDamage): string {
  const { file, offset } = damage;
  const place = `${plain(file)}, offset ${offset}: ${partText(damage)}`;
  return `corrected when read, still in the file: ${place}\n`;
}

function damageJson(damage: ShownDamage, { encoding }: EncodingOptions): object {
  const { smallestKey, largestKey, ranges: _, source: __, ...facts } = damage;
  return {
    ...facts,
    ...(smallestKey === undefined ? {} : { smallestKey: toJson(smallestKey, encoding) }),
    ...(largestKey === undefined ? {} : { largestKey: toJson(largestKey, encoding) }),
  };
}

function damageText(damage: ShownDamage, { encoding }: EncodingOptions): string {
  const { file, cause, columnFamily, smallestKey, largestKey } = damage;
  const family = columnFamily === undefined ? '' : `  family: ${plain(columnFamily)}\n`;
  const keys =
    smallestKey === undefined || largestKey === undefined
      ? ''
      : `  keys:   ${toText(smallestKey, encoding)} to ${toText(largestKey, encoding)}\n`;
  const place = `  place:  ${placeText(damage)}\n  reason: ${plain(cause)}\n`;
  return `damaged:  ${plain(file)}\n${place}${family}${keys}`;
}
