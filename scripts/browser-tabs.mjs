/**
 * Tabs of a real browser that share databases, while they are closed, crashed and frozen at random
 * moments. What was acknowledged has to be there in the end, and once.
 * @module
 */
import { DrivenBrowser } from './devtools-pipe.mjs';

/** No tab takes so long to open, or to end, however busy the machine is. */
const PATIENCE_MS = 300_000;
const BLOWS = 6;
/** By so many milliseconds the clocks of two pages may differ. */
const CLOCK_TOLERANCE_MS = 20;

/**
 * @param url of the page test/browser/tabs-page.ts
 * @param support modules of the tests, built: TabHistory and SeededRandom
 * @returns how many writes were acknowledged, and how many tabs there were
 */
export async function shareTabs(executablePath, url, rounds, seed, support) {
  const browser = new DrivenBrowser(executablePath);
  const totals = { writes: 0, tabs: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      const run = new Round(browser, url, `tabs-${round}`, seed + round, support);
      try {
        await run.run((seed + round) % 3 === 0 ? 5 : 2);
      } catch (error) {
        const text = `--tabs 1 --seed ${seed + round}: ${error.message}\n${run.log}`;
        throw new Error(text, { cause: error });
      }
      totals.writes += run.writeCount;
      totals.tabs += run.tabCount;
    }
  } finally {
    await browser.end();
  }
  return totals;
}

/** One database, and the tabs that come and go. */
class Round {
  #browser;
  #url;
  #database;
  #random;
  #history;
  #alive = new Map();
  #frozen = new Set();
  /** Tabs that have the database open, or had. */
  #opened = new Set();
  #errors = [];
  /** What tabs did and databases told, for who looks for the cause of a failure. */
  #log = [];
  #onNews = () => {};
  tabCount = 0;

  constructor(browser, url, database, seed, { TabHistory, SeededRandom }) {
    this.#browser = browser;
    this.#url = url;
    this.#database = database;
    this.#random = new SeededRandom(seed);
    this.#history = new TabHistory(CLOCK_TOLERANCE_MS);
  }

  get log() {
    return this.#log.join('\n');
  }

  get writeCount() {
    let sum = 0;
    for (const n of this.#history.acknowledged.values()) sum += n;
    return sum;
  }

  async run(count) {
    for (let i = 0; i < count; i++) await within('a tab', this.#open());
    await this.#until('writes', () => this.writeCount >= 10);
    for (let blow = 0; blow < BLOWS; blow++) {
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(500)));
      await within('a blow', this.#strike());
      while (this.#alive.size < count) await within('a tab', this.#open());
      this.#throwErrors();
    }
    await within(
      'thawing',
      this.#thaw(() => true),
    );
    await this.#until('opening', () =>
      [...this.#alive.keys()].every((name) => this.#opened.has(name)),
    );
    const tabs = [...this.#alive.values()];
    // No call stays without an answer.
    await within('the end of all tabs', Promise.all(tabs.map((tab) => tab.evaluate('finish()'))));
    this.#throwErrors();
    const names = JSON.stringify([...this.#history.written.keys()]);
    const shown = await within('the judge', tabs[0].evaluate(`judge(${names})`));
    this.#history.check(shown);
    const follow = `follow(${JSON.stringify(shown)})`;
    await within('change events', Promise.all(tabs.map((tab) => tab.evaluate(follow))));
    this.#throwErrors();
    await within('closing', Promise.all(tabs.map((tab) => tab.evaluate('close()'))));
    await Promise.all(tabs.map((tab) => tab.close()));
  }

  async #open() {
    const name = `tab${this.tabCount++}`;
    // Its newest writes may be there though it never heard so.
    this.#history.written.set(name, Number.POSITIVE_INFINITY);
    const hash = `${this.#database},${name},${this.#random.u32()}`;
    const tab = await this.#browser.open(`${this.#url}#${hash}`, (text) => this.#hear(text));
    this.#alive.set(name, tab);
  }

  #hear(text) {
    const { tab, isOpen, acknowledged, register, read, event, error } = JSON.parse(text);
    if (isOpen) this.#opened.add(tab);
    if (event !== undefined) this.#note(`${tab}: ${JSON.stringify(event)}`);
    if (isOpen || acknowledged % 5 === 0) this.#note(`${tab}: ${text}`);
    if (error !== undefined) this.#errors.push(`${tab}: ${error}`);
    if (acknowledged !== undefined) this.#history.acknowledge(tab, acknowledged);
    if (read !== undefined) this.#history.addRead(register, read);
    this.#onNews();
  }

  #note(text) {
    this.#log.push(`${Math.round(performance.now())} ${text}`);
  }

  #throwErrors() {
    if (this.#errors.length > 0) throw new Error(this.#errors.join('\n'));
  }

  /** Resolves when what tabs have told makes `isTrue` true. */
  async #until(what, isTrue) {
    const told = new Promise((resolve) => {
      this.#onNews = () => {
        if (this.#errors.length > 0 || isTrue()) resolve();
      };
    });
    this.#onNews();
    await within(what, told);
    this.#onNews = () => {};
    this.#throwErrors();
  }

  async #strike() {
    const awake = [...this.#alive.keys()].filter((name) => !this.#frozen.has(name));
    const name = awake[this.#random.below(awake.length)];
    const choice = this.#random.below(6);
    if (name !== undefined) {
      const tab = this.#alive.get(name);
      this.#note(`${name}: ${choice < 3 ? 'crash' : choice < 4 ? 'close' : 'freeze'}`);
      if (choice < 4) this.#alive.delete(name);
      if (choice < 3) tab.crash();
      else if (choice < 4) await tab.close();
      else if (awake.length > 1) {
        this.#frozen.add(name);
        await tab.freeze().catch((error) => {
          // One that is just being loaded cannot be frozen yet; then it goes on.
          if (!/Not attached to an active page/.test(error.message)) throw error;
          this.#frozen.delete(name);
        });
      }
    }
    await this.#thaw(() => this.#random.below(2) === 0);
  }

  async #thaw(isChosen) {
    for (const name of [...this.#frozen]) {
      if (!isChosen()) continue;
      this.#frozen.delete(name);
      await this.#alive.get(name)?.thaw();
      this.#note(`${name}: thaw`);
    }
  }
}

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing happens`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
