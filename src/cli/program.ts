/**
 * The `varve` command as a whole.
 * @module
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { completionCommand } from './completion.ts';
import { exportCommand } from './export.ts';
import {
  EXIT_CODES_HELP,
  EXIT_OK,
  EXIT_USAGE,
  failureOf,
  failureText,
  usageError,
} from './failure.ts';
import { importCommand } from './import.ts';
import { inspectCommand } from './inspect.ts';
import { KEYS_HELP } from './keys.ts';
import { maintenanceCommands } from './maintenance.ts';
import { Output } from './output.ts';
import { pointCommands } from './point-commands.ts';
import { scanCommand } from './scan.ts';
import { statsCommand } from './stats.ts';
import { unlockCommand } from './unlock.ts';

const EXAMPLES = `
Examples:
  varve put ./data user:1 Ada            set a key; the database is made if there is none
  varve get ./data user:1                print its value
  varve scan ./data --prefix user:       print all entries whose key begins so
  varve import ./data --dir ./photos     put files: path -> content
  varve export ./data > backup.jsonl     and: varve import ./copy backup.jsonl
  varve inspect ./data                   what its files are made of, and what is damaged

Commands that read work beside a process that writes. A key or value that begins with - goes
behind --, as in: varve get ./data -- -key`;

/**
 * Runs the command; the result is on standard output, failures are on standard error.
 * @param args what follows the name of the program
 * @returns the exit code
 */
export async function run(args: readonly string[]): Promise<number> {
  const output = Output.standard();
  const end = args.indexOf('--');
  const isJson = (end < 0 ? args : args.slice(0, end)).includes('--json');
  try {
    if (args.length === 0) throw usageError('name a command');
    refuseLostBytes(args);
    await programOf(output).parseAsync(args, { from: 'user' });
    await output.end();
    return EXIT_OK;
  } catch (error) {
    // Help and the version are not failures, though commander throws them.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK;
    // Help on a command that does not exist: the general one was shown instead.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT_USAGE;
    const failure = failureOf(error);
    await output.end().catch(() => undefined);
    process.stderr.write(failureText(failure, isJson));
    return failure.exitCode;
  }
}

/**
 * Bytes that are not UTF-8 arrive as U+FFFD, all of them: two different keys would be one, and a
 * path another one.
 */
function refuseLostBytes(args: readonly string[]): void {
  const at = args.findIndex((argument) => argument.includes('\ufffd'));
  if (at < 0) return;
  throw usageError(
    `argument ${at + 1} is not UTF-8, or holds U+FFFD, which cannot be told apart; ` +
      'give keys and values with --encoding hex or base64',
  );
}

function programOf(output: Output): Command {
  const program = new Command('varve')
    .description('Look into and change a Varve database.')
    .version(version())
    .addHelpText('after', `${EXAMPLES}\n${KEYS_HELP}\n${EXIT_CODES_HELP}`);
  const commands = [
    ...pointCommands(output),
    scanCommand(output),
    importCommand(output),
    exportCommand(output),
    statsCommand(output),
    ...maintenanceCommands(output),
    inspectCommand(output),
    unlockCommand(output),
  ];
  commands.push(completionCommand(output, commands));
  for (const command of commands) program.addCommand(command);
  // Messages are written in one place, above.
  for (const command of [program, ...commands]) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}

/** The version in the package.json of this package, wherever the compiled files are below it. */
function version(): string {
  let url = new URL(import.meta.url);
  for (;;) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL('package.json', url), 'utf8'));
      if (name === 'varve') return version;
    } catch {
      // None here, or not one of ours.
    }
    const parent = new URL('..', url);
    if (parent.href === url.href) return 'unknown';
    url = parent;
  }
}
