/**
 * The side of Node: makes databases for pages to fetch, takes those of pages, and looks at them.
 * @module
 */
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  Backups,
  DirectoryTarget,
  exportDatabase,
  exportFileFs,
  importDatabase,
} from '../../src/backup/index.ts';
import type { Db } from '../../src/db/database.ts';
import { NodeFs } from '../../src/fs/node.ts';
import { open, WriteBatch } from '../../src/index.ts';
import {
  COMBINATIONS,
  combinationName,
  contentOf,
  differenceOf,
  MARK,
  operationsOf,
  optionsOf,
} from './exchange-content.ts';

/** Writes, flushes half way, and writes on. */
async function fill(db: Db): Promise<void> {
  const operations = operationsOf('node');
  const half = operations.length / 2;
  for (const part of [operations.slice(0, half), operations.slice(half)]) {
    const batch = new WriteBatch();
    for (const operation of part) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.delete(operation.key);
    }
    db.write(batch);
    if (part[0] === operations[0]) await db.compact();
  }
}

/** Makes a database of each combination: `node-3`, `node-3.tar`; and backups of the last one. */
export async function makeDatabases(folder: string): Promise<void> {
  for (const bits of COMBINATIONS) {
    const path = join(folder, `node-${bits}`);
    const db = await open(path, optionsOf(bits));
    await fill(db);
    await pipeline(exportDatabase(db), createWriteStream(`${path}.tar`));
    await db.close();
  }
  const backups = new Backups(new DirectoryTarget(new NodeFs(), join(folder, 'backups')));
  await backups.createFrom(new NodeFs(), join(folder, `node-${COMBINATIONS.at(-1)}`));
}

/** Gives and takes files of the folder, and lists directories. */
export async function answerFiles(
  folder: string,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = join(folder, normalize(`/${name}`));
  if (request.method === 'POST') {
    mkdirSync(dirname(path), { recursive: true });
    await pipeline(request, createWriteStream(path));
    response.end();
  } else if (!existsSync(path)) {
    response.statusCode = 404;
    response.end();
  } else if (statSync(path).isDirectory()) {
    response.end(JSON.stringify(readdirSync(path).filter((one) => !one.startsWith('LOCK'))));
  } else {
    await pipeline(createReadStream(path), response);
  }
}

/** What Node makes of what pages have sent, by the name of the test; throws if it is wrong. */
export function pageDatabases(folder: string): Map<string, () => Promise<void>> {
  const checks = new Map<string, () => Promise<void>>();
  const fs = new NodeFs();
  for (const bits of COMBINATIONS) {
    const name = combinationName(bits);
    const options = { ...optionsOf(bits), createIfMissing: false };
    checks.set(`Node opens the files of a page: ${name}`, async () => {
      await expectContent(await open(join(folder, `page-${bits}`), options), 'page');
    });
    for (const [file, writer] of [
      ['page', 'page'],
      ['back', 'node'],
    ] as const) {
      checks.set(`Node opens and imports an export file of a page (${file}): ${name}`, async () => {
        const path = join(folder, `${file}-${bits}.tar`);
        const handle = fs.open(path, 'read');
        const inFile = await open('db', { ...options, fs: exportFileFs(handle), readOnly: true });
        await expectContent(inFile, writer);
        handle.close();
        const copy = join(folder, `${file}-${bits}-imported`);
        await importDatabase(fs, copy, createReadStream(path));
        await expectContent(await open(copy, options), writer);
      });
    }
  }
  return checks;
}

async function expectContent(db: Db, writer: string): Promise<void> {
  const decoder = new TextDecoder();
  const wanted = contentOf(writer).set(MARK, 'page');
  const found = new Map<string, string>();
  for (const [key, value] of db.entries()) found.set(decoder.decode(key), decoder.decode(value));
  const { uncorrectable, corrected } = await db.verify();
  await db.close();
  const difference = differenceOf(found, wanted);
  if (difference !== undefined) throw new Error(difference);
  if (uncorrectable.length + corrected.length > 0) throw new Error('it is damaged');
}
