/**
 * `npm run test:browser`: builds and runs the tests that need a browser (test/executor/browser-*)
 * in a headless Chromium. It is looked for in PATH; CHROMIUM names another one.
 *
 * Exits with 1 when a test fails, and when there is no Chromium.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDev, fail, root } from './ensure.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** From one test of a page to the next: they take seconds, on a busy machine a minute. */
const SILENCE_MS_MAX = 900_000;
/** Without these a page gets no SharedArrayBuffer. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/** Without the icon a browser would ask for one. */
const PAGE = `<link rel="icon" href="data:,">
<script type="module" src="/build/test/executor/browser-page.js"></script>`;

const executablePath = findChromium();
buildDev();
// Not sooner: it may have been installed just now.
const { chromium } = await import('playwright-core');
const server = createServer(answer);
await new Promise((resolve) => server.listen(0, 'localhost', resolve));
const browser = await chromium.launch({ executablePath });
let failures = 0;
try {
  for (const path of ['/plain.html', '/isolated.html']) failures += await runPage(path);
} finally {
  await browser.close();
  server.close();
}
if (failures > 0) fail(`${failures} failed.`);

function findChromium() {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM !== undefined) return CHROMIUM;
  const folders = PATH.split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return (
    found.find((path) => existsSync(path)) ??
    fail('There is no Chromium. Install it (Debian: apt-get install chromium), or set CHROMIUM.')
  );
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
        if (!response.ok()) reject(new Error(`${response.url()}: ${response.status()}`));
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
  const isPage = pathname === '/plain.html' || pathname === '/isolated.html';
  const path = join(root, pathname);
  if (pathname !== '/plain.html') {
    for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
  }
  if (isPage) {
    response.setHeader('Content-Type', 'text/html');
    response.end(PAGE);
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
    /(\bfrom |\bimport |\bimport\()(['"])([@a-z][^'"]*)\2/g,
    (_, keyword, quote, name) => `${keyword}${quote}${addressOf(name)}${quote}`,
  );
}

/** Where this server has the module that a package name means. */
function addressOf(name) {
  const path = fileURLToPath(import.meta.resolve(name));
  return `/${path.slice(root.length).replaceAll('\\', '/')}`;
}
