/**
 * Reading commands beside a process that writes: which, and what each must print.
 * @module
 */
import assert from 'node:assert/strict';

/** A command and the check of its output. */
export interface ReadingCommand {
  readonly args: (directory: string) => readonly string[];
  readonly check: (stdout: string) => void;
}

/** Some entry that the writer has written before anybody reads. */
export const KEY = 'key 0';

/** All commands that take no lock, by name. */
export const READING_COMMANDS: Readonly<Record<string, ReadingCommand>> = {
  stats: {
    args: (directory) => ['stats', directory, '--json'],
    check: (stdout) => assert.ok(JSON.parse(stdout).seqno > 0),
  },
  scan: {
    args: (directory) => ['scan', directory, '--keys-only'],
    check: (stdout) => assert.ok(stdout.startsWith(`${KEY}\n`)),
  },
  get: {
    args: (directory) => ['get', directory, KEY],
    check: (stdout) => assert.ok(stdout.length > 0),
  },
  export: {
    args: (directory) => ['export', directory],
    check: (stdout) => assert.ok(stdout.split('\n').length > 100),
  },
  verify: {
    args: (directory) => ['verify', directory, '--json'],
    check: (stdout) => assert.deepEqual(JSON.parse(stdout).damage, []),
  },
  inspect: {
    args: (directory) => ['inspect', directory, '--json'],
    check: (stdout) => assert.ok(stdout.length > 0),
  },
};
