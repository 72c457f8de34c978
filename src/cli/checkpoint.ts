/**
 * `varve checkpoint`.
 * @module
 */
import { Command } from 'commander';
import type { CheckpointReport } from '../index.ts';
import { formatBytes, formatItems, formatSeconds } from './format.ts';
import { addKeys, type KeyOptions } from './keys.ts';
import { addJson } from './options.ts';
import type { Output } from './output.ts';
import { Progress } from './progress.ts';
import { interruptible, withReader } from './session.ts';

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
    .action(async (path: string, target: string, options: KeyOptions) => {
      const begin = performance.now();
      const report = await make(path, target, options);
      await print(output, report, target, performance.now() - begin, options);
    });
  addKeys(command, 'read');
  return addJson(command);
}

function make(path: string, target: string, options: KeyOptions): Promise<CheckpointReport> {
  return withReader(path, options, (db) =>
    interruptible(async (signal) => {
      let progress: Progress | undefined;
      try {
        return await db.checkpoint(target, {
          signal,
          onProgress: (bytesDone, bytesTotal) => {
            progress ??= new Progress('checkpoint', bytesTotal, !options.json);
            progress.update(bytesDone);
          },
        });
      } finally {
        progress?.stop();
      }
    }),
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
