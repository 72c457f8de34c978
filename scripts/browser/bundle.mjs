/**
 * Bundles test programs for browsers, with esbuild: what they use of Node is replaced by packages
 * that do the same, and the engine's modules for Node by the portable ones.
 * @module
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../ensure.mjs';

const HERE = join(root, 'scripts/browser');
const COMPILED = join(root, 'build');
/** Packages that stand for modules of Node. */
const PACKAGES = {
  'node:assert/strict': join(HERE, 'assert.mjs'),
  path: 'path-browserify',
  stream: 'stream-browserify',
};
const PORTABLE = {
  'crypto/node.js': join(HERE, 'crypto.mjs'),
  'compress/node.js': join(HERE, 'compress.mjs'),
};

const portable = {
  name: 'portable',
  setup({ onResolve }) {
    onResolve({ filter: /\/(crypto|compress)\/node\.js$/ }, ({ path }) => ({
      path: PORTABLE[path.split('/').slice(-2).join('/')],
    }));
  },
};

/**
 * A module of build/ with all that it imports, for browsers.
 * @param {string} path of the module in build/, such as `test/browser/program.js`
 * @returns {Promise<string>} its text
 */
export async function bundled(path) {
  const { outputFiles } = await build({
    entryPoints: [join(COMPILED, path)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
    sourcemap: 'inline',
    alias: PACKAGES,
    define: { global: 'globalThis' },
    inject: [join(HERE, 'globals.mjs')],
    plugins: [portable],
    logLevel: 'error',
  });
  return outputFiles[0].text;
}
