/**
 * Kills an importing process half way, and checks afterwards what it had acknowledged.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { toText } from '../src/cli/encoding.ts';
import { Progress } from '../src/cli/progress.ts';
import type { Tree } from '../src/cli/tree.ts';
import type { Db } from '../src/index.ts';
import { CONTENT, contentOf, METADATA, metadataOf, sha256Of } from './file-store.ts';
import type { Acknowledgement } from './import-child.ts';

const childFile = new URL(`./import-child${extname(import.meta.url)}`, import.meta.url);

/** What the child had acknowledged when it died. */
export interface Crash {
  /** Key in base64 to SHA-256 of the content. */
  readonly files: ReadonlyMap<string, string>;
  readonly contentBytes: number;
  readonly batchCount: number;
  readonly syncedCount: number;
  /** False when the child had ended by itself, by an error of its own. */
  readonly wasKilled: boolean;
  /** What the child wrote to standard error. */
  readonly complaints: string;
}

/**
 * Imports a tree in a child process and kills it with SIGKILL when half of the files are
 * acknowledged.
 * @param onStart gets the child, so that it can be ended together with the demo
 */
export async function importAndCrash(
  root: string,
  directory: string,
  tree: Tree,
  onStart: (child: ChildProcess) => void,
): Promise<Crash> {
  const child = spawn(process.execPath, [fileURLToPath(childFile), root, directory], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onStart(child);
  const ended = once(child, 'close');
  const files = new Map<string, string>();
  let contentBytes = 0;
  let batchCount = 0;
  let syncedCount = 0;
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const progress = new Progress('   importing', tree.totalBytes, true);
  // Goes on to the end of the pipe: what the child acknowledged before it died counts.
  for await (const line of createInterface(child.stdout)) {
    const acknowledgement: Acknowledgement = JSON.parse(line);
    for (const { key, sha256, size } of acknowledgement.files) {
      files.set(key, sha256);
      contentBytes += size;
    }
    const isLast = acknowledgement.files.length === 0;
    if (!isLast) batchCount++;
    if (acknowledgement.isSynced) syncedCount++;
    progress.update(contentBytes);
    if (isLast || files.size * 2 >= tree.files.length) child.kill('SIGKILL');
  }
  const [, signal] = await ended;
  progress.stop();
  const wasKilled = signal === 'SIGKILL';
  return { files, contentBytes, batchCount, syncedCount, wasKilled, complaints };
}

/** Names the acknowledged files that the database does not have, byte for byte. */
export function lostFiles(db: Db, { files }: Crash): string[] {
  const lost: string[] = [];
  for (const [name, sha256] of files) {
    const key = Buffer.from(name, 'base64');
    const content = contentOf(db, key);
    if (content === undefined) lost.push(`${toText(key, 'utf8')}: no content`);
    else if (sha256Of(content) !== sha256) lost.push(`${toText(key, 'utf8')}: other content`);
    else if (metadataOf(db, key)?.sha256 !== sha256) {
      lost.push(`${toText(key, 'utf8')}: no metadata, or of other content`);
    }
  }
  return lost;
}

/** Names the files of which only one of the two entries is there, as no batch wrote them. */
export function halfFiles(db: Db): string[] {
  const half: string[] = [];
  for (const [family, other] of [
    [CONTENT, METADATA],
    [METADATA, CONTENT],
  ] as const) {
    for (const key of db.keys({ columnFamily: family })) {
      if (!db.has(key, { columnFamily: other })) half.push(`${toText(key, 'utf8')}: no ${other}`);
    }
  }
  return half;
}
