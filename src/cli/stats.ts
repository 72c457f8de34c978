/**
 * `varve stats`.
 * @module
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ProfileName } from '../index.ts';
import { usageError } from './failure.ts';
import { addKeys } from './keys.ts';
import { addFamily, addJson, parseCount } from './options.ts';
import type { Output } from './output.ts';
import { look } from './stats-look.ts';
import { statsText } from './stats-text.ts';
import { type WatchOptions, watch } from './watch.ts';

const PROFILES: readonly ProfileName[] = ['default', 'balanced', 'write-heavy', 'low-memory'];
const WATCH_SECONDS_MIN = 0.1;
const WATCH_SECONDS_MAX = 86_400;

/** The command, which prints to `output`. */
export function statsCommand(output: Output): Command {
  const command = new Command('stats')
    .description('print levels, sizes, memory, logs and counters; or watch them change')
    .argument('<db>', 'directory of the database')
    .addOption(
      new Option('--profile <name>', "the writer's, for limits and thresholds").choices(PROFILES),
    )
    .option('--watch [seconds]', 'look again and again, 2 seconds apart if absent', parseSeconds)
    .option('--count <n>', 'with --watch: so many looks; until Ctrl-C if absent', parseLooks)
    .option('--plain', 'with --watch: one table below the other, as without a terminal')
    .addHelpText('after', HELP)
    .action(async (path: string, options: WatchOptions) => {
      if (options.watch !== undefined) return watch(path, options, output);
      for (const name of ['count', 'plain'] as const) {
        if (options[name] !== undefined) throw usageError(`--${name} wants --watch`);
      }
      const seen = await look(path, options);
      if (options.json) await output.json({ ...seen.stats, files: seen.files });
      else await output.text(statsText(seen));
    });
  addKeys(command, 'read');
  return addJson(addFamily(command, 'only the levels of this column family; all if absent'));
}

const HELP = `
--watch opens the database for each look, beside its writer and without the lock: the tables are
opened and the log is read each time. Written is what is in tables that were not there at the look
before. Limits and thresholds follow from options of the writer, of which only --profile is known
here.`;

function parseSeconds(text: string): number {
  const seconds = Number(text);
  const isNumber = /^\d*\.?\d+$/.test(text);
  if (isNumber && seconds >= WATCH_SECONDS_MIN && seconds <= WATCH_SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(
    `It must be a number of seconds, ${WATCH_SECONDS_MIN} to ${WATCH_SECONDS_MAX}.`,
  );
}

function parseLooks(text: string): number {
  const count = parseCount(text);
  if (count === 0) throw new InvalidArgumentError('It must be an integer of at least 1.');
  return count;
}
