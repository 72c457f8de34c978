/**
 * Bundles the programs of this folder with each bundler, as its documentation says first, into
 * out/. Run by bundle-check.mjs where the package and the bundlers are installed.
 */
import { join } from 'node:path';
import { promisify } from 'node:util';
import commonjs from '@rollup/plugin-commonjs';
import resolve from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import * as vite from 'vite';
import webpack from 'webpack';

const out = (name) => join(process.cwd(), 'out', name);

async function withEsbuild() {
  const common = { entryPoints: ['app.mjs'], bundle: true, platform: 'node', logLevel: 'error' };
  await esbuild.build({ ...common, format: 'esm', outfile: out('esbuild/app.mjs') });
  // It says that import.meta is empty there, which is taken care of.
  await esbuild.build({ ...common, format: 'cjs', outfile: out('esbuild-cjs/app.cjs') });
  const core = {
    ...common,
    minify: true,
    entryPoints: ['core-app.mjs'],
    platform: 'browser',
    format: 'esm',
  };
  await esbuild.build({ ...core, outfile: out('esbuild-core/app.mjs') });
  await esbuild.build({
    ...core,
    splitting: true,
    // The client looks for a worker.js beside itself.
    entryPoints: { app: 'page-app.mjs', whole: 'whole-app.mjs', worker: 'varve/workers/opfs.js' },
    outdir: out('esbuild-page'),
  });
}

async function withRollup() {
  const bundle = await rollup({ input: 'app.mjs', plugins: [resolve(), commonjs()] });
  const names = { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' };
  await bundle.write({ dir: out('rollup'), format: 'es', ...names });
  await bundle.close();
  const pages = await rollup({
    input: { app: 'page-app.mjs', whole: 'whole-app.mjs', database: 'varve/workers/opfs.js' },
    plugins: [resolve({ browser: true }), commonjs()],
  });
  await pages.write({ dir: out('rollup-page'), format: 'es' });
  await pages.close();
}

async function withWebpack() {
  const run = promisify(webpack);
  const module = {
    experiments: { outputModule: true },
    output: { filename: 'app.mjs', library: { type: 'module' } },
  };
  const configs = [
    { name: 'webpack', entry: './app.mjs', target: 'node20', ...module },
    { name: 'webpack-cjs', entry: './app.mjs', target: 'node20', output: { filename: 'app.cjs' } },
    {
      name: 'webpack-core',
      entry: './core-app.mjs',
      target: 'web',
      output: { filename: 'app.cjs' },
    },
    {
      name: 'webpack-page',
      entry: { app: './page-app.mjs', whole: './whole-app.mjs' },
      target: 'web',
      output: {},
    },
    { name: 'webpack-threads', entry: './threads-app.mjs', target: 'web', output: {} },
  ];
  for (const { name, output, ...config } of configs) {
    const stats = await run({
      mode: 'production',
      ...config,
      output: { ...output, path: out(name) },
      performance: { hints: false },
    });
    if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
  }
}

async function withVite() {
  const common = { configFile: false, logLevel: 'error' };
  await vite.build({
    ...common,
    // Otherwise packages are left where they are.
    ssr: { noExternal: true },
    build: {
      ssr: 'app.mjs',
      outDir: out('vite'),
      rollupOptions: { output: { entryFileNames: '[name].mjs' } },
    },
  });
  await vite.build({
    ...common,
    worker: { format: 'es' },
    build: { outDir: out('vite-threads'), rollupOptions: { input: 'threads-app.mjs' } },
  });
  await vite.build({
    ...common,
    // Addresses of files relative to each other: the folder may be served anywhere.
    base: './',
    worker: { format: 'es' },
    build: {
      outDir: out('vite-page'),
      rollupOptions: {
        input: { app: 'page-app.mjs', whole: 'whole-app.mjs' },
        output: { entryFileNames: '[name].js' },
      },
    },
  });
}

await withEsbuild();
await withRollup();
await withWebpack();
await withVite();
