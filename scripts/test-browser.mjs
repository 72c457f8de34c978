/**
 * `npm run test:browser`: builds and runs the tests that need a browser (test/executor/browser-*,
 * test/fs/opfs-*, test/browser) in headless Chromium and Firefox, which are looked for in PATH;
 * CHROMIUM and FIREFOX name others.
 * Then, in Chromium, tabs share databases while they are closed, crashed and frozen: 10 rounds, or
 * as `--tabs N` says, from `--seed N` on; `--tabs-only` does nothing else.
 * Then, in Chromium too, it walks through the page of examples/browser; `--example-only` does
 * nothing else, and `--pictures` takes the pictures of the documentation anew.
 * Last it kills workers, tabs and browsers that write, by turns: 8 times, or as often as
 * `--kills N` says; `--kills-only` does nothing else.
 *
 *     --browsers chromium,firefox   only these; one that is missing is a failure
 *     --only TEXT                   only pages whose name has this in it, and no kills
 *
 * Without `--browsers`, and not in CI, a Firefox that is missing is only told.
 * Exits with 1 when a test fails, and when a browser is missing that must be there.
 * @module
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missing, programOf, titleOf } from './browser/programs.mjs';
import { buildDev, fail, root } from './ensure.mjs';

const KILLS = 8;
/** From one test of a page to the next: they take seconds, on a busy machine a minute. */
const SILENCE_MS_MAX = 900_000;
const BOTH = ['chromium', 'firefox'];

/** Pages by what they are about; `/isolated/` ones have SharedArrayBuffer, the others do not. */
const PAGES = [
  { name: 'web workers refused', path: '/page/test/executor/browser-page', browsers: BOTH },
  { name: 'web workers', path: '/isolated/test/executor/browser-page', browsers: ['chromium'] },
  { name: 'opfs', path: '/page/test/fs/opfs-page', browsers: BOTH },
  { name: 'client', path: '/page/test/browser/page', browsers: BOTH },
  { name: 'exchange', path: '/page/test/browser/exchange-page', browsers: BOTH },
  { name: 'model', path: '/page/test/browser/program-page?model', browsers: BOTH },
  { name: 'stages', path: '/page/test/browser/program-page?stages', browsers: BOTH },
  { name: 'integrity', path: '/page/test/browser/program-page?integrity', browsers: BOTH },
  { name: 'level', path: '/page/test/browser/program-page?level', browsers: BOTH },
];
/** The page of browsers that are killed. */
const KILL_PAGE = '/page/test/fs/opfs-kill-page';
/** The page of tabs that share a database. */
const TABS_PAGE = '/page/test/browser/tabs-page';
const TABS_ROUNDS = 10;

const { values: flags } = parseArgs({
  options: {
    browsers: { type: 'string' },
    kills: { type: 'string' },
    'kills-only': { type: 'boolean' },
    only: { type: 'string' },
    seed: { type: 'string' },
    tabs: { type: 'string' },
    'tabs-only': { type: 'boolean' },
    'example-only': { type: 'boolean' },
    pictures: { type: 'boolean' },
  },
});
const kills = countOf('kills', KILLS);
const tabs = countOf('tabs', TABS_ROUNDS);
const seed = countOf('seed', 1);
buildDev();
// Not sooner: packages may have been installed just now.
const { start } = await import('./browser/browsers.mjs');
const { SCENES, Stage } = await import('./browser/scenes.mjs');
const { Exchange } = await import('./browser/exchange.mjs');
const { serve } = await import('./browser/server.mjs');
const { killBrowsers } = await import('./browser-kills.mjs');
const { shareTabs } = await import('./browser-tabs.mjs');

const { names, isStrict } = chosen();
const absent = names.filter((name) => programOf(name) === undefined);
// Chromium is what the tests are about most; without it nothing is left to run.
const needed = absent.filter((name) => isStrict || name === 'chromium');
if (needed.length > 0) fail(needed.map((name) => missing(name)).join('\n'));

const exchange = new Exchange();
const { server, origin } = await serve(exchange);
let failures = 0;
try {
  const part = ['tabs', 'example', 'kills'].find((each) => flags[`${each}-only`]);
  for (const name of names) {
    if (part === undefined && !absent.includes(name)) failures += await runBrowser(name);
  }
  if (names.includes('chromium') && flags.only === undefined) {
    if (part === undefined || part === 'tabs') failures += await runTabs();
    if (part === undefined || part === 'example') failures += await runExample();
    if (part === undefined || part === 'kills') failures += await runKills();
  }
} finally {
  server.close();
}
for (const name of absent) process.stdout.write(`Not run: ${missing(name)}\n`);
if (failures > 0) fail(`${failures} failed.`);

/** Which browsers are to run, and whether all of them have to be there. */
function chosen() {
  const { CI } = process.env;
  const list = flags.browsers?.split(',') ?? BOTH;
  const unknown = list.find((name) => !BOTH.includes(name));
  if (unknown !== undefined) fail(`There is no browser ${unknown}: ${BOTH.join(', ')}.`);
  const isCi = CI !== undefined && CI !== '' && CI !== 'false';
  return { names: list, isStrict: flags.browsers !== undefined || isCi };
}

/** Runs the tests of a browser; returns how many failed. */
async function runBrowser(name) {
  const pages = PAGES.filter(
    (page) => page.browsers.includes(name) && page.name.includes(flags.only ?? ''),
  );
  const hasScenes = 'scenes'.includes(flags.only ?? '');
  if (pages.length === 0 && !hasScenes) return 0;
  const { driver, close } = await start(name);
  let failed = 0;
  try {
    for (const page of pages) {
      const run = page.name === 'exchange' ? runExchange : runPage;
      failed += await run(driver, `${titleOf(name)}: `, page);
    }
    if (hasScenes) failed += await runScenes(name, driver);
  } finally {
    await close();
  }
  return failed;
}

/** Lets a page get databases of Node and send its own; returns how many tests failed. */
async function runExchange(driver, title, page) {
  await exchange.begin();
  let failed = 0;
  try {
    failed += await runPage(driver, title, page);
    for (const [name, check] of exchange.checks()) failed += await judge(title, name, check);
  } finally {
    exchange.end();
  }
  return failed;
}

/** Plays the scenes of a browser; returns how many failed. */
async function runScenes(name, driver) {
  let failed = 0;
  for (const [title, play] of Object.entries({ ...SCENES.both, ...SCENES[name] })) {
    const launch = (...more) => start(name, ...more);
    const stage = new Stage(driver, programOf(name), origin, launch);
    failed += await judge(`${titleOf(name)}: `, title, () => play(stage));
    await stage.end();
  }
  return failed;
}

/** Runs a test, and prints what comes of it. @returns how many failed: 0 or 1 */
async function judge(title, name, run) {
  const started = performance.now();
  let outcome;
  try {
    outcome = { name, note: await run() };
  } catch (error) {
    outcome = { name, error: String(error.stack ?? error) };
  }
  return print(title, { ...outcome, milliseconds: performance.now() - started }) ? 0 : 1;
}

/** The number that a flag gives. */
function countOf(flag, otherwise) {
  const count = flags[flag] === undefined ? otherwise : Number(flags[flag]);
  if (!Number.isInteger(count) || count < 0) fail(`--${flag} takes a number.`);
  return count;
}

/** Walks through the example; returns how many steps failed. */
async function runExample() {
  await import('./build.mjs');
  const { walkExample } = await import('./browser-example.mjs');
  const pictures = flags.pictures ? join(root, 'docs/images') : undefined;
  let failed = 0;
  await walkExample(programOf('chromium'), pictures, (outcome) => {
    if (!print('Example: ', outcome)) failed++;
  });
  return failed;
}

/** Kills what writes; returns how many tests failed. */
function runKills() {
  if (kills === 0) return 0;
  const name = 'nothing synced is lost, whatever is killed in the middle of writes';
  return runProof(name, KILL_PAGE, async (url, program) => {
    const { acknowledged, counts } = await killBrowsers(program, url, kills);
    return `${acknowledged} entries, ended ${JSON.stringify(counts)}`;
  });
}

/** Lets tabs share databases; returns how many tests failed. */
async function runTabs() {
  if (tabs === 0) return 0;
  const name = `tabs that come and go lose nothing and do nothing twice, ${tabs} rounds`;
  const { TabHistory } = await import('../build/test/browser/tab-history.js');
  const { SeededRandom } = await import('../build/src/testing/seeded-random.js');
  return runProof(name, TABS_PAGE, async (url, program) => {
    const support = { TabHistory, SeededRandom };
    const totals = await shareTabs(program, url, tabs, seed, support);
    return `${totals.writes} writes, ${totals.tabs} tabs`;
  });
}

/** @param prove in Chromium; resolves to a note. @returns how many tests failed */
function runProof(name, page, prove) {
  const run = () => prove(`${origin}${page}`, programOf('chromium'));
  return judge(`${titleOf('chromium')}: `, name, run);
}

/** Runs the tests of a page and prints what comes out; returns how many failed. */
async function runPage(driver, title, { path }) {
  const page = await driver.newPage();
  let failed = 0;
  try {
    await new Promise((resolve, reject) => {
      const onSilence = () => reject(new Error(`${path} gets nowhere`));
      const timer = setTimeout(onSilence, SILENCE_MS_MAX);
      const onOutcome = (outcome) => {
        timer.refresh();
        if (outcome === 'end') {
          clearTimeout(timer);
          resolve();
        } else if (!print(title, outcome)) failed++;
      };
      page.on('pageerror', (error) => {
        // Firefox tells of a worker that is missing as of an error of the page.
        if (!String(error).includes('?404')) reject(error);
      });
      page.on('crash', () => reject(new Error(`${path} crashed`)));
      page.on('close', () => reject(new Error(`${path} was closed`)));
      page.on('response', (response) => {
        if (!response.ok() && !response.url().endsWith('?404'))
          reject(new Error(`${response.url()}: ${response.status()}`));
      });
      page.on('console', (message) => process.stdout.write(`  ${message.text()}\n`));
      page
        .exposeFunction('report', onOutcome)
        .then(() => page.goto(`${origin}${path}`))
        .catch(reject);
    });
  } finally {
    await page.close();
  }
  return failed;
}

/** Returns whether the test passed. */
function print(title, { name, note, error, milliseconds = 0 }) {
  const time = `(${Math.round(milliseconds)} ms)`;
  const isPassed = error === undefined;
  process.stdout.write(
    `${isPassed ? '✔' : '✖'} ${title}${name} ${time}${note ? `: ${note}` : ''}\n`,
  );
  if (!isPassed) process.stdout.write(`${error}\n`);
  return isPassed;
}
