/**
 * Makes the module that src/compress/zstd-binding.d.ts declares: zstd in WebAssembly, from the
 * package zstd-codec. As it comes, that asks for `require('fs')` and `__dirname` where it finds
 * Node, which bundlers refuse for browsers and have not in ES modules. It needs neither: its code
 * stands in the file. So it is made an ES module that finds no runtime at all.
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(root, 'node_modules/zstd-codec/lib/zstd-codec-binding-wasm.js');
const NOTICE = join(root, 'scripts/notices/zstd.txt');
/** What its author's tools look for to find out where they are. */
const HIDDEN = ['process', 'require', 'module', 'exports', 'define', 'document', 'importScripts'];

/** What has to stand wherever zstd is. */
export function zstdNotice() {
  return readFileSync(NOTICE, 'utf8').trim();
}

/** @param path the file, which is written unless it is there with the same content */
export function writeZstdBinding(path) {
  const hidden = HIDDEN.map((name) => `${name} = undefined`).join(', ');
  const text = [
    `/*!\n${zstdNotice()}\n*/`,
    `const ${hidden}, __dirname = '';`,
    // As it was meant; bundlers warn of it.
    readFileSync(SOURCE, 'utf8')
      .trim()
      .replace(/!err instanceof (\w+)/g, '!(err instanceof $1)'),
    'export default Module;\n',
  ].join('\n');
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
