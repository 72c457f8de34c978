/**
 * What the package offers to others, as far as it shows in the text of our formatted sources: which
 * declarations entry points export, whether their members say what they are, and whether the types
 * that they name can be had as well.
 * @module
 */
import { posix } from 'node:path';
import type { Violation } from './rules.ts';

/** A declaration that an entry point exports. */
interface Declaration {
  readonly path: string;
  readonly name: string;
  readonly lines: readonly string[];
  /** Index of its first line. */
  readonly start: number;
  /** Index of its last line. */
  readonly end: number;
}

type Texts = ReadonlyMap<string, string>;

const EXPORT_LIST = /export (?:type )?\{([^}]*)\} from '(\.[^']+)';/g;
const EXPORT_ALL = /export \* from '(\.[^']+)';/g;
const IMPORT_LIST = /import (?:type )?\{([^}]*)\} from '(\.[^']+)';/g;
/** A member at the first or second depth of an interface, or at the first of a class. */
const FIELD = /^ {2,4}(?:readonly |static |override |declare )*([a-zA-Z]\w*)[?!]?: (.*)$/;
const METHOD = /^ {2}(?:static |override |async |abstract )*(?:(?:get|set) )?\*?([a-zA-Z]\w*)[<(]/;
const HIDDEN = /^ +(?:private|protected) /;
/** Says what kind of thing an object is, and is said by the object. */
const DISCRIMINANT = /^'[\w-]+';$/;

/** Members of what `entries` export that have no doc comment; those of an interface that it has. */
export function undocumented(texts: Texts, entries: readonly string[]): Violation[] {
  return publicDeclarations(texts, entries).flatMap((declaration) => {
    const { path, name, lines, start, end } = declaration;
    const found: Violation[] = [];
    const say = (index: number, what: string) =>
      found.push({ file: path, line: index + 1, what, instead: 'say what it is' });
    if (!hasComment(lines, start)) say(start, `${name} has no doc comment`);
    const inherits = / (?:implements|extends) (?!Error\b)/.test(headOf(declaration));
    const isClass = /\bclass\b/.test(lines[start]!);
    if (!isClass && !/\binterface\b/.test(lines[start]!)) return found;
    let before = '';
    for (let i = start + 1; i < end; i++) {
      const member = memberOf(lines[i]!, isClass);
      if (member === undefined) continue;
      // Further overloads, and in classes what the interface says, need no words of their own.
      const isKnown = member === before || member === 'constructor' || (isClass && inherits);
      if (!isKnown && !hasComment(lines, i)) say(i, `${name}.${member} has no doc comment`);
      before = member;
    }
    return found;
  });
}

/**
 * Types of ours that public declarations name and that no entry point exports.
 * @param internal those that nobody has to name
 */
export function unexported(
  texts: Texts,
  entries: readonly string[],
  internal: readonly string[],
): Violation[] {
  const declarations = publicDeclarations(texts, entries);
  const names = new Set(declarations.map(({ name }) => name));
  return declarations.flatMap((declaration) => {
    const { path, name, start, end, lines } = declaration;
    const ours = typesKnownIn(texts, path);
    const found = new Map<string, Violation>();
    for (let i = start; i <= end; i++) {
      const text = signatureIn(lines[i]!, declaration, i);
      for (const [type] of text.matchAll(/\b[A-Z]\w+\b/g)) {
        if (!ours.has(type) || names.has(type) || internal.includes(type)) continue;
        if (found.has(type)) continue;
        const instead = 'export it from src/core.ts, or from the entry point';
        found.set(type, { file: path, line: i + 1, what: `${name} names ${type}`, instead });
      }
    }
    return [...found.values()];
  });
}

function publicDeclarations(texts: Texts, entries: readonly string[]): Declaration[] {
  const found = new Map<string, Declaration>();
  const visit = (path: string): void => {
    const text = texts.get(path) ?? '';
    for (const [, from] of text.matchAll(EXPORT_ALL)) visit(resolved(path, from!));
    for (const [, list, from] of text.matchAll(EXPORT_LIST)) {
      for (const name of namesIn(list!)) {
        for (const declaration of find(texts, resolved(path, from!), name)) {
          found.set(`${declaration.path}:${declaration.start}`, declaration);
        }
      }
    }
  };
  for (const entry of entries) visit(entry);
  return [...found.values()];
}

function resolved(path: string, from: string): string {
  return posix.join(posix.dirname(path), from);
}

/** The names of an import or export list, as they are called where they come from. */
function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((each) =>
      each
        .trim()
        .replace(/^type /, '')
        .replace(/ as .*$/, ''),
    )
    .filter((name) => name !== '');
}

/** More than one where an interface and a class are merged. */
function find(texts: Texts, path: string, name: string): Declaration[] {
  const lines = (texts.get(path) ?? '').split('\n');
  const begin = new RegExp(
    `^export (?:declare |abstract |async )*(?:class|interface|type|function|const) ${name}\\b`,
  );
  return lines.flatMap((first, start) => {
    if (!begin.test(first)) return [];
    let end = start;
    for (let depth = 0; end < lines.length; end++) {
      const line = lines[end]!;
      depth += (line.match(/[{(]/g)?.length ?? 0) - (line.match(/[})]/g)?.length ?? 0);
      if (depth === 0 && /[;}]$/.test(line)) break;
    }
    return [{ path, name, lines, start, end }];
  });
}

/** What stands before the body. */
function headOf({ lines, start, end }: Declaration): string {
  const text = lines.slice(start, end + 1).join(' ');
  return text.slice(0, text.indexOf('{'));
}

function memberOf(line: string, isClass: boolean): string | undefined {
  // A parameter on a line of its own ends with a comma.
  if (HIDDEN.test(line) || line.endsWith(',')) return undefined;
  const field = FIELD.exec(line);
  if (field !== null) {
    const isInBody = isClass && line.startsWith('    ');
    return isInBody || DISCRIMINANT.test(field[2]!) ? undefined : field[1];
  }
  return METHOD.exec(line)?.[1];
}

function hasComment(lines: readonly string[], index: number): boolean {
  let at = index - 1;
  while (/^\s*\/\/ biome-ignore/.test(lines[at] ?? '')) at--;
  return /\*\/$/.test(lines[at] ?? '');
}

/** The part of a line that others see: of classes no bodies, of functions the head. */
function signatureIn(line: string, { lines, start }: Declaration, index: number): string {
  const text = line.replace(/\/\*\*?.*?\*\//g, '').replace(/^\s*\*.*$|\/\/.*$/, '');
  const first = lines[start]!;
  if (/\b(?:interface|type)\b/.test(first)) return text.replace(/'[^']*'/g, '');
  if (index === start) return text;
  if (!/\bclass\b/.test(first) || HIDDEN.test(line) || /^ {2}(?:constructor|[\w *]*#)/.test(line))
    return '';
  return /^ {2}\S/.test(line) ? text : '';
}

/** Names of types that a file declares, or imports from files of ours that declare them. */
function typesKnownIn(texts: Texts, path: string): Set<string> {
  const declaredIn = (text: string): string[] =>
    Array.from(
      text.matchAll(/^(?:export )?(?:abstract )?(?:interface|type|class) (\w+)/gm),
      (found) => found[1]!,
    );
  const text = texts.get(path) ?? '';
  const imported = [...text.matchAll(IMPORT_LIST)].flatMap(([, list, from]) => {
    const declared = declaredIn(texts.get(resolved(path, from!)) ?? '');
    return namesIn(list!).filter((name) => declared.includes(name));
  });
  return new Set([...imported, ...declaredIn(text)]);
}
