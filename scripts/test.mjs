/**
 * `npm test`: builds and runs the tests with the test runner of Node.
 *
 *     npm test                          all of test/, except test/long
 *     npm test -- test/wal              a folder, or files, of test/
 *     npm test -- --only 'torn tail'    tests whose name matches a regular expression
 *     npm run test:quick                without the files that say `@slow` in their head
 *
 * Exits with 1 when a test fails, when there was none to run, and when the tests get nowhere.
 * No limit is one of the clock: a busy machine takes its time.
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { buildDev, fail, filesUnder, root } from './ensure.mjs';
import { TestWatch } from './test-watch.mjs';

const { only, paths, quick } = readArguments();
buildDev();
const files = findTests(paths).filter((file) => !quick || !isSlow(file));
if (files.length === 0) fail(`No test file found in ${paths.join(' ') || 'test'}.`);
runTests(files, only);

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    return { ...values, paths: positionals };
  } catch (error) {
    const usage = 'Usage: npm test -- [--only pattern] [--quick] [file or folder ...]';
    return fail(`${error.message}\n${usage}`, 2);
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

/** True if the source of a compiled test file says in its first comment that it takes long. */
function isSlow(file) {
  const head = /^\/\*\*.*?\*\//s.exec(readFileSync(join(root, sourceOf(file)), 'utf8'));
  return head?.[0].includes('@slow') === true;
}

function sourceOf(file) {
  return file.replace(/^build\//, '').replace(/\.js$/, '.ts');
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
    signal: stop.signal,
    ...(only === undefined ? {} : { testNamePatterns: [new RegExp(only)] }),
  });
  const watch = new TestWatch((why) => {
    process.stderr.write(`${why}\n`);
    process.exitCode = 1;
    stop.abort();
  });
  tests.on('test:fail', () => {
    watch.progress();
    process.exitCode = 1;
  });
  tests.on('test:pass', (test) => {
    watch.progress();
    // A file reports itself as a test when nothing in it ran, a suite in any case.
    const container = test.details.type === 'suite' || absolute.includes(test.name);
    if (test.skip === undefined && !container) count++;
  });
  const report = tests.compose(new Spec());
  report.on('end', () => {
    const remarks = watch.end((file) => isSlow(file));
    // With some of its tests a file takes less.
    if (only === undefined) for (const line of remarks) process.stdout.write(`${line}\n`);
    if (count === 0 && process.exitCode === undefined) fail('No test ran.');
  });
  report.pipe(process.stdout);
}
