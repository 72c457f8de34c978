/**
 * Contenders for a lock in other processes.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isVarveError } from '../../src/errors.ts';
import type { LivenessMethod } from '../../src/fs/node-lock.ts';

export const childFile: URL = new URL(`./lock-child${extname(import.meta.url)}`, import.meta.url);

/** Matches `LOCKED` with a message. */
export function lockedBy(pattern: RegExp): (error: unknown) => boolean {
  return (error) => isVarveError(error, 'LOCKED') && pattern.test(error.message);
}

export function newDirectory(t: TestContext): string {
  const directory = fs.mkdtempSync(join(tmpdir(), 'varve-lock-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

/** Where a contender lives. */
export interface Surroundings {
  /** A command that runs the one behind it. */
  readonly wrapper?: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** A contender in another process; lock-child.ts says what it understands. */
export class Child {
  readonly process: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private readonly closed: Promise<unknown>;

  constructor(
    t: TestContext,
    path: string,
    method: LivenessMethod = 'socket',
    { wrapper = [], user }: Surroundings = {},
  ) {
    const command = [...wrapper, process.execPath, fileURLToPath(childFile), path, method];
    const [program, ...args] = command;
    this.process = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'], ...user });
    this.lines = createInterface(this.process.stdout!)[Symbol.asyncIterator]();
    this.closed = once(this.process, 'close');
    t.after(() => this.kill());
  }

  async ask(line: string): Promise<string> {
    this.process.stdin!.write(`${line}\n`);
    const { value } = await this.lines.next();
    return String(value);
  }

  /** Returns when it has ended, and what it ran as a wrapper too. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.closed;
  }
}
