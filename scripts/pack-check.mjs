/**
 * Checks what users get: packs the package, installs it into an empty project, and there imports
 * every entry point, runs the command, and compiles a user's code against the types.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root, runNpm } from './ensure.mjs';
import { pack, written } from './packed.mjs';

ensureInstalled();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { name, version, exports } = manifest;
/** Entries whose peer needs the types of Node, with what they need. */
const peers = {
  ...manifest.peerDependencies,
  '@types/node': manifest.devDependencies['@types/node'],
};
const nodeEntries = [`${name}/level`];
const entries = Object.keys(exports)
  // Programs of threads do not stand to be imported.
  .filter((path) => !path.endsWith('.json') && !path.startsWith('./workers/'))
  .map((path) => path.replace(/^\./, name));
const folder = mkdtempSync(join(tmpdir(), `${name}-pack-`));
try {
  const tarball = checkedTarball();
  const project = install(tarball);
  const exported = importAll(project);
  runCommand(project);
  const isNodeEntry = (entry) => nodeEntries.includes(entry);
  compileUse(
    project,
    'use',
    entries.filter((entry) => !isNodeEntry(entry)),
    exported,
    [],
  );
  compileUse(project, 'use-node', entries.filter(isNodeEntry), exported, ['node']);
  say(`${name} ${version} installs, runs and has types: ${entries.join(', ')}`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function say(message) {
  process.stdout.write(`${message}\n`);
}

/** Makes the tarball and checks that it holds what it must and no sources. */
function checkedTarball() {
  const { tarball, paths, size } = pack(folder);
  for (const path of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    if (!paths.includes(path)) throw new Error(`The package lacks ${path}.`);
  }
  const stray = paths.filter((path) => path.includes('/') && !path.startsWith('dist/'));
  if (stray.length > 0)
    throw new Error(`The package holds what it should not: ${stray.join(', ')}`);
  if (paths.includes('dist/cli/program.js')) throw new Error('The command is not bundled.');
  say(`Packed ${paths.length} files, ${Math.round(size / 1024)} KiB.`);
  return tarball;
}

function install(tarball) {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  // npm leaves optional peers out; who imports the entry that needs one installs it.
  const more = Object.entries(peers).map(([peer, range]) => `${peer}@${range}`);
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...more];
  written('npm install of the package', runNpm(args, { cwd: project, encoding: 'utf8' }));
  return project;
}

/** Imports every entry point as a module; returns the names that each exports. */
function importAll(project) {
  const code = `
    const names = {};
    for (const entry of ${JSON.stringify(entries)}) {
      names[entry] = Object.keys(await import(entry));
    }
    console.log(JSON.stringify(names));`;
  const args = ['--input-type=module', '--eval', code];
  const options = { cwd: project, encoding: 'utf8' };
  const names = JSON.parse(written('import', spawnSync(process.execPath, args, options)));
  for (const [entry, exported] of Object.entries(names)) {
    if (exported.length === 0) throw new Error(`${entry} exports nothing.`);
  }
  return names;
}

/** Runs the command, and what it loads from beside its own files: zstd, worker threads, ciphers. */
function runCommand(project) {
  const run = (...args) => {
    const all = ['exec', '--offline', '--', name, ...args];
    return written('the command', runNpm(all, { cwd: project, encoding: 'utf8' }));
  };
  const output = run('--version');
  if (output !== version)
    throw new Error(`${name} --version says "${output}" instead of ${version}.`);
  writeFileSync(join(project, 'key'), randomBytes(32), { mode: 0o600 });
  const keys = ['--key-file', 'key'];
  run('put', 'db', 'key', 'value', '--compression', 'zstd', ...keys);
  run('compact', 'db', ...keys);
  const value = run('get', 'db', 'key', ...keys);
  if (value !== 'value') throw new Error(`${name} get says "${value}" instead of value.`);
}

/**
 * Compiles code that uses every export, with the library of ES2022, without the types of Node or of
 * our dependencies; none may be `any`.
 */
function compileUse(project, file, entries, exported, types) {
  const lines = ['type Typed<T> = 0 extends 1 & T ? never : true;'];
  entries.forEach((entry, index) => {
    lines.push(`import * as entry${index} from '${entry}';`);
    for (const each of exported[entry]) {
      lines.push(`export const ${each}${index}: Typed<typeof entry${index}.${each}> = true;`);
    }
  });
  writeFileSync(join(project, `${file}.ts`), `${lines.join('\n')}\n`);
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['preserve', 'bundler'],
  ]) {
    const compilerOptions = {
      module,
      moduleResolution: resolution,
      // The least that a user may have: what our types need beyond it they have to bring.
      target: 'es2022',
      lib: ['es2022'],
      skipLibCheck: false,
      types,
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
    };
    const config = join(project, `tsconfig.${resolution}.json`);
    writeFileSync(config, JSON.stringify({ compilerOptions, files: [`${file}.ts`] }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = { cwd: project, encoding: 'utf8' };
    written(
      `a user's code with moduleResolution ${resolution}`,
      spawnSync(process.execPath, [tsc, '-p', config], options),
    );
  }
}
