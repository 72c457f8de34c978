/**
 * The tidy parser on sources that mislead a search for text.
 * @module
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parse, type Source } from './parse.ts';

function parseOne(text: string, path = 'src/sample.ts'): Source {
  return parse(new Map([[path, text]]))[0]!;
}

test('imports of every form are found, and those in strings and comments are not', () => {
  const { imports } = parseOne(
    [
      "import a from './a.ts';",
      "import type { B } from './b.ts';",
      "export { c } from './c.ts';",
      "export * from './d.ts';",
      "type E = import('./e.ts').E;",
      "const f = await import('./f.ts');",
      "const worker = new URL('./worker.js', import.meta.url);",
      "const other = new URL('./other.js', 'file:///');",
      "// import './comment.ts'",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: text of a source
      "const text = `import './template.ts' ${'import \"./string.ts\"'}`;",
      'const computed = await import(text);',
    ].join('\n'),
  );
  assert.deepEqual(
    imports.map(({ specifier, line, isStatic }) => [specifier, line, isStatic]),
    [
      ['./a.ts', 1, true],
      ['./b.ts', 2, true],
      ['./c.ts', 3, true],
      ['./d.ts', 4, true],
      ['./e.ts', 5, false],
      ['./f.ts', 6, false],
      ['./worker.js', 7, false],
    ],
  );
});

test('functions are measured across braces in strings, templates, comments and patterns', () => {
  const { functions } = parseOne(
    [
      '/** A comment with { that does not count. */',
      'export function first(a: string): number {',
      '  const pattern = /[}/]\\/{/u; // }',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: text of a source
      '  const text = `}${a.length / 2 / [`${`}`}`].length}{`;',
      "  return text.length + pattern.source.length + '}'.length;",
      '}',
      'class Thing {',
      '  constructor() {}',
      '  method(): void {',
      '  }',
      '  get value(): number { return 1; }',
      '}',
      'const arrow = (): string => {',
      "  return '';",
      '};',
      'declare function without(): void;',
      'export { Thing, arrow, without };',
    ].join('\n'),
  );
  assert.deepEqual(
    functions.map(({ name, line, lines }) => [name, line, lines]),
    [
      ['first', 2, 5],
      ['constructor', 8, 1],
      ['method', 9, 2],
      ['value', 11, 1],
      ['arrow', 13, 3],
    ],
  );
});

test('the callback of a suite is told from a test', () => {
  const { functions } = parseOne("describe('all', () => {\n  test('one', () => {\n  });\n});");
  assert.deepEqual(
    functions.map(({ name, isSuite }) => [name, isSuite]),
    [
      ['callback of describe', true],
      ['callback of test', false],
    ],
  );
});

test('names count as global only where the file means the global', () => {
  const { globals } = parseOne(
    [
      'const now = Date.now();',
      'const also = globalThis.performance.now();',
      'const date = new Date();',
      'const fixed = new Date(0);',
      "if (typeof process !== 'undefined') now.toFixed();",
      'const shorthand = { navigator };',
      'let type: Buffer | undefined;',
      'setTimeout(() => {}, 0);',
    ].join('\n'),
  );
  const names = globals.map(({ name, line }) => `${line} ${name}`);
  for (const expected of [
    '1 Date.now',
    '2 performance.now',
    '3 Date.now',
    '4 Date',
    '5 process',
    '6 navigator',
    '7 Buffer',
    '8 setTimeout',
  ]) {
    assert.ok(names.includes(expected), `${expected} in ${names.join(', ')}`);
  }
});

test('members, labels, parameters and texts with the name of a global are not uses of it', () => {
  const { globals } = parseOne(
    [
      'interface Port { process: number; Buffer(): void }',
      'class Job { process = 1; console(): number { return this.process; } }',
      'export function run(console: Port, job: Job): number {',
      '  const { process: renamed } = job;',
      '  setTimeout: for (;;) break setTimeout;',
      "  return console.process + renamed + 'Date.now()'.length; // Math.random()",
      '}',
    ].join('\n'),
  );
  assert.deepEqual(
    globals.map(({ name }) => name),
    [],
  );
});

test('tests that are singled out or left out are found, conditions are not', () => {
  const { testModifiers } = parseOne(
    [
      "test.only('a', () => {});",
      "describe.skip('b', () => {});",
      "test('c', { skip: true }, () => {});",
      "test('d', { todo: 'later' }, () => {});",
      "test('e', { skip: process.platform === 'win32' }, () => {});",
      'cursor.skip(4);',
      "write('f', { only: true });",
    ].join('\n'),
  );
  assert.deepEqual(
    testModifiers.map(({ line }) => line),
    [1, 2, 3, 4],
  );
});

test('plain JavaScript is read as well', () => {
  const { functions } = parseOne('export function one() {\n  return 1;\n}\n', 'scripts/one.mjs');
  assert.deepEqual(functions[0], { name: 'one', line: 1, lines: 3, isSuite: false });
});
