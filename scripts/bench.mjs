/**
 * `npm run bench`: the programs of bench/. A file directly in bench/ is a program; what programs
 * share is in folders below it.
 *
 *     npm run bench -- --benchmarks=fillseq   flags of db_bench: bench/db.ts
 *     npm run bench -- <name> [arguments]     bench/<name>.ts
 *     npm run bench -- --help                 explains the flags and lists the programs
 *
 * `npm run bench:vs` is `vs`, which also needs the packages of bench/vs; `browser` needs those of
 * bench/browser, and a Chromium.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findChromium } from './chromium.mjs';
import { buildDev, fail, filesUnder, root, runNpm } from './ensure.mjs';
import { runNode } from './run-node.mjs';

const MAIN = 'db';
const COMPARISON = 'vs';
const BROWSER = 'browser';

const names = filesUnder('bench')
  .map((path) => /^bench\/([^/]+)\.ts$/.exec(path)?.[1])
  .filter((name) => name !== undefined);
const [first = '--help', ...rest] = process.argv.slice(2);

if (first === '--help' || first === '-h') {
  process.stdout.write(`Programs, by npm run bench -- <name> [arguments]:\n${listing()}\n`);
  run(MAIN, ['--help']);
} else if (first.startsWith('-')) {
  run(MAIN, [first, ...rest]);
} else if (names.includes(first)) {
  if (first === COMPARISON || first === BROWSER) installPeers(`bench/${first}`);
  if (first === BROWSER) process.env.CHROMIUM = findChromium();
  run(first, rest);
} else {
  fail(`There is no bench ${first}.\n\n${listing()}`, 2);
}

function run(name, args) {
  buildDev();
  runNode(`build/bench/${name}.js`, args);
}

/** Installs the other stores once. Without them the comparison runs on what there is. */
function installPeers(folder) {
  if (existsSync(join(root, folder, 'node_modules'))) return;
  process.stderr.write(`Installing the other stores with npm ci in ${folder}.\n`);
  const { status } = runNpm(['ci', '--no-audit', '--no-fund'], {
    cwd: join(root, folder),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0)
    process.stderr.write('npm ci failed; see above. Going on with what there is.\n');
}

/** One line for each program: its name and the first sentence of its head comment. */
function listing() {
  const width = Math.max(0, ...names.map((each) => each.length));
  const lines = names.map((each) => `  ${each.padEnd(width)}  ${summary(each)}`.trimEnd());
  return `${lines.join('\n')}\n`;
}

function summary(each) {
  const text = readFileSync(join(root, 'bench', `${each}.ts`), 'utf8');
  const head = /\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';
  const words = head.replace(/^\s*\* ?/gm, ' ').replace(/\s+/g, ' ');
  return (/^(.*?[.:;])(\s|$)/.exec(words.trim())?.[1] ?? '').replace(/[.:;]$/, '');
}
