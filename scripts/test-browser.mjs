/**
 * `npm run test:browser`: builds and runs the tests that need a browser (test/executor/browser-*,
 * test/fs/opfs-*, test/browser) in a headless Chromium, which is looked for in PATH; CHROMIUM names
 * another one.
 * Then tabs share databases while they are closed, crashed and frozen: 10 rounds, or as `--tabs N`
 * says, from `--seed N` on; `--tabs-only` does nothing else.
 * Last it kills browsers that write: 5, or as `--kills N` says; `--kills-only` does nothing else.
 *
 * Exits with 1 when a test fails, and when there is no Chromium.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { killBrowsers } from './browser-kills.mjs';
import { shareTabs } from './browser-tabs.mjs';
import { findChromium } from './chromium.mjs';
import { buildDev, fail, root } from './ensure.mjs';

/** From one test of a page to the next: they take seconds, on a busy machine a minute. */
const SILENCE_MS_MAX = 900_000;
/** Without these a page gets no SharedArrayBuffer. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/** The script of each page. Of web workers and of OPFS, which needs no isolation. */
const PAGES = {
  '/plain.html': '/build/test/executor/browser-page.js',
  '/isolated.html': '/build/test/executor/browser-page.js',
  '/opfs.html': '/build/test/fs/opfs-page.js',
  '/opfs-client.html': '/build/test/browser/page.js',
};
/** The page of browsers that are killed. */
const KILL_PATH = '/opfs-kill.html';
const KILL_PAGE = '/build/test/fs/opfs-kill-page.js';
const KILLS = 5;
/** The page of tabs that share a database. */
const TABS_PATH = '/opfs-tabs.html';
const TABS_PAGE = '/build/test/browser/tabs-page.js';
const TABS_ROUNDS = 10;

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string' },
    'kills-only': { type: 'boolean' },
    tabs: { type: 'string' },
    'tabs-only': { type: 'boolean' },
    seed: { type: 'string' },
  },
});
const kills = countOf('kills', KILLS);
const tabs = countOf('tabs', TABS_ROUNDS);
const seed = countOf('seed', 1);
const executablePath = findChromium();
buildDev();
// Not sooner: it may have been installed just now.
const { chromium } = await import('playwright-core');
const server = createServer(answer);
await new Promise((resolve) => server.listen(0, 'localhost', resolve));
const browser = await chromium.launch({ executablePath });
let failures = 0;
try {
  const isAll = !flags['kills-only'] && !flags['tabs-only'];
  for (const path of isAll ? Object.keys(PAGES) : []) failures += await runPage(path);
  if (!flags['kills-only']) failures += await runTabs();
  if (!flags['tabs-only']) failures += await runKills();
} finally {
  await browser.close();
  server.close();
}
if (failures > 0) fail(`${failures} failed.`);

/** The number that a flag gives. */
function countOf(flag, otherwise) {
  const count = flags[flag] === undefined ? otherwise : Number(flags[flag]);
  if (!Number.isInteger(count) || count < 0) fail(`--${flag} takes a number.`);
  return count;
}

/** Kills browsers; returns how many tests failed. */
function runKills() {
  if (kills === 0) return 0;
  const name = `${kills} browsers that are killed in the middle of writes lose nothing synced`;
  return runProof(name, KILL_PATH, async (url) => {
    return `${await killBrowsers(chromium, executablePath, url, kills)} entries`;
  });
}

/** Lets tabs share databases; returns how many tests failed. */
async function runTabs() {
  if (tabs === 0) return 0;
  const name = `tabs that come and go lose nothing and do nothing twice, ${tabs} rounds`;
  const { TabHistory } = await import('../build/test/browser/tab-history.js');
  const { SeededRandom } = await import('../build/src/testing/seeded-random.js');
  return runProof(name, TABS_PATH, async (url) => {
    const support = { TabHistory, SeededRandom };
    const totals = await shareTabs(executablePath, url, tabs, seed, support);
    return `${totals.writes} writes, ${totals.tabs} tabs`;
  });
}

/** @param prove resolves to a note; returns how many tests failed */
async function runProof(name, path, prove) {
  const started = performance.now();
  let outcome;
  try {
    outcome = { name, note: await prove(`http://localhost:${server.address().port}${path}`) };
  } catch (error) {
    outcome = { name, error: String(error.stack ?? error) };
  }
  return print({ ...outcome, milliseconds: performance.now() - started }) ? 0 : 1;
}

/** Runs the tests of a page and prints what comes out; returns how many failed. */
async function runPage(path) {
  const page = await browser.newPage();
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
        } else if (!print(outcome)) failed++;
      };
      page.on('pageerror', reject);
      page.on('response', (response) => {
        if (!response.ok() && !response.url().endsWith('?404'))
          reject(new Error(`${response.url()}: ${response.status()}`));
      });
      page.on('console', (message) => process.stdout.write(`  ${message.text()}\n`));
      page
        .exposeFunction('report', onOutcome)
        .then(() => page.goto(`http://localhost:${server.address().port}${path}`))
        .catch(reject);
    });
  } finally {
    await page.close();
  }
  return failed;
}

/** Returns whether the test passed. */
function print({ name, note, error, milliseconds = 0 }) {
  const time = `(${Math.round(milliseconds)} ms)`;
  const isPassed = error === undefined;
  process.stdout.write(`${isPassed ? '✔' : '✖'} ${name} ${time}${note ? `: ${note}` : ''}\n`);
  if (!isPassed) process.stdout.write(`${error}\n`);
  return isPassed;
}

/** Serves the pages, and the scripts that they need. */
function answer({ url }, response) {
  const { pathname } = new URL(url, 'http://localhost');
  const script = { ...PAGES, [KILL_PATH]: KILL_PAGE, [TABS_PATH]: TABS_PAGE }[pathname];
  const path = join(root, pathname);
  if (pathname !== '/plain.html' && !pathname.startsWith('/opfs')) {
    for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
  }
  if (script !== undefined) {
    response.setHeader('Content-Type', 'text/html');
    // Without the icon a browser would ask for one.
    response.end(`<link rel="icon" href="data:,"><script type="module" src="${script}"></script>`);
  } else if (extname(path) === '.js' && existsSync(path)) {
    response.setHeader('Content-Type', 'text/javascript');
    response.end(scriptOf(path));
  } else {
    response.statusCode = 404;
    response.end();
  }
}

/**
 * A script as a bundler would put it: names of packages become addresses, for workers take no
 * import map.
 */
function scriptOf(path) {
  const text = readFileSync(path, 'utf8');
  return text.replace(
    /(\bfrom |\bimport |\bimport\()(['"])([@a-z][^'":]*)\2/g,
    (_, keyword, quote, name) => `${keyword}${quote}${addressOf(name)}${quote}`,
  );
}

/** Where this server has the module that a package name means. */
function addressOf(name) {
  const path = fileURLToPath(import.meta.resolve(name));
  return `/${path.slice(root.length).replaceAll('\\', '/')}`;
}
