/**
 * The page of examples/browser: its build, and a server for it. Wants the package in dist/.
 * @module
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import * as esbuild from 'esbuild';
import { compile, root } from './ensure.mjs';

const folder = join(root, 'examples/browser');
const out = join(folder, 'dist');
const STATIC = ['index.html', 'style.css', 'icon.svg', 'manifest.webmanifest'];
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

/** Scripts of the page alone, compiled WebAssembly, and pictures of files in the database. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob:",
  'media-src blob:',
  "worker-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
const HEADERS = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-cache',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Checks the types, and builds the page into examples/browser/dist. */
export async function buildExample() {
  compile(['-p', 'examples/browser/tsconfig.json']);
  rmSync(out, { recursive: true, force: true });
  const entry = (name) => join(folder, 'src', `${name}.ts`);
  const common = { bundle: true, minify: true, target: 'es2023', logLevel: 'warning', outdir: out };
  await esbuild.build({
    ...common,
    entryPoints: ['main', 'db-worker', 'key-worker'].map(entry),
    format: 'esm',
    splitting: true,
  });
  for (const name of STATIC) copyFileSync(join(folder, name), join(out, name));
  // The page itself is asked for by the address of its folder.
  const names = readdirSync(out).sort();
  const hash = createHash('sha256');
  for (const name of names) hash.update(name).update(readFileSync(join(out, name)));
  const files = ['./', ...names.filter((name) => name !== 'index.html')];
  const define = { FILES: JSON.stringify(files), BUILD: JSON.stringify(hash.digest('hex')) };
  await esbuild.build({ ...common, entryPoints: [entry('sw')], format: 'iife', define });
}

/** Serves what {@link buildExample} has made; resolves when it listens. */
export function serveExample(port) {
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    // Files stand in one folder, so no address leads out of it.
    const isFound = /^[\w.-]+$/.test(name) && existsSync(join(out, name));
    for (const [header, value] of Object.entries(HEADERS)) response.setHeader(header, value);
    response.statusCode = isFound ? 200 : 404;
    response.setHeader('Content-Type', TYPES[extname(name)] ?? 'text/plain; charset=utf-8');
    response.end(isFound ? readFileSync(join(out, name)) : 'There is no such file.');
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, 'localhost', () => resolve(server));
  });
}
