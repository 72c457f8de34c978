/**
 * Runs the compiled `varve` command as a process of its own, and keeps databases for tests.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(
  new URL(`../../src/cli/main${extname(import.meta.url)}`, import.meta.url),
);

/** How a command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Starts the command and leaves its streams to the caller. */
export function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [program, ...args]);
}

/** Runs the command to its end. Whatever happens, it must not print a stack trace. */
export async function varve(
  args: readonly string[],
  input?: string | Uint8Array,
): Promise<Outcome> {
  const child = start(args);
  // A command that fails early does not read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return outcomeOf(child);
}

/** Waits for the end of a command. */
export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  assert.doesNotMatch(stderr, /^\s+at |node:internal|Warning:/m);
  return { code, signal, stdout: Buffer.concat(stdout), stderr };
}

/** Runs a command that must succeed and stay silent on standard error; returns its output. */
export async function ok(args: readonly string[], input?: string | Uint8Array): Promise<string> {
  const { code, stdout, stderr } = await varve(args, input);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  return stdout.toString();
}

/** Runs a command that must fail with a message and nothing else; returns the message. */
export async function fails(
  code: number,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const outcome = await varve(args, input);
  assert.equal(outcome.stdout.toString(), '');
  assert.match(outcome.stderr, /^varve: /);
  assert.equal(outcome.code, code, outcome.stderr);
  return outcome.stderr;
}

/** The parsed lines of JSON output. */
export function jsonLines(text: string): unknown[] {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is complete');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** A directory that goes with the test. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'varve-cli-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
