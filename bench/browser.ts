/**
 * Varve beside the stores of browsers, in Chromium: IndexedDB, SQLite and Postgres over OPFS.
 *
 *     npm run bench -- browser
 *     npm run bench -- browser --count 20000 --durable 200 --reads 1000 --rounds 1
 *     npm run bench -- browser --stores varve-page,idb --lists article --json
 *
 * Each store runs each list in a page of its own, on a database of its own, one after the other;
 * rounds go around all of them, and medians are shown. docs/BENCHMARKING.md says what the rows are.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { type BrowserContext, chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Stores, and where their code runs. */
const STORES: Readonly<Record<string, 'page' | 'worker'>> = {
  'varve-page': 'page',
  'varve-worker': 'worker',
  idb: 'page',
  dexie: 'page',
  'sqlite-sahpool': 'worker',
  'wa-sqlite': 'worker',
  pglite: 'worker',
};
const LISTS = ['load', 'roundTrips', 'article'];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
/** So that clocks are fine and memory may be shared. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

type Row = readonly [name: string, value: number, unit: string];
type Outcome = { readonly rows: readonly Row[] } | { readonly error: string };

interface Plan {
  readonly stores: readonly string[];
  readonly lists: readonly string[];
  readonly rounds: number;
  readonly settings: Readonly<Record<string, number>>;
  readonly isJson: boolean;
}

/** All values of a row of a list, by store. */
type Table = Map<string, { readonly unit: string; readonly values: Map<string, number[]> }>;

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      stores: { type: 'string', default: Object.keys(STORES).join() },
      lists: { type: 'string', default: LISTS.join() },
      rounds: { type: 'string', default: '3' },
      count: { type: 'string', default: '1000000' },
      durable: { type: 'string', default: '10000' },
      reads: { type: 'string', default: '50000' },
      limit: { type: 'string', default: '30' },
      json: { type: 'boolean', default: false },
    },
  });
  const settings = {
    count: numberOf('count', values.count),
    durableCount: numberOf('durable', values.durable),
    readCount: numberOf('reads', values.reads),
    limitMs: numberOf('limit', values.limit) * 1000,
  };
  return {
    stores: namesOf('stores', values.stores, Object.keys(STORES)),
    lists: namesOf('lists', values.lists, LISTS),
    rounds: numberOf('rounds', values.rounds),
    settings,
    isJson: values.json,
  };
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new RangeError(`--${name} takes a number`);
  return number;
}

function namesOf(name: string, text: string, known: readonly string[]): string[] {
  const names = text.split(',');
  const unknown = names.find((each) => !known.includes(each));
  if (unknown !== undefined) throw new RangeError(`--${name}: ${unknown} is none of ${known}`);
  return names;
}

/** Bundles Varve as an application would have it. */
async function bundleVarve(folder: string): Promise<void> {
  await build({
    entryPoints: {
      client: join(ROOT, 'build/src/browser.js'),
      worker: join(ROOT, 'build/src/browser/worker.js'),
      core: join(ROOT, 'bench/browser/varve-core.mjs'),
    },
    alias: { 'varve/core': join(ROOT, 'build/src/core.js') },
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    logLevel: 'error',
  });
}

/** Serves the page, the stores, and Varve from `folder`. */
function answer(folder: string, url: string, response: ServerResponse): void {
  for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
  const { pathname } = new URL(url, 'http://localhost');
  if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html');
    const script = '<script type="module" src="/bench/browser/run.mjs"></script>';
    response.end(`<link rel="icon" href="data:,">${script}`);
    return;
  }
  const path = pathname.startsWith('/varve/')
    ? join(folder, pathname.slice('/varve/'.length))
    : join(ROOT, pathname);
  const isThere = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  response.statusCode = isThere ? 200 : 404;
  response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
  response.end(isThere ? readFileSync(path) : undefined);
}

async function measure(
  context: BrowserContext,
  site: string,
  order: Readonly<Record<string, unknown>>,
): Promise<readonly Row[]> {
  const page = await context.newPage();
  try {
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      page.on('pageerror', reject);
      page.on('crash', () => reject(new Error('the page has crashed')));
      page
        .exposeFunction('report', resolve)
        .then(() => page.goto(`${site}/#${encodeURIComponent(JSON.stringify(order))}`))
        .catch(reject);
    });
    if ('error' in outcome) throw new Error(outcome.error);
    return outcome.rows;
  } finally {
    await page.close();
  }
}

async function measureAll(plan: Plan, context: BrowserContext, site: string): Promise<Table> {
  const table: Table = new Map();
  for (let round = 0; round < plan.rounds; round++) {
    for (const list of plan.lists) {
      for (const store of plan.stores) {
        note(`round ${round + 1}, ${list}, ${store}`);
        const database = `${store}-${list}-${round}`;
        const order = { store, list, database, place: STORES[store], settings: plan.settings };
        try {
          for (const row of await measure(context, site, order)) enter(table, list, store, row);
        } catch (error) {
          note(`  fails: ${(error as Error).message}`);
        }
      }
    }
  }
  return table;
}

function enter(table: Table, list: string, store: string, [name, value, unit]: Row): void {
  const key = `${list}: ${name}`;
  const row = table.get(key) ?? { unit, values: new Map<string, number[]>() };
  table.set(key, row);
  row.values.set(store, [...(row.values.get(store) ?? []), value]);
}

function median(values: readonly number[] | undefined): number | undefined {
  if (values === undefined) return undefined;
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Markdown, with the rows in which another store is ahead of both ways to have Varve. */
function textOf(table: Table, stores: readonly string[]): string {
  const lines = [
    `| | unit | ${stores.join(' | ')} | |`,
    `|---|---|${'---|'.repeat(stores.length)}---|`,
  ];
  for (const [name, { unit, values }] of table) {
    const medians = stores.map((store) => median(values.get(store)));
    const score = (value: number): number => (unit === 'ms' ? -value : value);
    const best = (isOurs: boolean): number =>
      Math.max(
        ...medians.flatMap((value, i) =>
          value !== undefined && stores[i]!.startsWith('varve') === isOurs ? [score(value)] : [],
        ),
      );
    const cells = medians.map((value) => (value === undefined ? '-' : figure(value)));
    lines.push(
      `| ${name} | ${unit} | ${cells.join(' | ')} | ${best(true) < best(false) ? 'behind' : ''} |`,
    );
  }
  return lines.join('\n');
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(2);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

const plan = readPlan();
const folder = mkdtempSync(join(tmpdir(), 'varve-bench-browser-'));
const server = createServer(({ url }, response) => answer(join(folder, 'varve'), url!, response));
try {
  await bundleVarve(join(folder, 'varve'));
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const site = `http://localhost:${(server.address() as AddressInfo).port}`;
  // A profile of its own: without one a browser keeps all files in memory.
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: process.env['CHROMIUM']!,
  });
  try {
    const table = await measureAll(plan, context, site);
    const values = [...table].map(([name, { unit, values }]) => ({
      name,
      unit,
      values: Object.fromEntries(values),
    }));
    process.stdout.write(`${plan.isJson ? JSON.stringify(values) : textOf(table, plan.stores)}\n`);
  } finally {
    await context.close();
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
