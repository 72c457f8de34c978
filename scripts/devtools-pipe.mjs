/**
 * A browser that is driven by the DevTools protocol over pipes, and nothing between: playwright
 * keeps its pages visible, and what is visible is never frozen.
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = ['--headless=new', '--no-sandbox', '--no-first-run', '--remote-debugging-pipe'];

/** A page. */
class DrivenPage {
  #browser;
  #target;
  #session;

  constructor(browser, target, session) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  send(method, params) {
    return this.#browser.send(method, params, this.#session);
  }

  /** What an expression comes to, once it is settled. */
  async evaluate(expression) {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', params);
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  close() {
    return this.#browser.send('Target.closeTarget', { targetId: this.#target });
  }

  /** Ends its process, as the system would. */
  crash() {
    // The answer is that the page is gone.
    this.send('Page.crash').catch(() => {});
  }

  freeze() {
    return this.send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  thaw() {
    return this.send('Page.setWebLifecycleState', { state: 'active' });
  }
}

/** See the module head. */
export class DrivenBrowser {
  #child;
  #profile;
  #nextId = 1;
  #waiting = new Map();
  #rest = '';
  /** By session, who is told of what the page calls `report` with. */
  #listeners = new Map();

  constructor(executablePath) {
    this.#profile = mkdtempSync(join(tmpdir(), 'varve-tabs-'));
    const flags = [...FLAGS, `--user-data-dir=${this.#profile}`, 'about:blank'];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
    this.#child = spawn(executablePath, flags, { stdio });
    const output = this.#child.stdio[4];
    output.setEncoding('utf8');
    output.on('data', (text) => {
      const messages = (this.#rest + text).split('\0');
      this.#rest = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser ended'));
    });
  }

  /** Resolves to what the browser answers. */
  send(method, params = {}, sessionId = undefined) {
    const id = this.#nextId++;
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Opens a page, whose `report` calls `onReport` with the text that it is given. */
  async open(url, onReport) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send('Target.attachToTarget', attach);
    this.#listeners.set(sessionId, onReport);
    const page = new DrivenPage(this, targetId, sessionId);
    await page.send('Runtime.enable');
    await page.send('Runtime.addBinding', { name: 'report' });
    await page.send('Page.navigate', { url });
    return page;
  }

  async end() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    // So its own processes end too, and nobody writes to the profile any more.
    this.send('Browser.close').catch(() => {});
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }

  #receive({ id, result, error, method, params, sessionId }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
    if (method === 'Runtime.bindingCalled') this.#listeners.get(sessionId)?.(params.payload);
  }
}
