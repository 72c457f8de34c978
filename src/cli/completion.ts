/**
 * `varve completion`: scripts with which shells complete the command, made of what the commands say
 * of themselves.
 * @module
 */
import { Argument, Command, type Option } from 'commander';
import type { Output } from './output.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** What goes into a script. */
interface Described {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
}

/** The command, which prints to `output`; `commands` are the others. */
export function completionCommand(output: Output, commands: readonly Command[]): Command {
  const described = commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: optionsOf(command),
  }));
  const completion = new Command('completion')
    .description('print a script with which a shell completes the command')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(async (shell: Shell) => {
      await output.text(SCRIPTS[shell](withOwn(described)));
    });
  const withOwn = (others: readonly Described[]): readonly Described[] => [
    ...others,
    { name: completion.name(), description: completion.description(), options: [] },
  ];
  return completion;
}

/** Its own, and those of its parts. */
function optionsOf({ options, commands }: Command): Option[] {
  const all = [...options, ...commands.flatMap((part) => optionsOf(part as Command))];
  const byName = new Map(all.filter(({ hidden }) => !hidden).map((one) => [one.long, one]));
  return [...byName.values()];
}

const HELP = `
  bash  varve completion bash > ~/.local/share/bash-completion/completions/varve
  zsh   varve completion zsh > a file _varve in a directory of $fpath
  fish  varve completion fish > ~/.config/fish/completions/varve.fish`;

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Described[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function namesOf(commands: readonly Described[]): string {
  return commands.map(({ name }) => name).join(' ');
}

/** Names, paths and choices have no blanks; where nothing fits, bash completes file names. */
function bashScript(commands: readonly Described[]): string {
  const choices = commands.flatMap(({ name, options }) =>
    options.flatMap(({ long, argChoices }) =>
      argChoices === undefined ? [] : [`    '${name} ${long}') words='${argChoices.join(' ')}' ;;`],
    ),
  );
  const flags = commands.map(
    ({ name, options }) => `      ${name}) words='${options.map(({ long }) => long).join(' ')}' ;;`,
  );
  return `# bash completion for varve
_varve() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} words=
  case "$command \${COMP_WORDS[COMP_CWORD - 1]}" in
${choices.join('\n')}
    'completion completion') words='${SHELLS.join(' ')}' ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${namesOf(commands)}'
  elif [ -z "$words" ] && [ "\${cur#-}" != "$cur" ]; then
    case "$command" in
${flags.join('\n')}
    esac
  fi
  COMPREPLY=()
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); fi
}
complete -o default -F _varve varve
`;
}

function zshScript(commands: readonly Described[]): string {
  const described = commands.map(
    ({ name, description }) => `    ${quoted(`${name}:${description}`)}`,
  );
  const cases = commands.map(({ name, options }) => {
    const specs = options.map((option) => `        ${quoted(zshOption(option))}`);
    const rest = name === 'completion' ? `1:shell:(${SHELLS.join(' ')})` : '*:file:_files';
    return `      ${name}) _arguments \\\n${[...specs, `        '${rest}'`].join(' \\\n')} ;;`;
  });
  return `#compdef varve
_varve() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
${cases.join('\n')}
    esac
  fi
}
# As a file of $fpath this is the body of _varve, called when it is used first.
if [[ $funcstack[1] == _varve ]]; then _varve "$@"; else compdef _varve varve; fi
`;
}

function zshOption({ long, description, argChoices, required, optional }: Option): string {
  const text = description.replace(/[[\]:\\]/g, (char) => `\\${char}`);
  const value = argChoices === undefined ? ':value:_files' : `:value:(${argChoices.join(' ')})`;
  return `${long}[${text}]${required || optional ? value : ''}`;
}

function fishScript(commands: readonly Described[]): string {
  const lines = commands.flatMap(({ name, description, options }) => [
    `complete -c varve -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
    ...options.map(
      (option) =>
        `complete -c varve -n '__fish_seen_subcommand_from ${name}' ${fishOption(option)}`,
    ),
  ]);
  const shells = `-f -a '${SHELLS.join(' ')}'`;
  lines.push(`complete -c varve -n '__fish_seen_subcommand_from completion' ${shells}`);
  return `# fish completion for varve\n${lines.join('\n')}\n`;
}

function fishOption({ long, description, argChoices, required, optional }: Option): string {
  const name = `-l ${long!.slice(2)} -d ${quoted(description)}`;
  if (argChoices !== undefined) return `${name} -x -a '${argChoices.join(' ')}'`;
  return required || optional ? `${name} -r` : name;
}

/** In single quotes, for bash, zsh and fish. */
function quoted(text: string): string {
  return `'${text.replace(/'/g, `'"'"'`)}'`;
}
