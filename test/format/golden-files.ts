/**
 * The databases of test/golden/ as files: found, read and written.
 * @module
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryFs } from '../../src/index.ts';
import { projectRoot } from '../project-root.ts';
import { DIRECTORY } from '../prove/environment.ts';
import { filesOf, writeFile } from './format-fixture.ts';
import type { GoldenContent } from './golden-recipes.ts';

/** The folder of what is written. */
export const GOLDEN = join(projectRoot(), 'test/golden/1');
/** Folders of what older versions wrote, by the same recipes. */
export const OLDER_GOLDEN = ['1-without-origin'];

const CONTENT = join(GOLDEN, 'content.json');

/** The databases that are there. */
export function goldenNames(folder: string = GOLDEN): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** A fresh copy of a database in memory. */
export function loadGolden(name: string, folder: string = GOLDEN): MemoryFs {
  const fs = new MemoryFs();
  fs.createDirectory(DIRECTORY);
  for (const file of readdirSync(join(folder, name))) {
    writeFile(fs, file, readFileSync(join(folder, name, file)));
  }
  return fs;
}

/** What each of them holds, as it was checked in. */
export function goldenContent(): GoldenContent {
  return JSON.parse(readFileSync(CONTENT, 'utf8'));
}

export function saveContent(content: GoldenContent): void {
  writeFileSync(CONTENT, `${JSON.stringify(content, undefined, 1)}\n`);
}

/** Replaces a database. */
export function saveGolden(name: string, fs: MemoryFs): void {
  rmSync(join(GOLDEN, name), { recursive: true, force: true });
  mkdirSync(join(GOLDEN, name), { recursive: true });
  const { names, read } = filesOf(fs);
  for (const file of names) writeFileSync(join(GOLDEN, name, file), read(file));
}
