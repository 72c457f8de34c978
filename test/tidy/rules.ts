/**
 * The tidy rules: each takes parsed sources and returns what breaks it. What is allowed where is
 * data of the caller.
 * @module
 */
import type { GlobalUse, Source } from './parse.ts';

/** One place that breaks a rule. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  /** What to do about it. */
  readonly instead: string;
}

/** Files that may be imported by the same others, and what they may import. */
export interface Layer {
  readonly name: string;
  /** A file, or a folder with a `/` at the end; the longest that fits a file is its layer. */
  readonly at: string;
  /** Names of other layers. Files of one layer may always import each other. */
  readonly mayImport: readonly string[];
}

/** Names that must not be used, except in the files that exist to wrap them. */
export interface Ban {
  /** Matches a whole name such as `Date.now`, or an import such as `node:fs`. */
  readonly name: RegExp;
  /** Matches paths where the name is at home. */
  readonly homes: readonly RegExp[];
  readonly instead: string;
}

/** Lines that are wider than `columnsMax`. */
export function longLines(sources: readonly Source[], columnsMax: number): Violation[] {
  return sources.flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      const columns = [...text].length;
      if (columns <= columnsMax) return [];
      const instead = `break it at ${columnsMax}`;
      return [{ file: path, line: index + 1, what: `line of ${columns} columns`, instead }];
    }),
  );
}

/** Functions of more than `linesMax` lines; a suite of tests is a list, not a function. */
export function longFunctions(sources: readonly Source[], linesMax: number): Violation[] {
  return sources.flatMap(({ path, functions }) =>
    functions
      .filter((each) => each.lines > linesMax && !each.isSuite)
      .map(({ name, line, lines }) => ({
        file: path,
        line,
        what: `${name} has ${lines} lines`,
        instead: `split it into functions of at most ${linesMax}`,
      })),
  );
}

/** Files of more than `linesMax` lines. */
export function longFiles(sources: readonly Source[], linesMax: number): Violation[] {
  return sources
    .filter(({ lines }) => lines.length - 1 > linesMax)
    .map(({ path, lines }) => ({
      file: path,
      line: 1,
      what: `file of ${lines.length - 1} lines`,
      instead: `split it by purpose into files of at most ${linesMax}`,
    }));
}

/** The file that a relative import means: `.js` in a worker's URL is the compiled `.ts`. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!/^\.\.?\//.test(specifier)) return undefined;
  const url = new URL(specifier, `file:///${from}`);
  return url.pathname.slice(1).replace(/\.js$/, '.ts');
}

/** The layer of a file, or undefined if the table has none for it. */
export function layerOf(path: string, layers: readonly Layer[]): Layer | undefined {
  const fitting = layers.filter(
    ({ at }) => path === at || (at.endsWith('/') && path.startsWith(at)),
  );
  return fitting.sort((a, b) => b.at.length - a.at.length)[0];
}

/** Imports between files of `layers` that the table does not allow. */
export function layerBreaks(sources: readonly Source[], layers: readonly Layer[]): Violation[] {
  return sources.flatMap(({ path, imports }) => {
    const layer = layerOf(path, layers);
    if (layer === undefined) {
      const instead = 'put it into a folder of LAYERS in test/tidy.test.ts, or add a layer there';
      return [{ file: path, line: 1, what: 'file that belongs to no layer', instead }];
    }
    return imports.flatMap(({ specifier, line }) => {
      const target = resolveImport(path, specifier);
      const to = target === undefined ? undefined : layerOf(target, layers);
      if (target === undefined || to === layer) return [];
      if (to !== undefined && layer.mayImport.includes(to.name)) return [];
      const what = `${layer.name} imports ${target} (${to?.name ?? 'outside src'})`;
      const instead = `${layer.name} may import: ${layer.mayImport.join(', ') || 'nothing'}`;
      return [{ file: path, line, what, instead }];
    });
  });
}

/** Circles of imports, types included; each is reported once, at its alphabetically first file. */
export function circles(sources: readonly Source[]): Violation[] {
  const graph = importGraph(sources);
  const found = new Map<string, Violation>();
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const ring = trail.slice(start);
      const first = ring.indexOf([...ring].sort()[0]!);
      const turned = [...ring.slice(first), ...ring.slice(0, first)];
      const file = turned[0]!;
      const what = `circle of imports: ${[...turned, file].join(' -> ')}`;
      found.set(what, { file, line: 1, what, instead: 'move what both need into a third file' });
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return [...found.values()];
}

/** Files that cannot be reached from `entries`, and entries that do not exist. */
export function deadFiles(sources: readonly Source[], entries: readonly string[]): Violation[] {
  const graph = importGraph(sources);
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const next of graph.get(path) ?? []) visit(next);
  };
  for (const entry of entries) visit(entry);
  const missing = entries
    .filter((entry) => !graph.has(entry))
    .map((entry) => ({
      file: 'package.json',
      line: 1,
      what: `names ${entry}, which does not exist`,
      instead: 'add the file or remove the entry',
    }));
  const dead = [...graph.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => ({
      file: path,
      line: 1,
      what: 'file that no entry point of package.json needs',
      instead: 'use it or remove it',
    }));
  return [...missing, ...dead];
}

function importGraph(sources: readonly Source[]): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  for (const { path, imports } of sources) {
    const targets = imports.map(({ specifier }) => resolveImport(path, specifier));
    graph.set(
      path,
      targets.filter((target) => target !== undefined),
    );
  }
  return graph;
}

/** Uses of banned names, as globals or as modules, outside their homes. */
export function bannedNames(sources: readonly Source[], bans: readonly Ban[]): Violation[] {
  return sources.flatMap(({ path, globals, imports }) => {
    const uses: GlobalUse[] = [
      ...globals,
      ...imports.map(({ specifier, line }) => ({ name: `'${specifier}'`, line })),
    ];
    return uses.flatMap(({ name, line }) => {
      const ban = bans.find((each) => each.name.test(name));
      if (ban === undefined || ban.homes.some((home) => home.test(path))) return [];
      return [{ file: path, line, what: `${name} outside its home`, instead: ban.instead }];
    });
  });
}

/** Packages that must be there before the first line of an entry runs; files they name count. */
export function earlyPackages(sources: readonly Source[], entries: readonly string[]): Violation[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set(entries);
  for (const path of reached) {
    for (const { specifier, isStatic } of byPath.get(path)?.imports ?? []) {
      const target = isStatic ? resolveImport(path, specifier) : undefined;
      if (target !== undefined) reached.add(target);
    }
  }
  return [...reached].flatMap((path) =>
    (byPath.get(path)?.imports ?? []).flatMap(({ specifier, line, isStatic }) => {
      if (!isStatic || /^(\.|node:)/.test(specifier)) return [];
      const what = `needs ${specifier} before it can be installed`;
      return [{ file: path, line, what, instead: 'import() it after ensureInstalled()' }];
    }),
  );
}

/** Packages that `homes` does not allow where they are imported; it maps names to layers. */
export function strayPackages(
  sources: readonly Source[],
  layers: readonly Layer[],
  homes: Readonly<Record<string, readonly string[]>>,
): Violation[] {
  return sources.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, line }) => {
      if (/^(\.|node:)/.test(specifier)) return [];
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      const allowed = homes[name] ?? [];
      if (allowed.includes(layerOf(path, layers)?.name ?? '')) return [];
      const instead =
        allowed.length > 0
          ? `use it in ${allowed.join(', ')} only`
          : 'add it to dependencies, and to PACKAGES in test/tidy.test.ts with its layers';
      return [{ file: path, line, what: `import of package ${name}`, instead }];
    }),
  );
}

/** Places in `sources` that match `pattern`. */
export function matches(
  sources: ReadonlyMap<string, string>,
  pattern: RegExp,
  instead: string,
): Violation[] {
  return [...sources].flatMap(([file, text]) =>
    text.split('\n').flatMap((content, index) => {
      const match = pattern.exec(content);
      return match === null ? [] : [{ file, line: index + 1, what: `"${match[0]}"`, instead }];
    }),
  );
}

/** Tests that are singled out or left out. */
export function modifiedTests(sources: readonly Source[]): Violation[] {
  return sources.flatMap(({ path, testModifiers }) =>
    testModifiers.map(({ name, line }) => ({
      file: path,
      line,
      what: `${name} in a test`,
      instead: 'run all tests; use npm test -- --only to choose, t.skip() for a missing platform',
    })),
  );
}

/** Files that do not begin with a comment that says what they are for. */
export function missingHeads(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ text }) => {
      const head = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1];
      return head === undefined || !/@module\b/.test(head) || !/\w/.test(head.split('@')[0]!);
    })
    .map(({ path }) => ({
      file: path,
      line: 1,
      what: 'file without a head',
      instead: 'begin it with /** what it is for ... @module */',
    }));
}

/** Paths with a part that is not kebab-case. */
export function oddNames(paths: readonly string[]): Violation[] {
  const part = /^[a-z0-9]+(-[a-z0-9]+)*$/;
  return paths
    .filter((path) => !path.split('/').every((name) => part.test(name.replace(/(\.[a-z]+)+$/, ''))))
    .map((file) => ({
      file,
      line: 1,
      what: 'name that is not in kebab-case',
      instead: 'use lower case letters, digits and single hyphens',
    }));
}

/** A message for people: one line for each violation. */
export function report(violations: readonly Violation[]): string {
  return violations
    .map(({ file, line, what, instead }) => `${file}:${line}: ${what}; instead: ${instead}`)
    .sort()
    .join('\n');
}
