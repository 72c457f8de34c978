/**
 * Kills whole browsers, with SIGKILL, while a worker in them writes to OPFS: what was told to be
 * durable has to be there when the next one opens the same profile.
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** No browser takes so long to start, or to write, however busy the machine is. */
const PATIENCE_MS = 300_000;

/**
 * @param chromium of playwright-core
 * @param url of the page that writes
 * @returns how many entries were written
 */
export async function killBrowsers(chromium, executablePath, url, rounds) {
  const profile = mkdtempSync(join(tmpdir(), 'varve-kills-'));
  let acknowledged = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const more = 200 + ((round * 7919) % 1700);
      acknowledged = await life(chromium, executablePath, profile, url, acknowledged, more);
    }
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
  return acknowledged;
}

/** One browser, until about `more` entries have been told; returns how many there are then. */
async function life(chromium, executablePath, profile, url, acknowledged, more) {
  const { child, endpoint } = await start(executablePath, profile);
  let durable = acknowledged;
  try {
    const browser = await chromium.connectOverCDP(endpoint);
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
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  return durable;
}

/** A browser of its own, with a profile that stays. */
function start(executablePath, profile) {
  const flags = ['--headless=new', '--no-sandbox', '--no-first-run', '--remote-debugging-port=0'];
  const child = spawn(executablePath, [...flags, `--user-data-dir=${profile}`, 'about:blank']);
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`no browser: ${text}`)), PATIENCE_MS);
    child.on('error', reject);
    child.stderr.on('data', (data) => {
      text += data;
      const endpoint = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (endpoint === undefined) return;
      clearTimeout(timer);
      resolve({ child, endpoint });
    });
  });
}
