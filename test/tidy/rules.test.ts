/**
 * Each tidy rule on a small project that breaks it.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parse, type Source } from './parse.ts';
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
  resolveImport,
  strayPackages,
  type Violation,
} from './rules.ts';

function project(files: Record<string, string>): Source[] {
  return parse(new Map(Object.entries(files)));
}

function places(violations: readonly Violation[]): string[] {
  return violations.map(({ file, line }) => `${file}:${line}`);
}

const LAYERS: readonly Layer[] = [
  { name: 'low', at: 'src/low/', mayImport: [] },
  { name: 'port', at: 'src/low/port.ts', mayImport: [] },
  { name: 'high', at: 'src/high/', mayImport: ['low'] },
];

test('a line is measured in characters, not in UTF-16 units', () => {
  const found = longLines(project({ 'src/a.ts': '//345\n// 🙂5\n//3456\n' }), 5);
  assert.deepEqual(places(found), ['src/a.ts:3']);
});

test('a function over the limit is reported, one at the limit and a suite are not', () => {
  const text = [
    'function at() {\n\n}',
    'function over() {\n\n\n}',
    "describe('', () => {\n\n\n\n});",
  ];
  const found = longFunctions(project({ 'src/a.ts': text.join('\n') }), 3);
  assert.deepEqual(places(found), ['src/a.ts:4']);
});

test('a file over the limit is reported', () => {
  const found = longFiles(project({ 'src/a.ts': '\n\n', 'src/b.ts': '\n\n\n' }), 2);
  assert.deepEqual(places(found), ['src/b.ts:1']);
});

test('imports resolve from the folder of the file', () => {
  assert.equal(resolveImport('src/high/a.ts', '../low/b.ts'), 'src/low/b.ts');
  assert.equal(resolveImport('src/high/a.ts', './worker.js'), 'src/high/worker.ts');
  assert.equal(resolveImport('src/high/a.ts', 'commander'), undefined);
});

test('only imports that the table allows pass', () => {
  const found = layerBreaks(
    project({
      'src/low/a.ts': "import '../high/b.ts';",
      'src/low/port.ts': '',
      'src/high/b.ts': "import './c.ts';\nimport '../low/a.ts';\nimport '../low/port.ts';",
      'src/high/c.ts': "import '../../test/d.ts';",
      'src/loose.ts': '',
    }),
    LAYERS,
  );
  assert.deepEqual(places(found), [
    'src/low/a.ts:1',
    'src/high/b.ts:3',
    'src/high/c.ts:1',
    'src/loose.ts:1',
  ]);
});

test('a circle is reported once, types included', () => {
  const found = circles(
    project({
      'src/a.ts': "import './b.ts';",
      'src/b.ts': "import type { C } from './c.ts';",
      'src/c.ts': "import './b.ts';\nimport './d.ts';",
      'src/d.ts': '',
    }),
  );
  assert.deepEqual(
    found.map(({ what }) => what),
    ['circle of imports: src/b.ts -> src/c.ts -> src/b.ts'],
  );
});

test('files that only each other import are dead, workers of living files are not', () => {
  const found = deadFiles(
    project({
      'src/index.ts': "const url = new URL('./worker.js', import.meta.url);",
      'src/worker.ts': '',
      'src/a.ts': "import './b.ts';",
      'src/b.ts': "import './a.ts';",
    }),
    ['src/index.ts', 'src/gone.ts'],
  );
  assert.deepEqual(places(found), ['package.json:1', 'src/a.ts:1', 'src/b.ts:1']);
});

test('a banned name passes at home only', () => {
  const clock: Ban = {
    name: /^Date\.now$|^'node:/,
    homes: [/^src\/home\.ts$/],
    instead: 'a Clock',
  };
  const text = "import 'node:fs';\nDate.now();";
  const found = bannedNames(project({ 'src/home.ts': text, 'src/a.ts': text }), [clock]);
  assert.deepEqual(report(found).split('\n'), [
    "src/a.ts:1: 'node:fs' outside its home; instead: a Clock",
    'src/a.ts:2: Date.now outside its home; instead: a Clock',
  ]);
});

test('a package passes in its layers only', () => {
  const text = "import '@scope/name/part';\nimport 'other';\nimport './c.ts';";
  const files = { 'src/low/a.ts': text, 'src/high/b.ts': text };
  const found = strayPackages(project(files), LAYERS, { '@scope/name': ['low'] });
  assert.deepEqual(places(found), ['src/low/a.ts:2', 'src/high/b.ts:1', 'src/high/b.ts:2']);
});

test('a package that an entry needs at once is reported, a later one is not', () => {
  const files = {
    'a.mjs':
      "import './b.mjs';\nimport 'node:fs';\nawait import('later');\nawait import('./c.mjs');",
    'b.mjs': "import 'early';",
    'c.mjs': "import 'late';",
  };
  assert.deepEqual(places(earlyPackages(project(files), ['a.mjs'])), ['b.mjs:1']);
});

test('patterns are found with their line', () => {
  const found = matches(new Map([['a.md', 'one\ntwo']]), /tw/, 'three');
  assert.equal(report(found), 'a.md:2: "tw"; instead: three');
});

test('modified tests are reported', () => {
  const found = modifiedTests(project({ 'test/a.test.ts': "\nit.only('a', () => {});" }));
  assert.deepEqual(places(found), ['test/a.test.ts:2']);
});

test('a head needs words and the module tag, and may follow a shebang', () => {
  const found = missingHeads(
    project({
      'src/a.ts': '/**\n * Does it.\n * @module\n */\n',
      'src/b.ts': '#!/usr/bin/env node\n/** Does it. @module */\n',
      'src/c.ts': '/** Does it. */\n',
      'src/d.ts': '/** @module */\n',
      'src/e.ts': "import './a.ts';\n/** Does it. @module */\n",
    }),
  );
  assert.deepEqual(places(found), ['src/c.ts:1', 'src/d.ts:1', 'src/e.ts:1']);
});

test('names of files and folders are kebab-case', () => {
  const good = ['src/a-b/hash32.ts', 'test/a.test.ts', 'src/types.d.ts'];
  const odd = ['src/aB.ts', 'src/a_b/c.ts', 'src/-a.ts'];
  assert.deepEqual(places(oddNames([...good, ...odd])), [
    'src/aB.ts:1',
    'src/a_b/c.ts:1',
    'src/-a.ts:1',
  ]);
});
