/**
 * All reading commands beside a process that writes and compacts without rest.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { READING_COMMANDS } from './reading-commands.ts';

/** Starts a compiled script of this folder. */
export function startScript(name: string, args: readonly string[]): ChildProcess {
  const url = new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
  const stdio = ['pipe', 'pipe', 'inherit'] as const;
  return spawn(process.execPath, [fileURLToPath(url), ...args], { stdio: [...stdio] });
}

/**
 * Runs each command `count` times on a database that is made at `directory`.
 * @throws AssertionError with what those printed that failed
 */
export async function readBesideWriter(directory: string, count: number): Promise<void> {
  const writer = startScript('busy-writer', [directory]);
  try {
    await once(writer.stdout!, 'data');
    const names = Object.keys(READING_COMMANDS);
    const reader = startScript('reader-loop', [directory, String(count), ...names]);
    let text = '';
    reader.stdout!.on('data', (piece: Buffer) => {
      text += piece;
    });
    await once(reader, 'close');
    assert.equal(text, `0 of ${count * names.length} failed\n`);
    writer.stdin!.end();
    const [code] = await once(writer, 'close');
    assert.equal(code, 0, "readers are in nobody's way");
  } finally {
    writer.kill();
  }
}
