/**
 * `varve salvage`: writes tables anew without what is lost of them.
 * @module
 */
import { Command, InvalidArgumentError } from 'commander';
import type { SalvagedTable, SalvageReport } from '../index.ts';
import { salvage } from '../node.ts';
import { toJson, toText } from './encoding.ts';
import { CommandError, EXIT_NOT_FOUND_OR_DAMAGE } from './failure.ts';
import { formatCount, formatItems } from './format.ts';
import { addEncoding, addJson, addWriting, type EncodingOptions } from './options.ts';
import type { Output } from './output.ts';
import { requireDatabase, withKeys } from './session.ts';
import { type StorageOptions, storageOptions } from './storage.ts';

interface SalvageCommandOptions extends EncodingOptions, StorageOptions {
  readonly apply?: boolean;
}

const HELP = `
A table of which blocks are lost stays in its place: reads of what is lost fail, and nothing older
shows. --apply writes it anew without what is lost, so that such reads give what older tables have,
or nothing. The damaged file stays, with the ending .lost. A backup is better, if there is one.

Exit code 0: no table has lost anything, or --apply was given. 1: tables have lost something.`;

/** The command, which prints to `output`. */
export function salvageCommand(output: Output): Command {
  const command = new Command('salvage')
    .description('say what tables have lost for good; --apply writes them anew without it')
    .argument('<db>', 'directory of the database')
    .argument('[table]', 'only this table, as 12 or 000012.sst', parseTable)
    .option('--apply', 'do it; without this nothing is changed')
    .addHelpText('after', HELP)
    .action(async (path: string, table: number | undefined, options: SalvageCommandOptions) => {
      requireDatabase(path);
      const settings = {
        ...storageOptions(options),
        dryRun: options.apply !== true,
        ...(table === undefined ? {} : { table }),
      };
      const report = await withKeys(path, options, (encryption) =>
        salvage(path, encryption === undefined ? settings : { ...settings, encryption }),
      );
      if (options.json) await output.json(reportJson(report, options));
      else for (const line of reportLines(report, options)) await output.text(`${line}\n`);
      if (report.tables.length > 0 && !report.isSalvaged) {
        const text = `${formatItems(report.tables.length, 'table has', 'tables have')} lost blocks`;
        throw new CommandError('CORRUPTION', text, EXIT_NOT_FOUND_OR_DAMAGE);
      }
    });
  return addJson(addEncoding(addWriting(command)));
}

function* reportLines(
  { tables, isSalvaged }: SalvageReport,
  { encoding }: SalvageCommandOptions,
): Generator<string> {
  if (tables.length === 0) yield 'nothing to salvage';
  for (const { file, columnFamily, reason, entryCount, keptCount, losses } of tables) {
    yield plain(`${file} of '${columnFamily}': ${reason}`);
    yield `  kept: ${formatCount(keptCount)} of ${formatItems(entryCount, 'entry', 'entries')}`;
    for (const { after, before, reason: why } of losses) {
      const from = after === undefined ? 'the beginning' : toText(after, encoding);
      const to = before === undefined ? 'the end' : toText(before, encoding);
      yield plain(`  lost: between ${from} and ${to}: ${why}`);
    }
  }
  if (tables.length === 0) return;
  yield isSalvaged
    ? 'the tables were written anew; in these ranges older values may show now'
    : 'nothing was changed; --apply writes the tables anew without what is lost';
}

function reportJson({ tables, isSalvaged }: SalvageReport, options: EncodingOptions): object {
  const { encoding } = options;
  const text = (key: Uint8Array | undefined) =>
    key === undefined ? undefined : toJson(key, encoding);
  const shown = ({ losses, ...table }: SalvagedTable) => ({
    ...table,
    losses: losses.map(({ after, before, reason }) => {
      return { after: text(after), before: text(before), reason };
    }),
  });
  return { isSalvaged, tables: tables.map(shown) };
}

function parseTable(text: string): number {
  const match = /^(\d{1,16})(\.sst)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be as 12 or 000012.sst.');
  return Number(match[1]);
}

/** File names and foreign text may hold anything; a terminal must not act on it. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
