/**
 * `varve completion`: what a shell offers, where it is asked.
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fails, ok } from './run-varve.ts';

const COMMANDS = [
  ...['put', 'get', 'del', 'scan', 'import', 'export', 'stats', 'verify', 'compact'],
  ...['checkpoint', 'backup', 'scrub', 'inspect', 'repair', 'salvage', 'unlock', 'completion'],
];

test('bash completes commands, options, choices, and file names otherwise', async () => {
  const script = await ok(['completion', 'bash']);
  const cases: [words: string[], expected: string[]][] = [
    [['varve', ''], COMMANDS],
    [['varve', 'ex'], ['export']],
    [
      ['varve', 'put', './d', '--enc'],
      ['--encrypt-existing', '--encoding'],
    ],
    [
      ['varve', 'put', './d', '--encoding', ''],
      ['utf8', 'hex', 'base64'],
    ],
    [['varve', 'put', './d', '--suite', 'c'], ['chacha20-poly1305']],
    [['varve', 'completion', 'z'], ['zsh']],
    [['varve', 'get', './d'], []],
    [['varve', 'get', './d', '--key-file', 'k'], []],
  ];
  const ask = `${script}
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _varve
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  for (const [words, expected] of cases) {
    const offered = execFileSync('bash', ['-c', ask, 'bash', ...words], { encoding: 'utf8' });
    assert.deepEqual(offered.split('\n').filter(Boolean), expected, words.join(' '));
  }
});

test('every script has all commands with all their options', async () => {
  const scripts = await Promise.all(
    ['bash', 'zsh', 'fish'].map((shell) => ok(['completion', shell])),
  );
  for (const command of ['put', 'import', 'inspect']) {
    const help = await ok([command, '--help']);
    const options = [...help.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)].map(([, name]) => name!);
    assert.ok(options.length > 5, help);
    for (const name of options.filter((option) => option !== 'help')) {
      for (const script of scripts) {
        assert.match(script, new RegExp(`${command}[^]*(--|-l )${name}\\b`), `${command} ${name}`);
      }
    }
  }
  for (const script of scripts) for (const name of COMMANDS) assert.ok(script.includes(name));
  assert.match(await fails(2, ['completion', 'csh']), /Allowed choices are bash, zsh, fish/);
});
