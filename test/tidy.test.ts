/**
 * Reads our own source and fails where it breaks a rule of the project. The tables below are the
 * rules; test/tidy/ has the checks.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { projectRoot } from './project-root.ts';
import { parse } from './tidy/parse.ts';
import { undocumented, unexported } from './tidy/public-api.ts';
import {
  type Ban,
  bannedNames,
  circles,
  deadFiles,
  earlyPackages,
  type Layer,
  layerBreaks,
  longFiles,
  longFunctions,
  longLines,
  matches,
  missingHeads,
  modifiedTests,
  oddNames,
  report,
  strayPackages,
  type Violation,
} from './tidy/rules.ts';

/** Bytes in, bytes out: they know no block and no file. */
const KERNELS = ['compress', 'crypto', 'ecc'];
const TABLE_LAYERS = [...KERNELS, 'block', 'filter', 'cache', 'key', 'fs/port', 'bytes', 'errors'];
const ENGINE_LAYERS = ['sstable', 'manifest', 'memtable', 'iterator', 'env', ...TABLE_LAYERS];

/** The layers of src, lowest first, and what each may import. */
const LAYERS: readonly Layer[] = [
  { name: 'bytes', at: 'src/bytes/', mayImport: ['errors'] },
  { name: 'errors', at: 'src/errors.ts', mayImport: [] },
  { name: 'env', at: 'src/env/', mayImport: ['errors'] },
  { name: 'env/system', at: 'src/env/system.ts', mayImport: ['env'] },
  { name: 'key', at: 'src/key/', mayImport: ['bytes', 'errors'] },
  { name: 'fs/port', at: 'src/fs/port.ts', mayImport: ['errors'] },
  { name: 'fs/removals', at: 'src/fs/removals.ts', mayImport: ['fs/port', 'errors'] },
  { name: 'fs/held', at: 'src/fs/held.ts', mayImport: ['fs/port'] },
  { name: 'fs', at: 'src/fs/', mayImport: ['fs/port', 'errors', 'bytes', 'env'] },
  { name: 'cache', at: 'src/cache/', mayImport: ['bytes', 'errors'] },
  { name: 'filter', at: 'src/filter/', mayImport: ['bytes', 'errors'] },
  { name: 'compress', at: 'src/compress/', mayImport: ['bytes', 'errors'] },
  { name: 'crypto', at: 'src/crypto/', mayImport: ['bytes', 'errors'] },
  { name: 'ecc', at: 'src/ecc/', mayImport: ['bytes', 'errors'] },
  {
    name: 'block',
    at: 'src/block/',
    mayImport: [...KERNELS, 'key', 'fs/port', 'fs/removals', 'env', 'bytes', 'errors'],
  },
  { name: 'sstable', at: 'src/sstable/', mayImport: ['env', ...TABLE_LAYERS] },
  {
    name: 'wal',
    at: 'src/wal/',
    mayImport: [
      ...KERNELS,
      ...['manifest', 'block', 'key', 'fs/port', 'fs/removals', 'bytes', 'errors'],
    ],
  },
  {
    name: 'manifest',
    at: 'src/manifest/',
    mayImport: [...KERNELS, 'block', 'sstable', 'key', 'fs/port', 'bytes', 'errors'],
  },
  { name: 'memtable', at: 'src/memtable/', mayImport: ['bytes', 'key', 'errors'] },
  { name: 'iterator', at: 'src/iterator/', mayImport: ['bytes', 'key', 'errors'] },
  {
    name: 'tables',
    at: 'src/tables/',
    mayImport: ['sstable', 'manifest', ...TABLE_LAYERS],
  },
  {
    name: 'job',
    at: 'src/job/',
    mayImport: ['tables', 'manifest', 'block', 'env', 'fs/port', 'fs/removals', 'errors'],
  },
  {
    name: 'copy',
    at: 'src/copy/',
    mayImport: ['job', 'wal', 'tables', 'fs/held', 'fs/removals', ...ENGINE_LAYERS],
  },
  { name: 'compaction', at: 'src/compaction/', mayImport: ENGINE_LAYERS },
  { name: 'inspect', at: 'src/inspect/', mayImport: ['wal', ...ENGINE_LAYERS] },
  {
    name: 'merge',
    at: 'src/merge/',
    mayImport: ['compaction', 'job', 'tables', 'fs/held', 'fs/removals', ...ENGINE_LAYERS],
  },
  {
    name: 'integrity',
    at: 'src/integrity/',
    mayImport: ['job', 'wal', 'tables', 'fs/held', 'fs/removals', ...ENGINE_LAYERS],
  },
  // What embedders call without a database: the event loop of the runtime unless they give theirs.
  {
    name: 'integrity/scrub-directory',
    at: 'src/integrity/scrub-directory.ts',
    mayImport: ['integrity', 'fs/held', 'env/system', ...ENGINE_LAYERS],
  },
  {
    name: 'executor',
    at: 'src/executor/',
    mayImport: [
      ...['merge', 'copy', 'integrity', 'job', 'tables', 'fs/held', 'fs/removals'],
      ...ENGINE_LAYERS,
    ],
  },
  {
    name: 'executor/node',
    at: 'src/executor/node.ts',
    mayImport: ['executor'],
  },
  {
    name: 'executor/node-worker',
    at: 'src/executor/node-worker.ts',
    mayImport: ['executor', 'fs', 'env/system', ...TABLE_LAYERS],
  },
  {
    name: 'executor/web',
    at: 'src/executor/web.ts',
    mayImport: ['executor', 'executor/web-steward', 'errors'],
  },
  {
    name: 'executor/web-steward',
    at: 'src/executor/web-steward.ts',
    mayImport: ['executor', 'executor/web-worker'],
  },
  {
    name: 'executor/web-worker',
    at: 'src/executor/web-worker.ts',
    mayImport: ['executor', 'env/system', ...TABLE_LAYERS],
  },
  {
    name: 'db',
    at: 'src/db/',
    mayImport: [
      ...['executor', 'merge', 'job', 'compaction', 'integrity', 'copy', 'wal', 'tables'],
      ...['fs/held', 'fs/removals'],
      ...ENGINE_LAYERS,
    ],
  },
  {
    name: 'browser',
    at: 'src/browser/',
    mayImport: [
      'db',
      'backup',
      'copy',
      'fs',
      'env',
      'env/system',
      'compress',
      'crypto',
      'bytes',
      'errors',
    ],
  },
  {
    name: 'varve/browser',
    at: 'src/browser.ts',
    mayImport: ['browser', 'db', 'backup', 'env', 'errors'],
  },
  // Exported for the tests of those who embed us; nothing else in src may import it.
  {
    name: 'testing',
    at: 'src/testing/',
    mayImport: ['executor', 'fs', 'fs/port', 'env', 'bytes', 'errors'],
  },
  {
    name: 'core',
    at: 'src/core.ts',
    mayImport: [
      ...[
        'db',
        'executor',
        'executor/web',
        'compaction',
        'integrity',
        'integrity/scrub-directory',
        'copy',
        'wal',
        'block',
        'fs',
        'fs/port',
        'env',
        'env/system',
        'key',
        'errors',
      ],
      ...KERNELS,
    ],
  },
  {
    name: 'node',
    at: 'src/node.ts',
    mayImport: [
      ...KERNELS,
      'executor/node',
      'core',
      'db',
      'fs',
      'fs/port',
      'env',
      'env/system',
      'integrity',
      'key',
      'errors',
    ],
  },
  {
    name: 'web',
    at: 'src/web.ts',
    mayImport: [
      ...KERNELS,
      ...['executor', 'db', 'fs/port', 'env', 'env/system', 'integrity', 'errors'],
    ],
  },
  {
    name: 'backup',
    at: 'src/backup/',
    mayImport: ['db', 'copy', 'integrity', 'job', 'env/system', 'fs/removals', ...ENGINE_LAYERS],
  },
  { name: 'zstd', at: 'src/zstd.ts', mayImport: ['compress'] },
  {
    name: 'index',
    at: 'src/index.ts',
    mayImport: [
      'compress',
      'core',
      'node',
      'db',
      'fs',
      'fs/port',
      'env',
      'env/system',
      'key',
      'errors',
    ],
  },
  { name: 'index-web', at: 'src/index-web.ts', mayImport: ['compress', 'core', 'web'] },
  {
    name: 'adapters',
    at: 'src/adapters/',
    mayImport: ['index', 'index-web', 'core', 'manifest', 'fs/port', 'fs/held', 'bytes'],
  },
  // Commands use the public API; those that inspect files also read their formats. What every
  // command needs comes from where it is: the index loads all that there is.
  {
    name: 'cli',
    at: 'src/cli/',
    mayImport: [
      'index',
      'node',
      'db',
      'key',
      'errors',
      'inspect',
      'backup',
      'manifest',
      'block',
      'fs',
      'fs/port',
      'bytes',
      ...KERNELS,
    ],
  },
];

/** npm packages that src may import, and the layers that may do so. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'xxhash-wasm': ['block'],
  commander: ['cli'],
  'cli-progress': ['cli'],
  'cli-table3': ['cli'],
  'abstract-level': ['adapters'],
  '@noble/ciphers': ['crypto'],
  '@noble/hashes': ['crypto'],
};

const COMMANDS = /^src\/cli\//;
/** The files of src that may know which runtime they are in. */
const RUNTIME = [
  COMMANDS,
  /^src\/env\/system\.ts$/,
  /^src\/browser\//,
  /^src\/(fs|executor|crypto|compress)\/(node|deno|bun|web|opfs)(-[a-z-]+)?\.ts$/,
];

/** What src must not use, with what to use. */
const BANS: readonly Ban[] = [
  {
    name: /^Date\.now$|^Date$|^performance\b/,
    homes: RUNTIME,
    instead: 'take a Clock (src/env/port.ts)',
  },
  {
    name: /^Math\.random$|^crypto\b/,
    homes: RUNTIME,
    instead: 'take a Random (src/env/port.ts)',
  },
  {
    name: /^(set|clear)(Timeout|Interval|Immediate)$|^queueMicrotask$/,
    homes: RUNTIME,
    instead: 'let the caller wait, or give the job to the executor',
  },
  {
    name: /^console\b/,
    homes: [COMMANDS],
    instead: 'return what happened, or throw a VarveError',
  },
  {
    name: /^'node:|^require$/,
    homes: RUNTIME,
    instead: 'take a port (Fs, Clock, Random) or move this into src/fs/node.ts',
  },
  {
    name: /^(process|Deno|Bun|navigator)\b/,
    homes: RUNTIME,
    instead: 'take an option or a declared capability of a port',
  },
  {
    name: /^Buffer\b/,
    // Level's contract promises Buffers where a user asks for them.
    homes: [...RUNTIME, /^src\/adapters\/level\/formats\.ts$/],
    instead: 'use Uint8Array and src/bytes/',
  },
];

/** What tells objects of another realm apart from our own, and where that is meant. */
const REALM_BOUND = new RegExp(
  `\\b${'instance' + 'of'} (Error|TypeError|RangeError|VarveError|Uint8Array|Array|Map|Set)\\b`,
);
const REALM_HOMES = /^src\/(errors|bytes\/is-bytes)\.ts$/;

/** What users import. */
const PUBLIC = [
  'src/index.ts',
  'src/index-web.ts',
  'src/browser.ts',
  'src/backup/index.ts',
  'src/adapters/level.ts',
  'src/adapters/level-web.ts',
  'src/testing/index.ts',
];
/** Types of what one part of the engine hands to another, through objects of users. */
const INTERNAL = [
  'BatchEncoder',
  'SnapshotList',
  'MemoryFile',
  'Encoded',
  'Order',
  'Report',
  'SimulatedPorts',
  'Capture',
  'Executor',
  'FamilyView',
  'WatchSource',
];

/** In parts, so that this file does not match itself. */
const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X'.repeat(3)].join('|')})\\b`);
const MACHINE = new RegExp(
  [
    'registry[.](npm|yarn)',
    'npmmirror[.]',
    '(?<![\\w.~-])[/](home|Users|root|work)/\\w',
    '[A-Z]:[\\\\]+Users',
  ].join('|'),
);

const root = projectRoot();
const texts = readTexts('');
const code = [...texts].filter(([path]) =>
  /^(src|test|bench|fuzz|demo|scripts|examples)\/.*\.(ts|mjs|js)$/.test(path),
);
const sources = parse(new Map(code));
const inSrc = sources.filter(({ path }) => path.startsWith('src/'));

/** All text files that belong to the project, by path from the root. */
function readTexts(folder: string): Map<string, string> {
  const skipped = /^(node_modules|dist|build|golden|\.git|\.varve-demo)$/;
  const isText =
    /(^|\/)(LICENSE|run|\.npmrc|\.gitignore)$|\.(ts|js|mjs|json|md|ya?ml|toml|sh|txt)$/;
  const found = new Map<string, string>();
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && !skipped.test(entry.name)) {
      for (const [child, text] of readTexts(path)) found.set(child, text);
    } else if (entry.isFile() && isText.test(path)) {
      found.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return found;
}

/** The sources that package.json offers to others. */
function entryPoints(): string[] {
  const { bin, exports } = JSON.parse(texts.get('package.json') ?? '{}');
  const paths = JSON.stringify([bin, exports]).match(/\.\/dist\/[^"]+(?<!\.d\.ts)(?=")/g) ?? [];
  const files = paths.map((path) => path.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
  return [...new Set(files)];
}

function none(violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  const error = new Error(`${violations.length} to put right\n${report(violations)}`);
  error.stack = error.message;
  throw error;
}

test('the tidy rules see the source', () => {
  assert.ok(inSrc.length > 10, `only ${inSrc.length} files in src`);
  assert.ok(sources.some(({ path }) => path === 'test/tidy.test.ts'));
});

test('lines have at most 100 columns', () => none(longLines(sources, 100)));
test('functions have at most 70 lines', () => none(longFunctions(sources, 70)));
test('files of src have at most 500 lines', () => none(longFiles(inSrc, 500)));
test('imports follow the layers', () => none(layerBreaks(inSrc, LAYERS)));
test('imports go in no circle', () => none(circles(sources)));
test('every file of src is in use', () => {
  // A declaration stands for a module that a script makes.
  const compiled = inSrc.filter(({ path }) => !path.endsWith('.d.ts'));
  none(deadFiles(compiled, entryPoints()));
});
test('the core takes its world through ports', () => none(bannedNames(inSrc, BANS)));
test('scripts install packages before they need them', () => {
  const commands = JSON.stringify(JSON.parse(texts.get('package.json') ?? '{}').scripts);
  const scripts = commands.match(/scripts\/[\w-]+\.mjs/g) ?? [];
  assert.ok(scripts.length > 5);
  none(earlyPackages(sources, scripts));
});
test('packages stay in their layers', () => none(strayPackages(inSrc, LAYERS, PACKAGES)));
test('tests are neither singled out nor left out', () => none(modifiedTests(sources)));
test('every file of src says what it is for', () => none(missingHeads(inSrc)));
test('what is public says what it is', () => none(undocumented(texts, PUBLIC)));
test('types that public ones name are public', () => none(unexported(texts, PUBLIC, INTERNAL)));
test('names are in kebab-case', () => none(oddNames(code.map(([path]) => path))));

test('objects of callers and of the platform may come from another realm', () => {
  const checked = new Map([...texts].filter(([path]) => /^src\/.*\.ts$/.test(path)));
  for (const path of checked.keys()) if (REALM_HOMES.test(path)) checked.delete(path);
  none(matches(checked, REALM_BOUND, 'use isError, isCallerMistake, isVarveError or isBytes'));
});

test('nothing is left unfinished', () => {
  none(matches(new Map(code), UNFINISHED, 'do it, or open an issue'));
});

test('no file names a registry or a path of one machine', () => {
  none(matches(texts, MACHINE, 'use what the environment gives: npm settings, relative paths'));
});
