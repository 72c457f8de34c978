/**
 * Databases that go from Node to pages, and back.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where pages get files, and put them. */
export const FILES_PATH = '/exchange/';

/** Directories of databases, on both ways; for one browser at a time. */
export class Exchange {
  #node;
  #folder;

  /** Makes the databases that pages ask for. */
  async begin() {
    this.#node = await import('../../build/test/browser/exchange-node.js');
    this.#folder = mkdtempSync(join(tmpdir(), 'varve-exchange-'));
    await this.#node.makeDatabases(this.#folder);
  }

  /** Answers what a page asks for below `FILES_PATH`. */
  async answer(request, response) {
    const { pathname } = new URL(request.url, 'http://localhost');
    const name = decodeURIComponent(pathname).slice(FILES_PATH.length);
    await this.#node.answerFiles(this.#folder, name, request, response);
  }

  /** What Node makes of what pages have sent: tests by their names. */
  checks() {
    return this.#node.pageDatabases(this.#folder);
  }

  /** Removes all of it. */
  end() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
