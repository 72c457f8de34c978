/**
 * What can happen to a database in a browser from outside: other tabs, a quota that is used up,
 * private windows. Each scene has tabs of test/browser/scene-page.ts and
 * throws what is wrong; it may return a note.
 * @module
 */
import { chromium } from 'playwright-core';

/** So much may be stored where it is to run out. */
const QUOTA_BYTES = 24 << 20;
const MORE = 20;
/** More than fits into that. */
const MUCH = 20_000;

/** Scenes of both browsers, and of each alone. */
export const SCENES = {
  both: {
    async 'a page that is not isolated needs no SharedArrayBuffer'(stage) {
      const tab = await stage.open();
      same(await tab('hasSharedMemory'), false, 'SharedArrayBuffer is there');
      same(await tab('open', 'plain'), 0, 'entries');
      same(await tab('write', MORE), MORE, 'entries');
      same(await tab('close'), 'closed', 'close');
    },

    async 'a page that is isolated has the same database'(stage) {
      const tab = await stage.open('isolated');
      same(await tab('hasSharedMemory'), true, 'SharedArrayBuffer is there');
      same(await tab('open', 'plain'), MORE, 'entries');
      same(await tab('close'), 'closed', 'close');
    },

    async 'a directory that another tab has is LOCKED, and free when that is closed'(stage) {
      const [one, two] = [await stage.open(), await stage.open()];
      await one('open', 'shared');
      await one('write', MORE);
      matches(await two('open', 'shared'), /^LOCKED: .*another tab/);
      await one.close();
      await until(two, 'open', 'shared', MORE);
      same(await two('close'), 'closed', 'close');
    },

    async 'a file that somebody else has open is LOCKED, and the database sound'(stage) {
      const [one, two] = [await stage.open(), await stage.open()];
      await one('open', 'held');
      await one('write', MORE);
      await one('close');
      for (const name of ['MAP-A', 'c00000001']) {
        same(await two('hold', 'held', name), 'held', 'hold');
        matches(await one('open', 'held'), new RegExp(`^LOCKED: .*${name} is open in another`));
        await two('release');
        same(await one('open', 'held'), MORE, 'entries');
        same(await one('close'), 'closed', 'close');
      }
    },
  },

  chromium: {
    async 'a quota that is used up is NOSPACE, all can be read, and room lets it go on'(stage) {
      const tab = await stage.open();
      await tab('open', 'full');
      await tab('write', MORE);
      await stage.setQuota(QUOTA_BYTES);
      matches(await tab('write', MUCH), /^NOSPACE: /);
      const count = await tab('acknowledged');
      const read = await tab('read');
      if (read < count) throw new Error(`${read} entries of ${count}`);
      await tab('close');
      const again = await tab('open', 'full');
      if (again < count) throw new Error(`after reopening ${again} entries of ${count}`);
      await stage.setQuota(undefined);
      await tab('resume');
      same(await tab('write', MORE), again + MORE, 'entries with more room');
      same(await tab('close'), 'closed', 'close');
      same(await tab('open', 'full'), again + MORE, 'entries in the end');
      same(await tab('close'), 'closed', 'close');
      return `${count} entries`;
    },

    async 'a private window has a database that goes with it'(stage) {
      const browser = await chromium.launch({ executablePath: stage.program });
      try {
        const tab = await stage.openIn(await browser.newContext());
        same(await tab('open', 'private'), 0, 'entries');
        same(await tab('write', MORE), MORE, 'entries');
        same(await tab('close'), 'closed', 'close');
        same(await tab('open', 'private'), MORE, 'entries');
      } finally {
        await browser.close();
      }
    },
  },

  firefox: {
    async 'a private window is told to have no OPFS, before anything is touched'(stage) {
      const { driver, close } = await stage.start({ 'browser.privatebrowsing.autostart': true });
      try {
        const tab = await stage.openIn(driver);
        matches(await tab('open', 'private'), /^UNSUPPORTED: .*private/);
      } finally {
        await close();
      }
    },
  },
};

/** Where a scene plays. */
export class Stage {
  #driver;
  #origin;
  #start;
  #pages = [];
  #session;
  program;

  /**
   * @param driver of a running browser
   * @param origin of the pages
   * @param launch starts another one, with preferences
   */
  constructor(driver, program, origin, launch) {
    this.#driver = driver;
    this.#origin = origin;
    this.#start = launch;
    this.program = program;
  }

  start(...args) {
    return this.#start(...args);
  }

  /** A tab: a function that orders something of its worker. */
  open(kind = 'page') {
    return this.openIn(this.#driver, kind);
  }

  async openIn(driver, kind = 'page') {
    const page = await driver.newPage();
    this.#pages.push(page);
    await page.goto(`${this.#origin}/${kind}/test/browser/scene-page`);
    const order = (text) => globalThis.scene(...JSON.parse(text));
    const tab = (...args) => page.evaluate(order, JSON.stringify(args));
    tab.close = () => page.close();
    return tab;
  }

  /** Chromium only. */
  async setQuota(quotaSize) {
    const size = quotaSize === undefined ? {} : { quotaSize };
    await this.#send('Storage.overrideQuotaForOrigin', { origin: this.#origin, ...size });
  }

  async end() {
    for (const page of this.#pages) if (!page.isClosed()) await page.close();
  }

  /** The session stays: a quota ends with it. */
  async #send(method, params) {
    this.#session ??= await this.#pages[0].context().newCDPSession(this.#pages[0]);
    await this.#session.send(method, params);
  }
}

function same(found, wanted, what) {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`);
}

function matches(found, pattern) {
  if (!pattern.test(String(found))) throw new Error(`${found} does not match ${pattern}`);
}

/** Orders something until it comes to what is wanted: a tab that was closed ends some later. */
async function until(tab, verb, argument, wanted) {
  for (let left = 100; ; left--) {
    const found = await tab(verb, argument);
    if (found === wanted) return;
    if (left === 0) throw new Error(`${found} instead of ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
