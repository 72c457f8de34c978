/**
 * `npm test`: builds and runs the tests with the test runner of Node.
 *
 *     npm test                          all of test/, except test/long
 *     npm test -- test/wal              a folder, or files, of test/
 *     npm test -- --only 'torn tail'    tests whose name matches a regular expression
 *
 * Exits with 1 when a test fails and when there was none to run.
 * @module
 */

import { join } from 'node:path';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { buildDev, fail, filesUnder, root } from './ensure.mjs';

/** For one test; Node 20 applies it to the file as a whole. */
const TIMEOUT_MS = 300_000;

const { only, paths } = readArguments();
buildDev();
const files = findTests(paths);
if (files.length === 0) fail(`No test file found in ${paths.join(' ') || 'test'}.`);
runTests(files, only);

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: { only: { type: 'string' } },
      allowPositionals: true,
    });
    return { only: values.only, paths: positionals };
  } catch (error) {
    return fail(`${error.message}\nUsage: npm test -- [--only pattern] [file or folder ...]`, 2);
  }
}

/** The compiled test files that belong to `paths` (of sources), or all when there are none. */
function findTests(paths) {
  const all = filesUnder('build/test').filter((file) => file.endsWith('.test.js'));
  if (paths.length === 0) return all.filter((file) => !file.startsWith('build/test/long/'));
  return paths.flatMap((path) => {
    const wanted = `build/${path
      .replaceAll('\\', '/')
      .replace(/^\.?\//, '')
      .replace(/\/$/, '')
      .replace(/\.ts$/, '.js')}`;
    const found = all.filter((file) => file === wanted || file.startsWith(`${wanted}/`));
    if (found.length === 0) fail(`No test file at ${path}.`);
    return found;
  });
}

/** Runs the files, two at a time, prints as the runner does, and sets the exit code. */
function runTests(files, only) {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      stop.abort();
      process.kill(process.pid, signal);
    });
  }
  // Inherited by the test processes: stack traces name the .ts files.
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`;
  const absolute = files.map((file) => join(root, file));
  let count = 0;
  const tests = run({
    files: absolute,
    concurrency: 2,
    timeout: TIMEOUT_MS,
    signal: stop.signal,
    ...(only === undefined ? {} : { testNamePatterns: [new RegExp(only)] }),
  });
  tests.on('test:fail', () => {
    process.exitCode = 1;
  });
  tests.on('test:pass', (test) => {
    // A file reports itself as a test when nothing in it ran, a suite in any case.
    const container = test.details.type === 'suite' || absolute.includes(test.name);
    if (test.skip === undefined && !container) count++;
  });
  const report = tests.compose(new Spec());
  report.on('end', () => {
    if (count === 0 && process.exitCode === undefined) fail('No test ran.');
  });
  report.pipe(process.stdout);
}
