/**
 * Ends what writes to OPFS, in the middle of it: the worker, the tab, the process of the tab, the
 * whole browser. What was told to be durable has to be there when the next one opens the same
 * files.
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** No browser takes so long to start, or to write, however busy the machine is. */
const PATIENCE_MS = 300_000;
/** The end comes up to so much later than what was told. */
const DELAY_MS_MAX = 40;

/** What ends the writer, by turns. A browser ends with SIGKILL; the next round begins a new one. */
const WAYS = {
  worker: (page) => page.evaluate(() => globalThis.endWorker()),
  tab: (page) => page.close(),
  async process(page) {
    const session = await page.context().newCDPSession(page);
    const ended = new Promise((resolve) => page.once('crash', resolve));
    session.send('Page.crash').catch(() => {});
    await ended;
    await page.close();
  },
  async browser(_page, child) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  },
};

/**
 * @param url of the page that writes
 * @returns how many entries were written, and how often each way was taken
 */
export async function killBrowsers(executablePath, url, rounds) {
  const profile = mkdtempSync(join(tmpdir(), 'varve-kills-'));
  const names = Object.keys(WAYS);
  const counts = {};
  let acknowledged = 0;
  let running;
  try {
    for (let round = 0; round < rounds; round++) {
      running ??= await start(executablePath, profile);
      const way = names[round % names.length];
      try {
        acknowledged = await life(running, way, url, acknowledged, round);
      } catch (error) {
        throw new Error(`round ${round} (${way}), ${acknowledged} entries: ${error.message}`, {
          cause: error,
        });
      }
      counts[way] = (counts[way] ?? 0) + 1;
      if (way === 'browser') running = undefined;
    }
  } finally {
    if (running !== undefined) await WAYS.browser(undefined, running.child);
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
  return { acknowledged, counts };
}

/** A page that writes until some entries have been told; returns how many there are then. */
async function life({ child, browser }, way, url, acknowledged, round) {
  const more = 200 + ((round * 7919) % 1700);
  let durable = acknowledged;
  const page = await browser.contexts()[0].newPage();
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the page gets nowhere')), PATIENCE_MS);
    const end = (settle, value) => {
      clearTimeout(timer);
      settle(value);
    };
    page.on('pageerror', (error) => end(reject, error));
    const onReport = ({ durable: told, error }) => {
      if (error !== undefined) return end(reject, new Error(error));
      durable = told;
      if (told >= acknowledged + more) end(resolve);
    };
    page
      .exposeFunction('report', onReport)
      .then(() => page.goto(`${url}#${acknowledged}`))
      .catch((error) => end(reject, error));
  });
  await new Promise((resolve) => setTimeout(resolve, (round * 31) % DELAY_MS_MAX));
  await WAYS[way](page, child);
  if (way === 'worker') await page.close();
  return durable;
}

/** A browser of its own, with a profile that stays. */
async function start(executablePath, profile) {
  const flags = ['--headless=new', '--no-sandbox', '--no-first-run', '--remote-debugging-port=0'];
  const child = spawn(executablePath, [...flags, `--user-data-dir=${profile}`, 'about:blank']);
  const endpoint = await new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`no browser: ${text}`)), PATIENCE_MS);
    child.on('error', reject);
    child.stderr.on('data', (data) => {
      text += data;
      const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
  return { child, browser: await chromium.connectOverCDP(endpoint) };
}
