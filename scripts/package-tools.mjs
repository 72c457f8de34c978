/**
 * The tools that look at a package as it is published: publint, are-the-types-wrong and size-limit,
 * from the npm registry, in the versions of scripts/packaging/package.json.
 * @module
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { root, runNpm } from './ensure.mjs';
import { written } from './packed.mjs';

/**
 * @param {string} tarball of the package
 * @param {string} folder where the tools are put
 * @returns {string[]} what was found right, with sizes
 * @throws what a tool says against the package
 */
export function checkWithTools(tarball, folder) {
  const project = join(folder, 'tools');
  cpSync(join(root, 'scripts/packaging'), project, { recursive: true });
  const npm = (what, ...args) => written(what, runNpm(args, { cwd: project, encoding: 'utf8' }));
  npm(
    'npm install of the tools',
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    tarball,
  );
  const run = (tool, ...args) => npm(tool, 'exec', '--offline', '--', tool, ...args);
  run('publint', tarball, '--strict');
  run('attw', tarball, '--profile', 'esm-only');
  const sizes = JSON.parse(run('size-limit', '--json'));
  const said = sizes.map(({ name, size, sizeLimit }) => `${name}: ${size} of ${sizeLimit} bytes`);
  return ['publint and are-the-types-wrong have nothing to say', ...said];
}
