/**
 * Checks what users get: packs the package, installs it into an empty project, and there imports
 * every entry point, runs the command, and compiles a user's code against the types; then asks the
 * tools that look at packages, and for the sizes of what pages load.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root, runNpm } from './ensure.mjs';
import { checkWithTools } from './package-tools.mjs';
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
/** A condition of what browsers get, which TypeScript takes before that of Node. */
const WEB = 'workerd';
const entries = Object.keys(exports)
  // Programs of threads do not stand to be imported.
  .filter((path) => !path.endsWith('.json') && !path.startsWith('./workers/'))
  .map((path) => path.replace(/^\./, name));
const folder = mkdtempSync(join(tmpdir(), `${name}-pack-`));
try {
  const tarball = checkedTarball();
  const project = install(tarball);
  runCommand(project);
  const exported = importAll(project, (entry) => entry);
  const exportedToWeb = importAll(project, webFile);
  compileAll(project, exported, []);
  compileAll(project, exportedToWeb, [WEB]);
  checkWeb(project, exported, exportedToWeb);
  say(`${name} ${version} installs, runs and has types: ${entries.join(', ')}`);
  for (const line of checkWithTools(tarball, folder)) say(line);
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

/**
 * Imports every entry point as a module; returns the names that each exports.
 * @param {(entry: string) => string} specifierOf what is imported for it
 */
function importAll(project, specifierOf) {
  const specifiers = Object.fromEntries(entries.map((entry) => [entry, specifierOf(entry)]));
  const code = `
    const names = {};
    for (const [entry, specifier] of Object.entries(${JSON.stringify(specifiers)})) {
      names[entry] = Object.keys(await import(specifier));
    }
    console.log(JSON.stringify(names));`;
  const names = JSON.parse(evaluate(project, code));
  for (const [entry, exported] of Object.entries(names)) {
    if (exported.length === 0) throw new Error(`${entry} exports nothing.`);
  }
  return names;
}

/**
 * The file that browsers get. Node itself would take that of its own condition, and packages of
 * ours have others for browsers.
 */
function webFile(entry) {
  const { default: file, [WEB]: web = { default: file } } = exports[entry.replace(name, '.')];
  return `./node_modules/${name}/${web.default}`;
}

function evaluate(project, code) {
  const args = ['--input-type=module', '--eval', code];
  const options = { cwd: project, encoding: 'utf8' };
  return written('import', spawnSync(process.execPath, args, options));
}

/** What browsers get has all but the files of Node, and says what it lacks. */
function checkWeb(project, exported, exportedToWeb) {
  for (const entry of entries) {
    const missing = exported[entry].filter((each) => !exportedToWeb[entry].includes(each));
    const expected = entry === name ? 'NodeFs' : '';
    if (missing.join() !== expected) throw new Error(`${entry} lacks ${missing} in browsers.`);
  }
  const code = `
    const { open, isVarveError, MemoryFs } = await import('${webFile(name)}');
    const { VarveLevel } = await import('${webFile(`${name}/level`)}');
    const refusal = await open('data').catch((error) => error);
    const db = await open('data', { fs: new MemoryFs() });
    db.put('key', 'value');
    await db.close();
    let levelRefusal;
    try {
      new VarveLevel('data');
    } catch (error) {
      levelRefusal = error;
    }
    const level = new VarveLevel('level', { fs: new MemoryFs() });
    await level.put('key', 'value');
    const value = await level.get('key');
    await level.close();
    console.log([isVarveError(refusal, 'UNSUPPORTED'), levelRefusal.code, value].join());`;
  const said = evaluate(project, code);
  if (said !== 'true,LEVEL_NOT_SUPPORTED,value') throw new Error(`In browsers it says ${said}.`);
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

function compileAll(project, exported, conditions) {
  const isNodeEntry = (entry) => nodeEntries.includes(entry);
  const others = entries.filter((entry) => !isNodeEntry(entry));
  compileUse(project, 'use', others, exported, [], conditions);
  compileUse(project, 'use-node', entries.filter(isNodeEntry), exported, ['node'], conditions);
}

/**
 * Compiles code that uses every export, with the library of ES2022, without the types of Node or of
 * our dependencies; none may be `any`.
 */
function compileUse(project, file, entries, exported, types, customConditions) {
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
      customConditions,
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
