/**
 * The `varve` command as a whole.
 * @module
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import {
  EXIT_CODES_HELP,
  EXIT_OK,
  EXIT_USAGE,
  failureOf,
  failureText,
  usageError,
} from './failure.ts';
import { KEYS_HELP } from './keys.ts';
import { Output } from './output.ts';

/** Arguments of commands that name a file or directory. */
const PATH_ARGUMENTS: ReadonlySet<string> = new Set(['db', 'target', 'path']);

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
    const program = await programOf(args, output);
    await program.parseAsync(args, { from: 'user' });
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

async function programOf(args: readonly string[], output: Output): Promise<Command> {
  const program = new Command('varve')
    .description('Look into and change a Varve database.')
    .version(version())
    .addHelpText('after', `${EXAMPLES}\n${KEYS_HELP}\n${EXIT_CODES_HELP}`)
    .hook('preAction', (_, command) => requirePaths(command));
  const commands = await commandsFor(args, output);
  for (const command of commands) program.addCommand(command);
  // Messages are written in one place, above.
  quieten(program);
  return program;
}

/** An empty path is a variable of a shell that was not set. */
function requirePaths({ registeredArguments, args }: Command): void {
  for (const [i, argument] of registeredArguments.entries()) {
    const name = argument.name();
    if (!PATH_ARGUMENTS.has(name) || args[i] !== '') continue;
    throw usageError(`<${name}> is empty: ${argument.description}`);
  }
}

function quieten(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const part of command.commands) quieten(part as Command);
}

/** Only what is asked for is loaded: a third of what a short command takes is loading code. */
const MODULES: readonly CommandModule[] = [
  {
    names: ['put', 'get', 'del'],
    load: async (output) => (await import('./point-commands.ts')).pointCommands(output),
  },
  {
    names: ['scan'],
    load: async (output) => [(await import('./scan.ts')).scanCommand(output)],
  },
  {
    names: ['import'],
    load: async (output) => [(await import('./import.ts')).importCommand(output)],
  },
  {
    names: ['export'],
    load: async (output) => [(await import('./export.ts')).exportCommand(output)],
  },
  {
    names: ['stats'],
    load: async (output) => [(await import('./stats.ts')).statsCommand(output)],
  },
  {
    names: ['verify', 'compact'],
    load: async (output) => (await import('./maintenance.ts')).maintenanceCommands(output),
  },
  {
    names: ['checkpoint'],
    load: async (output) => [(await import('./checkpoint.ts')).checkpointCommand(output)],
  },
  {
    names: ['backup'],
    load: async (output) => [(await import('./backup.ts')).backupCommand(output)],
  },
  {
    names: ['scrub'],
    load: async (output) => [(await import('./scrub.ts')).scrubCommand(output)],
  },
  {
    names: ['inspect'],
    load: async (output) => [(await import('./inspect.ts')).inspectCommand(output)],
  },
  {
    names: ['repair'],
    load: async (output) => [(await import('./repair.ts')).repairCommand(output)],
  },
  {
    names: ['salvage'],
    load: async (output) => [(await import('./salvage.ts')).salvageCommand(output)],
  },
  {
    names: ['unlock'],
    load: async (output) => [(await import('./unlock.ts')).unlockCommand(output)],
  },
];

/** A module, and the commands that it has. */
interface CommandModule {
  readonly names: readonly string[];
  readonly load: (output: Output) => Promise<Command[]>;
}

/** The commands of the module that is asked for; all, where that is not clear or help is wanted. */
async function commandsFor([first]: readonly string[], output: Output): Promise<Command[]> {
  const wanted = MODULES.filter(({ names }) => first !== undefined && names.includes(first));
  const commands: Command[] = [];
  for (const { load } of wanted.length > 0 ? wanted : MODULES) {
    commands.push(...(await load(output)));
  }
  if (wanted.length > 0) return commands;
  const { completionCommand } = await import('./completion.ts');
  return [...commands, completionCommand(output, commands)];
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
