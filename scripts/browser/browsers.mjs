/**
 * Starts the browsers of the tests.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { launch } from 'puppeteer-core';
import { programOf } from './programs.mjs';

/** By their names, with a profile on disk: in a private window OPFS is in memory, or refused. */
const LAUNCHES = {
  chromium: (executablePath, profile) =>
    chromium.launchPersistentContext(profile, { executablePath }),
  /** By WebDriver BiDi: playwright needs a Firefox that was changed for it. */
  firefox: (executablePath, profile, prefs = {}) =>
    launch({
      browser: 'firefox',
      headless: true,
      executablePath,
      userDataDir: profile,
      extraPrefsFirefox: prefs,
    }),
};

/**
 * Starts a browser with a profile of its own.
 * @param more preferences of Firefox
 * @returns what opens pages in it, and what ends it and removes the profile
 */
export async function start(browser, ...more) {
  const profile = mkdtempSync(join(tmpdir(), 'varve-browser-'));
  const remove = () =>
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  try {
    const driver = await LAUNCHES[browser](programOf(browser), profile, ...more);
    const close = async () => {
      await driver.close();
      remove();
    };
    return { driver, close };
  } catch (error) {
    remove();
    throw error;
  }
}
