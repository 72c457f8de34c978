/**
 * Walks through the page of examples/browser as a user would: imports, searches, damages, heals,
 * follows another tab, goes offline; with the keyboard alone, in the dark and on a phone.
 * On the way it takes the pictures of the documentation.
 * @module
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { root } from './ensure.mjs';
import { buildExample, serveExample } from './example-page.mjs';

/** No step takes so long, however busy the machine is. */
const PATIENCE_MS = 120_000;
const PASSPHRASE = 'correct horse battery staple';
const WIDE = { width: 1440, height: 960 };
/** Two of them side by side. */
const HALF = { width: 720, height: 960 };
const PHONE = { width: 390, height: 844 };
const PICTURE_QUALITY = 82;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];
/** What is imported: text, code, pictures, and something larger. */
const FOLDERS = ['docs', 'src', 'test/golden', 'examples/browser/src'];

/**
 * @param executablePath of Chromium
 * @param pictures folder that gets the pictures; undefined for none
 * @param onOutcome is told of each step: its name and, if it failed, the error
 */
export async function walkExample(executablePath, pictures, onOutcome) {
  await buildExample();
  const server = await serveExample(0);
  const browser = await chromium.launch({ executablePath });
  const folder = mkdtempSync(join(tmpdir(), 'varve-example-'));
  try {
    const project = makeProject(folder);
    const url = `http://localhost:${server.address().port}/`;
    const walk = new Walk(browser, url, { folder, project, pictures, onOutcome });
    await walk.all();
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder to import. */
function makeProject(folder) {
  const project = join(folder, 'project');
  for (const name of FOLDERS) cpSync(join(root, name), join(project, name), { recursive: true });
  cpSync(join(root, 'README.md'), join(project, 'README.md'));
  mkdirSync(join(project, 'images'));
  cpSync(join(root, 'examples/browser/icon.svg'), join(project, 'images/strata.svg'));
  // Text that does not shrink to nothing, so that there are several tables and levels.
  for (let part = 0; part < 12; part++) {
    writeFileSync(join(project, `measurements-${part}.csv`), measurements(part));
  }
  return project;
}

/** A file, as a picker gives it. */
function note(name, text) {
  return { name, mimeType: 'text/plain', buffer: Buffer.from(text) };
}

function measurements(seed) {
  let state = seed + 1;
  const lines = ['depth,grain,carbon'];
  for (let row = 0; row < 24_000; row++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    lines.push(`${row},${(state >>> 8) / 1000},${(state >>> 3) % 9973}`);
  }
  return lines.join('\n');
}

/** One browser profile, step by step. */
class Walk {
  #browser;
  #url;
  #stage;
  #context;
  #page;
  /** What a page has complained of. */
  #complaints = [];

  constructor(browser, url, stage) {
    this.#browser = browser;
    this.#url = url;
    this.#stage = stage;
  }

  async all() {
    this.#context = await this.#browser.newContext({ viewport: WIDE, colorScheme: 'light' });
    this.#context.setDefaultTimeout(PATIENCE_MS);
    try {
      this.#page = await this.#open();
      for (const [name, step] of Object.entries(this.#steps())) {
        if (!(await this.#attempt(name, step))) return;
      }
    } finally {
      await this.#context.close();
    }
  }

  #steps() {
    return {
      'a first visit makes an encrypted database': () => this.#make(),
      'a folder is imported, with progress': () => this.#import(),
      'dropped files are added to the folder that is shown': () => this.#drop(),
      'folders are browsed, files previewed': () => this.#browse(),
      'words of names and texts are found': () => this.#search(),
      'charts show levels, writes and cache': () => this.#charts(),
      'a damaged file can be read, and a scrub heals it': () => this.#heal(),
      'two tabs follow each other': () => this.#follow(),
      'the page works by keyboard alone': () => this.#keyboard(),
      'the page is good in the dark and on a phone': () => this.#looks(),
      'a wrong passphrase is told, offline too': () => this.#offline(),
      'nothing was complained of': () => assert.deepEqual(this.#complaints, []),
    };
  }

  async #attempt(name, step) {
    const started = performance.now();
    try {
      await step();
      this.#stage.onOutcome({ name, milliseconds: performance.now() - started });
      return true;
    } catch (error) {
      const text = String(error.stack ?? error);
      const shot = join(tmpdir(), 'varve-example-failed.png');
      await this.#page?.screenshot({ path: shot }).catch(() => {});
      const complaints = this.#complaints.join('\n');
      const report = `${text}\n${complaints}\nA picture of the page: ${shot}`;
      this.#stage.onOutcome({ name, error: report, milliseconds: performance.now() - started });
      return false;
    }
  }

  async #open() {
    const page = await this.#context.newPage();
    page.on('pageerror', (error) => this.#complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        this.#complaints.push(`${message.text()} (${message.location().url})`);
      }
    });
    await page.goto(this.#url);
    return page;
  }

  async #make() {
    const page = this.#page;
    await page.getByLabel('Passphrase', { exact: true }).fill('short');
    const make = page.getByRole('button', { name: 'Make an encrypted database' });
    await make.click();
    await page.getByText('Take at least 8 characters').waitFor();
    await page.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE);
    await page.getByLabel('The same again').fill('something else');
    await make.click();
    await page.getByText('The two are not the same').waitFor();
    await page.getByText('How the key is made').click();
    await page.getByText('N = 131072').waitFor();
    await this.#checkAccess('the first visit');
    await this.#picture('first-visit');
    await page.getByLabel('The same again').fill(PASSPHRASE);
    await make.click();
    await page.getByText('encrypted', { exact: true }).waitFor();
    await page.getByText('Drop files or folders here').waitFor();
  }

  async #import() {
    const page = this.#page;
    await page.locator('#folder-picker').setInputFiles(this.#stage.project);
    await page.locator('#import').waitFor();
    await page.getByText(/of \d+ files, .*\/s/).waitFor();
    await page.locator('#import').waitFor({ state: 'hidden' });
    await page.locator('#list').getByRole('button', { name: 'project/' }).waitFor();
  }

  async #drop() {
    const page = this.#page;
    const transfer = await page.evaluateHandle(() => {
      const dropped = new DataTransfer();
      const text = 'Dropped notes about basalt and glaciers.';
      dropped.items.add(new File([text], 'dropped notes.txt', { type: 'text/plain' }));
      return dropped;
    });
    await page.dispatchEvent('body', 'dragover', { dataTransfer: transfer });
    await page.getByText('Drop to add to all files').waitFor();
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    await this.#row('dropped notes.txt').click();
    await page.getByText('about basalt and glaciers').waitFor();
  }

  async #browse() {
    const page = this.#page;
    await this.#row('project/').click();
    await this.#row('project/images/').click();
    await this.#row('project/images/strata.svg').click();
    const picture = page.getByRole('img', { name: 'strata.svg' });
    await picture.waitFor();
    assert.ok(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 0)));
    const crumbs = page.getByRole('navigation', { name: 'Folder' });
    await crumbs.getByRole('button', { name: 'project' }).click();
    await this.#row('project/README.md').click();
    await page.getByText('An ordered key-value store').waitFor();
    assert.ok(await this.#row('project/measurements-7.csv').isVisible());
  }

  async #search() {
    const page = this.#page;
    const query = page.getByRole('searchbox');
    await query.fill('basalt glac');
    await page.getByText(/^1 file, [\d,]+ index/).waitFor();
    await this.#row('dropped notes.txt').waitFor();
    await query.fill('xylozoquiet');
    await page.getByText('Nothing has such a word').waitFor();
    await query.fill('reed solomon');
    await this.#row('project/docs/decisions/0010-ecc.md').click();
    await page.getByRole('region', { name: 'Preview' }).getByText('parity').first().waitFor();
  }

  async #charts() {
    const page = this.#page;
    await page.getByText(/in \d+ tables/).waitFor();
    await page.getByText(/amplification \d/).waitFor();
    await page.getByText(/% hits/).waitFor();
    await page.locator('#log .flush').first().waitFor();
    await this.#checkAccess('the desk');
    await this.#picture('desk');
  }

  async #heal() {
    const page = this.#page;
    const note = page.locator('#integrity-note');
    const scrub = page.getByRole('button', { name: 'Scrub and heal' });
    const damage = async () => {
      await page.getByRole('button', { name: 'Damage a file' }).click();
      await note.getByText('was damaged on disk').waitFor();
      await page.locator('#tables .damaged').first().waitFor();
      await this.#picture('damaged', page.locator('.integrity'));
      await scrub.click();
      await note.getByText(/^Scrubbed/).waitFor();
    };
    await damage();
    // A compaction that comes first heals the table as well, and then merges it away.
    while (!/places? healed\./.test(await note.textContent())) await damage();
    await page.locator('#tables .healed').first().waitFor();
    assert.equal(await page.locator('#tables .damaged').count(), 0);
    await page.locator('#log .healed').first().waitFor();
    await this.#picture('healed', page.locator('.integrity'));
    await scrub.click();
    await note.getByText(/Scrubbed .*: no damage\./).waitFor();
  }

  async #follow() {
    const first = this.#page;
    await first.getByRole('searchbox').fill('');
    await first.getByRole('button', { name: 'All files' }).click();
    await first.setViewportSize(HALF);
    const second = await this.#open();
    await second.setViewportSize(HALF);
    await second.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE);
    await second.keyboard.press('Enter');
    await this.#row('project/', second).waitFor();
    await first.getByText('2 tabs share it').waitFor();
    const picker = second.locator('#file-picker');
    await picker.setInputFiles(note('shared note.txt', 'Written in the second tab.'));
    await this.#row('shared note.txt', first).click();
    await first.getByText('Written in the second tab.').waitFor();
    await picker.setInputFiles(note('shared note.txt', 'Changed in the second tab.'));
    await first.getByText('Changed in the second tab.').waitFor();
    await this.#row('shared note.txt', second).click();
    await second.getByText('Changed in the second tab.').waitFor();
    await this.#picture('tab-1', undefined, first);
    await this.#picture('tab-2', undefined, second);
    // The second tab goes on when the first, whose worker has the files, is gone.
    await first.close();
    this.#page = second;
    await second.setViewportSize(WIDE);
    await picker.setInputFiles(note('shared note.txt', 'The first tab is gone.'));
    await second.getByText('The first tab is gone.').waitFor();
    await this.#row('project/').click();
    await this.#row('project/README.md').waitFor();
  }

  async #keyboard() {
    const page = this.#page;
    await page.evaluate(() => {
      document.activeElement?.blur();
      document.documentElement.scrollTop = 0;
    });
    const focus = () =>
      page.evaluate(() => {
        const { activeElement } = document;
        return activeElement?.matches('button, a') ? activeElement.textContent.trim() : '';
      });
    const tabTo = async (text) => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        if ((await focus()).startsWith(text)) return;
      }
      assert.fail(`the Tab key does not come to ${text}`);
    };
    await tabTo('Skip to the content');
    await page.keyboard.press('Enter');
    await tabTo('All files');
    await page.keyboard.press('Enter');
    await this.#row('dropped notes.txt').waitFor();
    await tabTo('dropped notes.txt');
    await page.keyboard.press('ArrowDown');
    assert.match(await focus(), /^project\//);
    await page.keyboard.press('Enter');
    await this.#row('project/README.md').waitFor();
    await tabTo('README.md');
    await page.keyboard.press('ArrowDown');
    assert.match(await focus(), /^docs\//);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.getByText('An ordered key-value store').waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Delete');
    await page.getByRole('dialog').waitFor();
    await this.#checkAccess('a question');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await tabTo('Damage a file');
    await tabTo('Scrub and heal');
  }

  async #looks() {
    const page = this.#page;
    await page.emulateMedia({ colorScheme: 'dark' });
    await this.#checkAccess('the desk in the dark');
    await this.#picture('dark');
    await page.setViewportSize(PHONE);
    await this.#checkAccess('the desk on a phone, in the dark');
    const overflow = () =>
      page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
    assert.equal(await overflow(), 0, 'the page is wider than the phone');
    await page.emulateMedia({ colorScheme: 'light' });
    await this.#checkAccess('the desk on a phone');
    await this.#picture('phone');
    await page.setViewportSize(WIDE);
  }

  async #offline() {
    const page = this.#page;
    await page.getByText('works offline').waitFor();
    await this.#context.setOffline(true);
    await page.reload();
    const field = page.getByLabel('Passphrase', { exact: true });
    await field.fill('incorrect horse battery staple');
    await page.keyboard.press('Enter');
    await page.getByText('This passphrase does not open the database').waitFor();
    await this.#checkAccess('the question for the passphrase');
    await this.#picture('unlock');
    await field.fill(PASSPHRASE);
    await page.keyboard.press('Enter');
    await this.#row('project/').waitFor();
    await this.#context.setOffline(false);
  }

  /** Of the list, by the whole path. */
  #row(path, page = this.#page) {
    return page.locator(`#list button[data-path="${path}"]`);
  }

  /** Names, roles, contrast and more, by axe-core; in a world of its own, beside the policy. */
  async #checkAccess(where) {
    const page = this.#page;
    const source = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
    const session = await this.#context.newCDPSession(page);
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', {
      frameId: frameTree.frame.id,
    });
    const evaluate = async (expression) => {
      const options = { contextId, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
        expression,
        ...options,
      });
      assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
      return result.value;
    };
    await evaluate(`${source};0`);
    const options = JSON.stringify({ runOnly: RULES });
    const found = await evaluate(
      `axe.run(document, ${options}).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' | '))))`,
    );
    await session.detach();
    assert.deepEqual(found, [], `axe-core objects to ${where}`);
  }

  /** Takes a picture of the page, or of a part of it. */
  async #picture(name, part, page = this.#page) {
    const { pictures } = this.#stage;
    if (pictures === undefined) return;
    const session = await this.#context.newCDPSession(page);
    const clip = part && { ...(await part.boundingBox()), scale: 1 };
    const { data } = await session.send('Page.captureScreenshot', {
      ...{ format: 'webp', quality: PICTURE_QUALITY },
      ...(clip && { clip, captureBeyondViewport: true }),
    });
    await session.detach();
    mkdirSync(pictures, { recursive: true });
    writeFileSync(join(pictures, `${name}.webp`), Buffer.from(data, 'base64'));
  }
}
