/**
 * Runs bundles for pages in Chromium, served as a site would serve them, under several content
 * security policies.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium } from './chromium.mjs';

/** Bundles, and what is said of them to the page. */
const BUNDLES = [
  { name: 'esbuild-page', isModule: true },
  // Its worker has another name than the client looks for.
  { name: 'rollup-page', isModule: true, worker: 'database.js' },
  { name: 'webpack-page', isModule: false },
  { name: 'vite-page', isModule: true },
];
/** Of the page and of its worker, which has the policy that comes with its program. */
const POLICIES = {
  none: undefined,
  wasm: "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
  plain: "script-src 'self'; worker-src 'self'",
};
/** A page takes a second or two. */
const PAGE_MS_MAX = 300_000;

/**
 * @param {string} folder of the bundles, each in a folder of its own
 * @param {(message: string) => void} say told of what was found right
 * @throws what is wrong with a bundle
 */
export async function checkPages(folder, say) {
  const executablePath = findChromium();
  const server = createServer((request, response) => answer(folder, request.url, response));
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  const site = `http://localhost:${server.address().port}`;
  const browser = await chromium.launch({ executablePath });
  try {
    for (const bundle of BUNDLES) {
      // A context has files of its own, which its pages share.
      const context = await browser.newContext();
      await checkBundle(bundle, (policy, script, query) =>
        outcomeOf(context, `${site}/${bundle.name}/${policy}/${script}.html?${query}`),
      );
      await context.close();
      say(`${bundle.name}: flushed, compacted and read in Chromium, under each policy`);
    }
  } finally {
    await browser.close();
    server.close();
  }
}

/**
 * The same page by Vite's development server, which makes no bundle of it.
 * @param {string} project where the package and Vite are installed
 * @param {(message: string) => void} say told of what was found right
 * @throws what is wrong
 */
export async function checkDevelopment(project, say) {
  const executablePath = findChromium();
  const stdio = ['ignore', 'pipe', 'inherit'];
  const server = spawn(process.execPath, ['serve.mjs'], { cwd: project, stdio });
  const browser = await chromium.launch({ executablePath });
  try {
    const [url] = await once(server.stdout, 'data');
    const context = await browser.newContext();
    const outcome = await outcomeOf(context, `${String(url).trim()}?codec=lz4`);
    if (!isFull(outcome)) throw new Error(`Vite's server: ${JSON.stringify(outcome)}`);
    say('vite, development server: flushed, compacted and read in Chromium');
  } finally {
    await browser.close();
    server.kill();
  }
}

function isFull({ isComplete, flushCount, compactionCount }) {
  return isComplete && flushCount > 1 && compactionCount > 0;
}

async function checkBundle({ name, worker }, run) {
  const query = (codec, more = {}) =>
    new URLSearchParams({ codec, ...(worker && { worker }), ...more });
  const check = (isRight, what, outcome) => {
    if (!isRight) throw new Error(`The bundle of ${name} ${what}: ${JSON.stringify(outcome)}`);
  };
  for (const codec of ['lz4', 'zstd']) {
    const filled = await run('none', 'app', query(codec));
    check(isFull(filled), `fails with ${codec}`, filled);
  }
  const wasm = await run('wasm', 'app', query('lz4'));
  check(isFull(wasm), 'fails with wasm-unsafe-eval', wasm);
  const plain = await run('plain', 'app', query('lz4', { isThere: '' }));
  check(plain.isComplete, 'does not read without WebAssembly what was written with it', plain);
  const filled = await run('plain', 'app', query('lz4'));
  check(isFull(filled), 'fails without WebAssembly', filled);
  const back = await run('wasm', 'app', query('lz4', { isThere: '' }));
  check(back.isComplete, 'does not read what was written without WebAssembly', back);
  const refused = await run('wasm', 'app', query('zstd', { isThere: '' }));
  check(refused.code === 'UNSUPPORTED', 'says of zstd without unsafe-eval', refused);
  // What is blocked was tried: WebAssembly is there, and used where it may be.
  for (const [policy, blocked] of Object.entries({ wasm: [], plain: ['wasm-eval'] })) {
    const whole = await run(policy, 'whole', '');
    const isRight = whole.isComplete && whole.isRefused;
    const isSame = [...new Set(whole.blocked)].join() === blocked.join();
    check(isRight && isSame, 'fails where varve itself is imported', whole);
  }
}

/** What a page says. */
async function outcomeOf(context, url) {
  const page = await context.newPage();
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${url} says nothing`)), PAGE_MS_MAX);
      page.on('pageerror', reject);
      page.on('response', (response) => {
        if (!response.ok()) reject(new Error(`${response.url()}: ${response.status()}`));
      });
      page.on('console', (message) => {
        const text = message.text();
        if (!text.startsWith('outcome ')) return;
        clearTimeout(timer);
        resolve(JSON.parse(text.slice('outcome '.length)));
      });
      page.goto(url).catch(reject);
    });
  } finally {
    await page.close();
  }
}

/** Serves `/<bundle>/<policy>/<script>.html`, and the files of the bundle beside it. */
function answer(folder, url, response) {
  const { pathname } = new URL(url, 'http://localhost');
  const [bundle, policy, ...rest] = pathname.slice(1).split('/');
  const file = join(folder, bundle, ...rest);
  const value = POLICIES[policy];
  if (value !== undefined) response.setHeader('Content-Security-Policy', value);
  if (pathname.endsWith('.html')) {
    const { isModule } = BUNDLES.find(({ name }) => name === bundle);
    const script = rest.join('/').replace(/html$/, 'js');
    response.setHeader('Content-Type', 'text/html');
    const type = isModule ? 'type="module"' : 'defer';
    response.end(`<link rel="icon" href="data:,"><script ${type} src="${script}"></script>`);
  } else if (existsSync(file)) {
    response.setHeader('Content-Type', 'text/javascript');
    response.end(readFileSync(file));
  } else {
    response.statusCode = 404;
    response.end();
  }
}
