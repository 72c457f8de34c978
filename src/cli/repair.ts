/**
 * `varve repair`: puts together again what is left of a database that does not open.
 * @module
 */
import { Command, InvalidArgumentError } from 'commander';
import type { KeySpan, RepairOptions, RepairReport } from '../index.ts';
import { repair } from '../node.ts';
import { toJson, toText } from './encoding.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { formatBytes, formatItems } from './format.ts';
import { addEncoding, addJson, addWriting, type EncodingOptions } from './options.ts';
import type { Output } from './output.ts';
import { requireDatabase, withKeys } from './session.ts';
import { type StorageOptions, storageOptions } from './storage.ts';

interface RepairCommandOptions extends EncodingOptions, StorageOptions {
  readonly apply?: boolean;
  readonly familyName?: Readonly<Record<number, string>>;
  readonly olderTables?: string;
  readonly databaseId?: Uint8Array;
}

const HELP = `
Without --apply nothing is changed: the command says what is wrong, what would be done, and what
is lost. Make a copy of the directory before you use --apply. It deletes nothing: files that are no
part of the database get the ending .lost. If it is cut off, run it again.

Exit code 0: the database is sound, or was repaired and nothing is lost. 1: it needs a repair, or
was repaired with losses. 3: another process has it open.`;

/** The command, which prints to `output`. */
export function repairCommand(output: Output): Command {
  const command = new Command('repair')
    .description('say what is wrong with a database that does not open; --apply repairs it')
    .argument('<db>', 'directory of the database')
    .option('--apply', 'do it; without this nothing is changed')
    .option(
      '--family-name <id=name>',
      'the name of a column family that has lost it; may be repeated',
      parseFamilyName,
    )
    .option(
      '--older-tables <family>',
      'the column family of tables that do not say theirs, as older versions wrote them',
    )
    .option(
      '--database-id <hex>',
      'of an encrypted database that has lost it: varve inspect shows that of a backup',
      parseId,
    )
    .addHelpText('after', HELP)
    .action(async (path: string, options: RepairCommandOptions) => {
      requireDatabase(path);
      const settings = repairOptions(options);
      const report = await withKeys(path, options, (encryption) =>
        repair(path, encryption === undefined ? settings : { ...settings, encryption }),
      );
      if (options.json) await output.json(reportJson(report, options));
      else for (const line of reportLines(path, report, options)) await output.text(`${line}\n`);
      failIfDamaged(report);
    });
  return addJson(addEncoding(addWriting(command)));
}

function repairOptions(options: RepairCommandOptions): RepairOptions {
  const { apply, familyName, olderTables, databaseId } = options;
  return {
    ...storageOptions(options),
    dryRun: apply !== true,
    ...(familyName === undefined ? {} : { familyNames: familyName }),
    ...(olderTables === undefined ? {} : { olderTablesFamily: olderTables }),
    ...(databaseId === undefined ? {} : { databaseId }),
  };
}

function failIfDamaged({ problems, isRepaired, losses }: RepairReport): void {
  const isSound = isRepaired || problems.length === 0;
  if (isSound && losses.length === 0) return;
  const lost = `${formatItems(losses.length, 'loss', 'losses')} could not be made up for`;
  const done = isRepaired ? `repaired, but ${lost}` : lost;
  const text = isSound ? done : 'the database needs a repair: --apply does it';
  throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
}

function* reportLines(
  path: string,
  report: RepairReport,
  options: RepairCommandOptions,
): Generator<string> {
  const { problems, isRepaired, columnFamilies, putAside, losses, doubts } = report;
  if (problems.length === 0) {
    yield losses.length === 0 ? 'nothing to repair' : 'nothing to repair; see varve salvage for:';
    yield* lossLines(losses, options);
    return;
  }
  yield 'wrong:';
  for (const problem of problems) yield `  ${plain(problem)}`;
  yield isRepaired ? 'the database consists of:' : 'the database would consist of:';
  for (const { name, isNameKnown, tableCount, tableBytes } of columnFamilies) {
    const note = isNameKnown ? '' : ' (its name is lost; see --family-name)';
    const size = `${formatItems(tableCount, 'table')}, ${formatBytes(tableBytes)}`;
    yield `  column family '${plain(name)}': ${size}${note}`;
  }
  const batches = formatItems(report.logRecordCount, 'batch', 'batches');
  yield `  ${batches} in logs; the last write is ${report.lastSeqno}`;
  if (putAside.length > 0) {
    yield `${isRepaired ? '' : 'to be '}put aside, with the ending .lost:`;
    for (const { file, reason } of putAside) yield `  ${plain(file)}: ${plain(reason)}`;
  }
  if (losses.length > 0) yield 'lost (tables stay in their place until varve salvage):';
  yield* lossLines(losses, options);
  if (doubts.length > 0) yield 'older values may show here, and deleted keys be there again:';
  for (const { columnFamily, keys, reason } of doubts) {
    yield `  ${place(columnFamily, keys, options)}: ${plain(reason)}`;
  }
  yield isRepaired
    ? `repaired; verify it: varve verify ${plain(path)}`
    : 'nothing was changed. Copy the directory first, then repair it with --apply.';
}

function* lossLines(
  losses: RepairReport['losses'],
  options: RepairCommandOptions,
): Generator<string> {
  for (const { columnFamily, file, reason, keys } of losses) {
    yield `  ${place(columnFamily, keys, options)}: ${plain(reason)} (${plain(file)})`;
  }
}

function place(
  columnFamily: string | undefined,
  keys: KeySpan | undefined,
  { encoding }: EncodingOptions,
): string {
  const family = columnFamily === undefined ? 'any column family' : `'${plain(columnFamily)}'`;
  if (keys === undefined) return family;
  return `${family}, ${toText(keys.smallestKey, encoding)} to ${toText(keys.largestKey, encoding)}`;
}

function reportJson(report: RepairReport, { encoding }: EncodingOptions): object {
  const withKeysAsText = (one: { readonly keys: KeySpan | undefined }) => ({
    ...one,
    keys:
      one.keys === undefined
        ? undefined
        : {
            smallestKey: toJson(one.keys.smallestKey, encoding),
            largestKey: toJson(one.keys.largestKey, encoding),
          },
  });
  const { losses, doubts } = report;
  return { ...report, losses: losses.map(withKeysAsText), doubts: doubts.map(withKeysAsText) };
}

/** File names and foreign text may hold anything; a terminal must not act on it. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function parseFamilyName(
  text: string,
  before: Readonly<Record<number, string>> = {},
): Readonly<Record<number, string>> {
  const match = /^(\d{1,10})=(.+)$/s.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be ID=NAME, as in 3=notes.');
  return { ...before, [Number(match[1])]: match[2]! };
}

function parseId(text: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/i.test(text)) {
    throw new InvalidArgumentError('It must be 32 hexadecimal digits.');
  }
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
