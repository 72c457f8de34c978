/**
 * `varve checkpoint`.
 * @module
 */
import { Command } from 'commander';
import type { CheckpointReport } from '../index.ts';
import { formatBytes, formatItems, formatSeconds } from './format.ts';
import { addKeys, type KeyOptions } from './keys.ts';
import { addJson, addRate, type RateOptions, rateOf } from './options.ts';
import type { Output } from './output.ts';
import { withProgress } from './progress.ts';
import { interruptible, withReader } from './session.ts';

interface CheckpointCommandOptions extends KeyOptions, RateOptions {}

/** The command, which prints to `output`. */
export function checkpointCommand(output: Output): Command {
  const command = new Command('checkpoint')
    .description(
      'make a whole database of its own of what is there now, beside a process that writes',
    )
    .argument('<db>', 'directory of the database')
    .argument('<target>', 'directory for the new one: missing or empty')
    .addHelpText(
      'after',
      '\nTables are hard links where both directories are on one file system, copies elsewhere.' +
        '\nWhen the command is interrupted, nothing is left.',
    )
    .action(async (path: string, target: string, options: CheckpointCommandOptions) => {
      const begin = performance.now();
      const report = await make(path, target, options);
      await print(output, report, target, performance.now() - begin, options);
    });
  addKeys(addRate(command, 'copy'), 'read');
  return addJson(command);
}

function make(
  path: string,
  target: string,
  options: CheckpointCommandOptions,
): Promise<CheckpointReport> {
  return withReader(path, options, (db) =>
    interruptible((signal) =>
      withProgress('checkpoint', !options.json, (onProgress) =>
        db.checkpoint(target, { signal, onProgress, ...rateOf(options) }),
      ),
    ),
  );
}

async function print(
  output: Output,
  report: CheckpointReport,
  target: string,
  milliseconds: number,
  { json }: KeyOptions,
): Promise<void> {
  const { seqno, fileCount, linkedCount, bytesCopied } = report;
  if (json) {
    await output.json({ ...report, milliseconds: Math.round(milliseconds) });
    return;
  }
  const files = `${formatItems(fileCount, 'file')}, ${linkedCount} of them linked`;
  await output.text(`checkpoint of seqno ${seqno} in ${target}\n`);
  await output.text(`${files}, ${formatBytes(bytesCopied)} copied`);
  await output.text(` in ${formatSeconds(milliseconds)}\n`);
}
