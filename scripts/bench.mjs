/**
 * `npm run bench -- <name> [arguments]`: runs bench/<name>.ts; without a name, lists what is there.
 * A file directly in bench/ is a program; what programs share is in folders below it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDev, fail, filesUnder, root } from './ensure.mjs';
import { runNode } from './run-node.mjs';

const names = filesUnder('bench')
  .map((path) => /^bench\/([^/]+)\.ts$/.exec(path)?.[1])
  .filter((name) => name !== undefined);
const [name, ...args] = process.argv.slice(2);

if (name === undefined || name === '--help') {
  process.stdout.write(`npm run bench -- <name> [arguments]\n\n${listing()}`);
} else if (!names.includes(name)) {
  fail(`There is no bench ${name}.\n\n${listing()}`, 2);
} else {
  buildDev();
  runNode(`build/bench/${name}.js`, args);
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
