/**
 * Directories of the real file system, what they hold, and databases in other processes.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Db, open } from '../../src/index.ts';

const childFile = new URL(`./database-child${extname(import.meta.url)}`, import.meta.url);

/** A directory for the test, without symbolic links in its path. */
export function newBase(t: TestContext): string {
  const base = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'varve-directory-')));
  t.after(() => fs.rmSync(base, { recursive: true }));
  return base;
}

/** What a directory holds, by name; of what has no content, its kind. */
export function bytesOf(directory: string): Map<string, string> {
  const entries = fs.readdirSync(directory, { withFileTypes: true });
  const found = new Map<string, string>();
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    const kind = entry.isSocket() ? 'socket' : 'directory';
    found.set(entry.name, entry.isFile() ? fs.readFileSync(path, 'hex') : kind);
  }
  return found;
}

/** Copies a directory's files as a backup does: without sockets. */
export function copyFiles(from: string, to: string): void {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    if (entry.isFile()) fs.copyFileSync(join(from, entry.name), join(to, entry.name));
  }
}

/** The keys of the database in a directory that nobody has open. */
export async function keysAt(directory: string): Promise<string[]> {
  const db = await open(directory, { createIfMissing: false });
  try {
    return keysOf(db);
  } finally {
    await db.close();
  }
}

function keysOf(db: Db): string[] {
  return [...db.keys()].map((key) => new TextDecoder().decode(key));
}

export function matchesDetached(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string };
  assert.equal(code, 'DETACHED', message);
  return true;
}

/** A database in another process. */
export class DatabaseChild {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, path: string, cwd?: string) {
    const args = [fileURLToPath(childFile), path];
    this.process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], cwd });
    this.#lines = createInterface(this.process.stdout!)[Symbol.asyncIterator]();
    t.after(() => this.kill());
  }

  /** Sends a command of database-child.ts. Returns `ok`, or the code of its error. */
  async ask(command: string): Promise<string> {
    this.process.stdin!.write(`${command}\n`);
    const { value } = await this.#lines.next();
    return String(value);
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}
