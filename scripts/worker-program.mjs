/**
 * Makes the module that src/executor/node-worker-program.d.ts declares: the program of a worker of
 * Node with all that it imports, in one text. The notices of what is in it stand above.
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { root } from './ensure.mjs';
import { zstdNotice } from './zstd-binding.mjs';

/** @param entry the compiled program @param path the file to write */
export function writeWorkerProgram(entry, path) {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const program = brotliCompressSync(outputFiles[0].contents).toString('base64');
  const notices = [zstdNotice(), ...packagesOf(metafile).map(licenseOf)].join('\n\n');
  const head = `/*!\n${notices.replaceAll('*/', '* /')}\n*/`;
  writeFileSync(path, `${head}\nexport const program =\n  '${program}';\n`);
}

/** Names of the packages that are in it. */
function packagesOf({ inputs }) {
  const names = Object.keys(inputs).map(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1],
  );
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

function licenseOf(name) {
  const folder = join(root, 'node_modules', name);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${name} has no license file`);
  return `${name}:\n${readFileSync(join(folder, file), 'utf8').trim()}`;
}
