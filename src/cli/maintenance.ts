/**
 * `varve compact`, and what goes with it.
 * @module
 */
import { Command } from 'commander';
import type { DbStats } from '../index.ts';
import { keyArgument } from './encoding.ts';
import { formatBytes, formatItems, formatSeconds } from './format.ts';
import {
  addEncoding,
  addFamily,
  addJson,
  addWriting,
  type EncodingOptions,
  type FamilyOptions,
} from './options.ts';
import type { Output } from './output.ts';
import { inFamily } from './point-commands.ts';
import { unlessStopped, withWriter } from './session.ts';
import { levelsText } from './stats-text.ts';
import type { StorageOptions } from './storage.ts';
import { verifyCommand } from './verify.ts';

interface CompactOptions extends FamilyOptions, EncodingOptions, StorageOptions {
  readonly from?: string;
  readonly to?: string;
}

/** The commands, which print to `output`. */
export function maintenanceCommands(output: Output): Command[] {
  return [verifyCommand(output), compactCommand(output)];
}

function compactCommand(output: Output): Command {
  const command = new Command('compact')
    .description('merge tables, so that what was overwritten and deleted takes no space')
    .argument('<db>', 'directory of the database')
    .option('--from <key>', 'first key of the range; from the beginning if absent')
    .option('--to <key>', 'last key of the range; to the end if absent')
    .action(async (path: string, options: CompactOptions) => {
      const { family, encoding, from, to } = options;
      const range = {
        ...(from === undefined ? {} : { from: keyArgument(from, encoding) }),
        ...(to === undefined ? {} : { to: keyArgument(to, encoding) }),
      };
      const begin = performance.now();
      const [before, after] = await withWriter(
        path,
        { ...options, create: false },
        async (db, stop) => {
          await unlessStopped(db.flush(inFamily(family, {})), stop);
          const sizes = db.stats();
          await unlessStopped(db.compact(inFamily(family, range)), stop);
          return [sizes, db.stats()] as const;
        },
      );
      await report(output, before, after, performance.now() - begin, options);
    });
  addWriting(command);
  return addJson(addEncoding(addFamily(command, 'only this column family; all if absent')));
}

async function report(
  output: Output,
  before: DbStats,
  after: DbStats,
  milliseconds: number,
  { json }: CompactOptions,
): Promise<void> {
  if (json) {
    const sizes = ({ tableCount, tableBytes }: DbStats) => ({ tableCount, tableBytes });
    await output.json({
      before: sizes(before),
      after: sizes(after),
      milliseconds: Math.round(milliseconds),
    });
    return;
  }
  const sizes = ({ tableCount, tableBytes }: DbStats) =>
    `${formatBytes(tableBytes)} in ${formatItems(tableCount, 'table')}`;
  await output.text(`before  ${sizes(before)}\nafter   ${sizes(after)}\n`);
  await output.text(`took    ${formatSeconds(milliseconds)}\n\n`);
  await output.text(levelsText(after.columnFamilies));
}
