/**
 * Checks what users get: packs the package, installs it into an empty project, and there imports
 * every entry point, runs the command, and compiles a user's code against the types.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root, runNpm } from './ensure.mjs';

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
  .filter((path) => !path.endsWith('.json'))
  .map((path) => path.replace(/^\./, name));
const folder = mkdtempSync(join(tmpdir(), `${name}-pack-`));
try {
  const tarball = pack();
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

/** Throws unless `result` of spawnSync is a success; returns what it wrote. */
function written(what, result) {
  if (result.error !== undefined) throw result.error;
  if (result.status === 0) return result.stdout.trim();
  throw new Error(`${what} failed:\n${result.stdout}\n${result.stderr}`);
}

/** Makes the tarball, as publishing would, and checks that it holds what it must and no sources. */
function pack() {
  const args = ['pack', '--json', '--pack-destination', folder];
  const output = written('npm pack', runNpm(args, { encoding: 'utf8' }));
  const [{ filename, files, size }] = JSON.parse(output.slice(output.indexOf('[')));
  const paths = files.map((file) => file.path);
  for (const path of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    if (!paths.includes(path)) throw new Error(`The package lacks ${path}.`);
  }
  const stray = paths.filter((path) => path.includes('/') && !path.startsWith('dist/'));
  if (stray.length > 0)
    throw new Error(`The package holds what it should not: ${stray.join(', ')}`);
  say(`Packed ${paths.length} files, ${Math.round(size / 1024)} KiB.`);
  return join(folder, filename);
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

function runCommand(project) {
  const args = ['exec', '--offline', '--', name, '--version'];
  const output = written('the command', runNpm(args, { cwd: project, encoding: 'utf8' }));
  if (output !== version)
    throw new Error(`${name} --version says "${output}" instead of ${version}.`);
}

/** Compiles code that uses every export, without our dependencies' types; none may be `any`. */
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
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
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
