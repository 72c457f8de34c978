/**
 * `npm run test:runtimes`: builds, and runs test/runtimes on Node 20, 22, 24 and 26, Deno and Bun,
 * which come from the npm registry; on Deno and Bun the suite of abstract-level as well. Then each
 * reads the databases that all of them have made.
 *
 *     npm run test:runtimes -- deno bun    some of them
 *
 * Exits with 1 when something fails.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDev, fail, root, runNpm } from './ensure.mjs';

/** The package of each, and what goes before the name of a program. */
const RUNTIMES = {
  node20: { package: 'node@20', command: ['node'] },
  node22: { package: 'node@22', command: ['node'] },
  node24: { package: 'node@24', command: ['node'] },
  node26: { package: 'node@26', command: ['node'] },
  deno: { package: 'deno@2', command: ['deno', 'run', '--allow-all'], runsLevel: true },
  bun: { package: 'bun@1', command: ['bun', 'run'], runsLevel: true },
};
const LEVEL_SETTINGS = ['node', 'everything'];
const SMOKE = 'build/test/runtimes/smoke.js';
const LEVEL_SUITE = 'build/test/adapters/abstract-level-suite.js';

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNTIMES);
const unknown = wanted.filter((name) => !(name in RUNTIMES));
if (unknown.length > 0) {
  fail(`There is no runtime ${unknown.join(', ')}; known: ${Object.keys(RUNTIMES).join(', ')}.`, 2);
}
buildDev();
const directory = mkdtempSync(join(tmpdir(), 'varve-runtimes-'));
const failures = [];
try {
  for (const name of wanted) {
    runOn(name, SMOKE, ['make', directory, name]);
    if (!RUNTIMES[name].runsLevel) continue;
    for (const setting of LEVEL_SETTINGS) runOn(name, LEVEL_SUITE, [setting], summaryOf);
  }
  for (const name of wanted) runOn(name, SMOKE, ['read', directory]);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (failures.length > 0) fail(`Failed: ${failures.join('; ')}.`);

/** Runs a program and prints what it prints, or what `shorten` makes of that. */
function runOn(name, program, args, shorten = (text) => text) {
  const { package: from, command } = RUNTIMES[name];
  const title = `${name}: ${program.replace(/^.*\/|\.js$/g, '')} ${args[0]}`;
  process.stdout.write(`\n${title}\n`);
  const begin = performance.now();
  const { status, stdout, stderr } = runNpm(
    ['exec', '--yes', `--package=${from}`, '--', ...command, join(root, program), ...args],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  process.stdout.write(`${status === 0 ? shorten(stdout) : stdout}${stderr}(${seconds} s)\n`);
  if (status !== 0) failures.push(title);
}

/** The figures at the end of TAP. */
function summaryOf(tap) {
  return tap
    .split('\n')
    .filter((line) => /^# (tests|pass|fail) +\d+$/.test(line))
    .join('\n');
}
